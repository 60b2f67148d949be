"""Keras's own tests under `tellapart.fit`: each that passes with Keras's `fit` has to pass with ours.

    python benchmarks/keras_own_tests.py                             # every test file that may train
    python benchmarks/keras_own_tests.py --files trainers callbacks  # only those in these folders of keras/src

The wheel of Keras carries its tests, so they are those of the installed version. Each file of them runs twice on
the torch backend: with Keras's `Trainer.fit`, and with that method replaced by a call of `tellapart.fit`. Within
that call `fit` is Keras's again, since `tellapart.fit` calls it. A test counts as training if it calls `fit`.

Some test modules import TensorFlow or JAX at their top and need them in few tests. Where such a package is missing,
the module gets a stand-in, and only a test that uses it is skipped, on both sides.

Prints a table and writes it to benchmarks/results/. Exit code 1: some test passes under Keras and fails under
tellapart for a reason that `KNOWN` does not list.
"""

import argparse
import builtins
import collections
import contextlib
import datetime
import functools
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, ModuleType

import pytest
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
SIDES = ("keras", "tellapart")
WORDS = (".fit(", "run_layer_test", "run_training_check", "train_on_batch", "train_step")
ADDRESS = re.compile(r"0x[0-9a-f]+")
"""A place in memory, which some tests have in their names; it differs between two runs."""

KNOWN: dict[str, str] = {}
"""Test -> why it may fail under `tellapart.fit` although it passes under Keras."""


COLUMNS = {
    "tests that train": "training",
    "pass under Keras": "keras",
    "pass under tellapart": "tellapart",
    "of them by steps of tellapart's": "ours",
    "others that pass under Keras": "others",
    "skipped": "skipped",
}


# One side: runs the tests in this process.


class Missing(ModuleType):
    """Stands for a package that is not installed, or for something in it; a test that calls it is skipped."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self.__name__}.{name}")

    def __call__(self, *_, **__):
        raise unittest.SkipTest(f"needs {self.__name__.split('.')[0]}")

    def __mro_entries__(self, bases):
        return (object,)


@contextlib.contextmanager
def stand_ins_for_missing_packages():
    """Make the imports of test modules succeed; only theirs, since Keras itself asks what is installed."""
    real = builtins.__import__

    def import_for_tests(name, globals=None, locals=None, fromlist=(), level=0):
        try:
            return real(name, globals, locals, fromlist, level)
        except ModuleNotFoundError as error:
            importer = (globals or {}).get("__name__", "")
            own_fault = (error.name or "").split(".")[0] != name.split(".")[0]
            if own_fault or not (importer.startswith("keras.") and importer.endswith("_test")):
                raise
            return Missing(name if fromlist else name.split(".")[0])

    builtins.__import__ = import_for_tests
    try:
        yield
    finally:
        builtins.__import__ = real


class Recorder:
    """A pytest plugin: the outcome of every test, why it failed, and how often it called `fit`."""

    def __init__(self):
        self.tests = {}
        self.fits = self.steps = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self):
        """Import the test modules."""
        with stand_ins_for_missing_packages():
            return (yield)

    def pytest_collection_modifyitems(self, items):
        """Take the test modules out of Keras: their classes are those of a user."""
        for module in {item.module.__name__: item.module for item in items}.values():
            as_module_of_a_user(module)

    def pytest_runtest_setup(self):
        """Begin to count."""
        self.fits = self.steps = 0

    def pytest_runtest_logreport(self, report):
        """Keep the outcome of a test's call, or of a setup or teardown that went wrong."""
        if report.when == "call" or report.outcome != "passed":
            name = ADDRESS.sub("0x", report.nodeid.split("keras/src/")[-1])
            record = self.tests.setdefault(
                name, {"outcome": report.outcome, "fits": 0, "steps": 0, "reason": ""}
            )
            record["fits"], record["steps"] = max(record["fits"], self.fits), max(record["steps"], self.steps)
            if report.outcome != "passed":
                reason = reason_of(report)
                lacks = reason.startswith(("ModuleNotFoundError", "ImportError: This requires"))
                record |= {"outcome": "skipped" if lacks else report.outcome, "reason": reason}


def as_module_of_a_user(module):
    """Rename a module of keras.src, and with it the classes that it has defined and those that it will."""
    old, new = module.__name__, module.__name__.replace("keras.src.", "tests_of_keras.")
    module.__name__, sys.modules[new] = new, module
    for defined in list(vars(module).values()):
        if isinstance(defined, type | FunctionType) and defined.__module__ == old:
            defined.__module__ = new


def reason_of(report):
    """Return the line of a report that says why a test failed or was skipped."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[-1])
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(report.longrepr if crash is None else crash.message)[-2000:]


def replace_fit(recorder, side):
    """Count the calls of Keras's `Trainer.fit`; on our side, replace its outermost call for each model by ours.

    Count our steps, too: where a model's own code decides, ours leave the training to Keras.
    """
    import tellapart
    from tellapart.keras_backend import import_keras
    from tellapart.training.step import TrainStep

    import_keras()
    from keras.src.backend.torch.trainer import TorchTrainer

    keras_fit, running = TorchTrainer.fit, set()

    @functools.wraps(keras_fit)  # or it would look like a method of the user's
    def fit(model, *args, **kwargs):
        if id(model) in running:
            return keras_fit(model, *args, **kwargs)
        recorder.fits += 1
        running.add(id(model))
        try:
            chosen = tellapart.fit if side == "tellapart" else keras_fit
            return chosen(model, *args, **kwargs)
        finally:
            running.discard(id(model))

    build_step = TrainStep.__init__

    def counted(step, *args, **kwargs):
        recorder.steps += 1
        build_step(step, *args, **kwargs)

    TorchTrainer.fit, TrainStep.__init__ = fit, counted


def run_side(side, files, record):
    """Run the tests of `files` and write their outcomes to the file `record`."""
    recorder = Recorder()
    replace_fit(recorder, side)
    options = [
        "-q",
        "-W",
        "ignore",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-c",
        os.devnull,
        "--no-header",
        f"--rootdir={source_of_keras()}",  # so that a test's name begins with its folder
    ]
    pytest.main([*options, "--tb=short", *files], plugins=[recorder])
    record.write_text(json.dumps(recorder.tests))


# The driver.


def source_of_keras():
    """Return keras/src, in which the tests stand beside what they test."""
    return Path(find_spec("keras").origin).parent / "src"


def test_files(names):
    """Return the test files that may train, in the given folders of keras/src, by folder."""
    source = source_of_keras()
    files = {}
    for path in sorted(path for name in names for path in (source / name).rglob("*_test.py")):
        if any(word in path.read_text() for word in WORDS):
            files.setdefault(path.relative_to(source).parts[0], []).append(path)
    return files


def outcomes(side, files, seconds):
    """Run the files of each folder in a process of its own, so that one that dies takes no others with it."""
    tests = {}
    for name, paths in files.items():
        with tempfile.TemporaryDirectory() as folder:
            record = Path(folder) / "record.json"
            command = [sys.executable, __file__, "--side", side, "--record", record, *paths]
            try:
                ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
                tail = ended.stdout[-400:] + ended.stderr[-400:]
            except subprocess.TimeoutExpired:
                tail = f"not done after {seconds} seconds"
            of_folder = json.loads(record.read_text()) if record.is_file() else {}
            if not of_folder:
                of_folder = {f"{name}/": {"outcome": "failed", "fits": 0, "steps": 0, "reason": tail}}
        tests |= of_folder
        counts = collections.Counter(test["outcome"] for test in of_folder.values())
        print(f"{side}: {name}: {dict(counts)}", file=sys.stderr, flush=True)
    return tests


def compared(theirs, ours):
    """Return the table's rows, and for each test that passes only under Keras its reason under ours."""
    training = {name for side in (theirs, ours) for name, test in side.items() if test["fits"]}
    rows, differing = {}, {}
    for name in sorted(theirs):
        row = rows.setdefault(name.split("/")[0], collections.Counter())
        expected, actual = (
            theirs[name],
            ours.get(name, {"outcome": "missing", "reason": "", "fits": 0, "steps": 0}),
        )
        if expected["outcome"] == "skipped":
            row["skipped"] += 1
        elif name in training:
            row["training"] += 1
            row["keras"] += expected["outcome"] == "passed"
            row["tellapart"] += actual["outcome"] == "passed"
            row["ours"] += actual["outcome"] == "passed" and actual["steps"] > 0
        else:
            row["others"] += expected["outcome"] == "passed"
        if expected["outcome"] == "passed" != actual["outcome"]:
            differing[name] = actual["reason"] or actual["outcome"]
    return rows, differing


def page(rows, differing, record):
    """Return the results as Markdown."""
    total = sum(rows.values(), collections.Counter())
    lines = [{column: row[key] for column, key in COLUMNS.items()} for row in (*rows.values(), total)]
    for line, name in zip(lines, [*rows, "all"], strict=True):
        line["folder"] = name
    failures = [
        f"- `{name}`: {KNOWN.get(name, 'NOT LISTED: ' + reason.strip().splitlines()[-1][:300])}"
        for name, reason in differing.items()
    ]
    return "\n".join(
        [
            f"# Keras's own tests under tellapart.fit, {record['date']}",
            "",
            f"The tests of Keras {record['versions']['keras']} on its torch backend, with `Trainer.fit` and with "
            "`tellapart.fit` in its place. A test trains if it calls `fit`.",
            "",
            table(lines, ["folder", *COLUMNS]),
            "",
            "Passes under Keras and fails under tellapart:",
            "",
            *(failures or ["- none"]),
            "",
            *origin_lines(record),
        ]
    )


def main():
    """Run both sides and compare, or, as a process of its own, one side."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", nargs="+", default=["."], help="folders or files of keras/src")
    parser.add_argument("--seconds", type=float, default=900, help="time limit of the tests of each folder")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--record", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("paths", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        run_side(options.side, options.paths, options.record)
        return 0
    now = datetime.datetime.now(datetime.UTC)
    files = test_files(options.files)
    sides = {side: outcomes(side, files, options.seconds) for side in SIDES}
    rows, differing = compared(sides["keras"], sides["tellapart"])
    record = {
        "date": f"{now:%Y-%m-%dT%H:%M+00:00}",
        "hardware": hardware(),
        "versions": versions(),
        "command": shlex.join(["python", "benchmarks/keras_own_tests.py", *sys.argv[1:]]),
        "tests": sides,
        "known": KNOWN,
    }
    write_results(options.results, "keras_own_tests", now, page(rows, differing, record), record)
    return int(bool(differing.keys() - KNOWN.keys()))


if __name__ == "__main__":
    sys.exit(main())
