"""Power lost at every operation of real trainings: what was acknowledged as saved is there, and the training goes on.

    python benchmarks/faults/lost_power.py [--every 40] [--without-flushes] [--dry]

Trainings with a checkpoint after each step run under strace, which records every write, flush (fsync), rename, removal
and new folder with all content (Python could be watched from within, but safetensors writes from Rust): one with the
recipe `quick`, and one with `transfer`; each is killed in its sixth save, then resumed to its end. The record is done
again operation by operation, and after each one the power is cut (`recorded_disk.py`): what was not flushed is there or
missing, in all ways that file systems keep names and data. About 10 minutes.

In every such state: the newest checkpoint whose save had returned, or a newer one, is loaded and equals what was in
memory; every other file that was acknowledged (run.toml, split.csv, model.keras, predictions, kept weights) has its
content; and log.jsonl can be read. In each fortieth (`--every`) the command goes on in a copy of the state: `--resume`,
or the same command where run.toml is not there, must come to the bytes of an uninterrupted training. Anything else is a
fault, and the exit code 1. Writes a dated page and every fault to benchmarks/results/, unless --dry. With
--without-flushes the trainings flush no file: faults must be found, which tries the check itself.
"""

import argparse
import datetime
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import hardware, origin_lines, table, versions, write_results
from recorded_disk import MARK, TRACED, Disk, key_of, record
from training_process import Training, import_everything, make_data, result_of, words_of

RESULTS = Path(__file__).parents[1] / "results"

EACH_STEP = -1.0
"""Seconds between two checkpoints."""

SAVE_KILLED = 6

ACKNOWLEDGED = (
    *(("tellapart.api.prepare", "write_split_csv", 1), ("tellapart.runs.folder", "write_sealed", 0)),
    *(
        ("tellapart.runs.checkpointer", "save_weights", 0),
        ("tellapart.classifier.classifier", "save_keras", 1),
    ),
    *(("tellapart.api.finish", "save_predictions", 0), ("tellapart.api.finish", "save_prediction_grid", 1)),
    ("tellapart.reports.report", "write_text", 0),
)
"""Module, function, and which of its arguments is the path that is saved when it returns."""


def mark(path):
    """Let the trace show that a path is saved."""
    os.access(f"{MARK}{path}", os.F_OK)


def prepared(say_digest, flushes):
    """Return what lets a forked training mark what it has saved; a digest of each checkpoint goes to `say_digest`."""

    def prepare():
        from importlib import import_module

        from tellapart import files
        from tellapart.runs import checkpointer

        if not flushes:
            files._sync = str

        for module, name, index in ACKNOWLEDGED:
            _wrap(import_module(module), name, lambda arguments, index=index: mark(arguments[index]))
        save = checkpointer.save_checkpoint

        def save_and_mark(path, model, state, best):
            digest = digest_of_training(model, state, best)
            say_digest(digest)
            save(path, model, state, best)
            mark(f"/{digest}")

        checkpointer.save_checkpoint = save_and_mark

    return prepare


def _wrap(module, name, then):
    function = getattr(module, name)

    def wrapped(*arguments, **named):
        result = function(*arguments, **named)
        then(arguments)
        return result

    setattr(module, name, wrapped)


def digest_of_training(model, state, best):
    """Return a digest of all that a checkpoint holds."""
    digest = hashlib.sha256(json.dumps(asdict(state)).encode())
    optimizer = [np.asarray(v.numpy()) for v in model.optimizer.variables]
    for value in (*model.get_weights(), *optimizer, *(best or [])):
        digest.update(value.tobytes())
    return digest.hexdigest()


def recorded(recipe, folder, flushes):
    """Train, kill and resume under strace; return the operations, and the digests of all checkpoints in order."""
    place, digests_file = folder / recipe / "disk", folder / recipe / "digests"
    place.mkdir(parents=True)

    def say_digest(digest):
        with digests_file.open("a") as file:
            file.write(f"{digest}\n")

    operations, run = [], place / "runs" / "mine"
    for words in ((*words_of(recipe, folder), "--out", run), ("train", "--resume", run, "--quiet")):
        trace = folder / recipe / "trace"
        named = {"prepare": prepared(say_digest, flushes), "traced": [*TRACED, "-o", str(trace)]}
        training = Training(words, pause=EACH_STEP, **named)
        if "--resume" in words:
            training.end()
            assert training.code == 0, training.output
        else:
            training.kill_in_save(SAVE_KILLED, 0.002)
        operations += record(trace, place)
    expected, model = result_of(run), Model(run / "last.safetensors")
    shutil.rmtree(place / "runs")
    trace.unlink()
    return place, operations, digests_file.read_text().split(), expected, model


class Variable:
    """Stands for a variable of Keras, to be loaded into."""

    def __init__(self, value):
        self.value, self.shape = value, value.shape

    def assign(self, value):
        self.value = value

    def numpy(self):
        return self.value


class Model:
    """Stands for the trained network, to load checkpoints into without Keras."""

    built = True

    def __init__(self, checkpoint):
        from tellapart.runs.tensors_file import read_tensors

        tensors, _ = read_tensors(checkpoint)
        self.weights, self.variables = (
            [Variable(tensors[name]) for name in sorted(tensors) if name.startswith(group)]
            for group in ("weights/", "optimizer/")
        )

    @property
    def optimizer(self):
        return self

    def get_weights(self):
        return [variable.value for variable in self.weights]


def states(place, operations):
    """Yield each state that differs: (after which operation, how, files, digests that were acknowledged)."""
    disk, acknowledged, saved, seen = Disk(place), {}, None, set()
    for number, operation in enumerate(operations):
        if operation.path.startswith(MARK):
            what = operation.path.removeprefix(MARK)
            if what in disk.names:
                acknowledged[what] = disk.names[what].after_power_cut("there").digest
            else:
                saved = what.lstrip("/")
        else:
            disk.do(operation)
        for how, files in disk.after_power_cut():
            key = hash((saved, key_of(files)))
            if key not in seen:
                seen.add(key)
                yield number, how, files, dict(acknowledged), saved


class Checker:
    """Loads checkpoints, each state of their files once."""

    def __init__(self, run, folder, order, model):
        self.run, self.copy, self.order, self.known = str(run), folder / "checked", order, {}
        self.model = model

    def loaded(self, files):
        """Return the place in order of the checkpoint that is loaded, -1 for none, and what is said."""
        from tellapart.errors import ModelError
        from tellapart.runs.checkpoint import checkpoint_exists, load_checkpoint

        mine = {path: content for path, content in files.items() if path.startswith(f"{self.run}/last")}
        key = key_of(mine)
        if key not in self.known:
            shutil.rmtree(self.copy, ignore_errors=True)
            self.copy.mkdir()
            for path, content in mine.items():
                (self.copy / Path(path).name).write_bytes(content.content)
            path = self.copy / "last.safetensors"
            try:
                state, best, said = load_checkpoint(path, self.model)
                self.known[key] = self.order.index(digest_of_training(self.model, state, best)), said
            except (ModelError, ValueError) as reason:
                self.known[key] = -1, str(reason) if checkpoint_exists(path) else ""
        return self.known[key]


def fault_in(files, acknowledged, saved, checker):
    """Return what is wrong with a state; empty if nothing is."""
    from tellapart.runs.event_log import read_log

    place, said = checker.loaded(files)
    if saved is not None and place < checker.order.index(saved):
        return f"checkpoint {checker.order.index(saved)} was acknowledged, {place} is loaded; {said}"
    if saved is None and place < 0 and said:
        return f"a checkpoint is there and cannot be loaded: {said}"
    for path, digest in acknowledged.items():
        if path not in files or files[path].digest != digest:
            return f"{path} was acknowledged and is {'other' if path in files else 'missing'}"
    log = files.get(f"{checker.run}/log.jsonl")
    if log is not None:
        copy = checker.copy.with_name("log.jsonl")
        copy.write_bytes(log.content)
        read_log(copy)
    return ""


def gone_on(number, recipe, folder, place, files, expected):
    """Go on with the training in a copy of a state; return what is wrong; empty if nothing is."""
    copy = folder / f"{recipe}-{number}"
    for path, content in files.items():
        target = copy / Path(path).relative_to(place)
        if content is None:
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.content)
    run = copy / "runs" / "mine"
    again = ("train", "--resume", run, "--quiet") if (run / "run.toml").exists() else None
    training = Training(again or (*words_of(recipe, folder), "--out", run), pause=EACH_STEP).end()
    if training.code != 0:
        return f"going on ended with {training.code}: {training.output}"
    result = result_of(run)
    if differ := [name for name in expected if result[name] != expected[name]]:
        left = sorted(set(result["files"]) ^ set(expected["files"]))
        return f"going on came to other {', '.join(differ)} {left if 'files' in differ else ''}"
    shutil.rmtree(copy)
    return ""


def run(recipe, folder, every, flushes):
    """Return what there is to tell of a recipe's trainings, and the faults."""
    place, operations, order, expected, model = recorded(recipe, folder, flushes)
    checker = Checker(place / "runs" / "mine", folder, order, model)
    faults, count, promised, going_on = [], 0, 0, 0
    for number, how, files, acknowledged, saved in states(place, operations):
        fault = fault_in(files, acknowledged, saved, checker)
        if count % every == 0:
            fault = fault or gone_on(count, recipe, folder, place, files, expected)
            going_on += 1
        if fault:
            where = f"{operations[number].call} {operations[number].path}"
            faults.append({"recipe": recipe, "state": count, "after": where, "how": how, "fault": fault})
            print(json.dumps(faults[-1]), flush=True)
        count, promised = count + 1, promised + (saved is not None)
    calls = Counter(operation.call for operation in operations if not operation.path.startswith(MARK))
    return {
        "recipe": recipe,
        "operations": calls.total(),
        "writes": calls["write"],
        "flushes": calls["fsync"],
        "renames": calls["rename"],
        "saves": len(order),
        "states": count,
        "with an acknowledged checkpoint": promised,
        "gone on with": going_on,
        "faults": len(faults),
    }, faults


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=40)
    parser.add_argument("--without-flushes", action="store_true")
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    machine, began, rows, faults = hardware(), time.perf_counter(), [], []
    with tempfile.TemporaryDirectory() as folder:
        import_everything()
        make_data(Path(folder))
        for recipe in ("transfer", "quick"):
            row, found = run(recipe, Path(folder), options.every, not options.without_flushes)
            rows.append(row)
            faults += found
    now = datetime.datetime.now(datetime.UTC)
    command = f"python benchmarks/faults/lost_power.py --every {options.every}"
    record = {"rows": rows, "faults": faults, "hardware": machine, "versions": versions(), "command": command}
    page = [
        f"# Power lost while training, {now:%Y-%m-%d}",
        "",
        f"{sum(row['states'] for row in rows)} different states of a run folder after a power cut, from every prefix "
        f"of {sum(row['operations'] for row in rows)} recorded operations, in {(time.perf_counter() - began) / 60:.0f} "
        "minutes. In each, the newest acknowledged checkpoint or a newer one was loaded and compared with what was in "
        "memory when it was saved, and every other acknowledged file with its content. In some the training went on, "
        f"and came to the bytes of an uninterrupted one. Faults: {len(faults)}.",
        "",
        table(rows, list(rows[0])),
        "",
        *[
            f"- {count} x {fault}"
            for fault, count in Counter(f["fault"][:300] for f in faults).most_common(20)
        ],
        *origin_lines(record),
    ]
    if options.dry:
        print("\n".join(page))
    else:
        write_results(RESULTS, "lost_power", now, "\n".join(page), record)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
