"""Trainings cut at every step and gone on with: not one bit may differ from one that was not cut.

    python benchmarks/faults/exact_resume.py [--only SGD ...] [--dry]

For SGD, RMSprop, Adam and Muon, with and without augmentation, on one and on two threads of torch, and for recipe
`transfer` (features, fit of the head, each step of its fine-tuning, scoring; two of these four settings): an
uninterrupted training of three epochs saves a checkpoint at each step, and its folder is copied at each of them, as a
kill would leave it: after every step, after every epoch's end, and between the saves at its end. Each copy is resumed
to the end. One further training is killed after each single step and resumed each time.

Compared with the uninterrupted one: every bit of weights, of the optimizer's state, of the best epoch's weights, of
model.keras, of the predictions, and the figures of epochs and scores. Trainings are made to use two threads where they
would use one for so little work; reports, which are most of so small a training's time, are left out. About 8 minutes
of one core.

A difference is a fault, and the exit code 1. Writes a dated page to benchmarks/results/, unless --dry.
"""

import argparse
import datetime
import itertools
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import hardware, origin_lines, table, versions, write_results
from small_runs import (
    OPTIMIZERS,
    before,
    config_of,
    differing,
    forked,
    import_everything,
    pictures,
    save_at_every_step,
    state_of,
)

RESULTS = Path(__file__).parents[1] / "results"
STEPS_OF_CHAIN = 100
"""After so many kills a chain is given up: it makes no progress."""


class Killed(BaseException):
    """Stands in for a killed process: nothing that follows it runs."""


def train(threads, listener, **settings):
    """Train in this process, with a checkpoint at each step and this number of threads."""
    import torch

    import tellapart
    from tellapart.api import train as api_train
    from tellapart.runtime import threads as of_runtime

    api_train._with_report = lambda result, *_: result
    of_runtime.LITTLE_WORK = 0.0
    torch.set_num_threads(threads)
    save_at_every_step()
    images, labels = pictures()
    result = tellapart.train(images, labels=labels, listener=listener, **settings)
    assert torch.get_num_threads() == threads
    return result


def whole(name, augment, threads, out, copies):
    """Train without a cut; copy the folder at every event that a kill could follow. Return the state and the copies."""
    from tellapart.api import finish, training_run, transfer_run
    from tellapart.api.listener import Listener
    from tellapart.events import StepDone

    made = []

    def copy(what):
        place = copies / f"{len(made):03}"
        shutil.copytree(out, place, ignore=shutil.ignore_patterns(".lock*"))
        made.append(what)

    class Copier(Listener):
        def folder_made(self, _):
            copy("folder made")

        def event(self, event):
            copy("step" if isinstance(event, StepDone) else type(event).__name__)

    for module in (training_run, transfer_run):
        before(module, "score_test", lambda: copy("scoring"))
    before(finish, "save_predictions", lambda: copy("predictions"))
    before(finish, "save_prediction_grid", lambda: copy("picture grid"))
    if name != "transfer":
        before(training_run, "_calibrate", lambda: copy("calibration"))
    train(threads, Copier(), recipe=config_of(name, augment), out=out)
    copy("finished")
    return {"state": state_of(out), "copies": made}


def resumed(threads, run):
    from tellapart.api.listener import Listener

    train(threads, Listener(), resume=run)
    return state_of(run)


def one_step(threads, settings):
    """Train one step, and be killed; True where the training came to its end instead."""
    from tellapart.api.listener import Listener
    from tellapart.events import StepDone

    class Killer(Listener):
        def event(self, event):
            if isinstance(event, StepDone):
                raise Killed

    try:
        return train(threads, Killer(), **settings).finished
    except Killed:
        return False


def chain(name, augment, threads, run):
    """Kill a training after each single step; return how it ended, and how often it was killed."""
    settings = {"recipe": config_of(name, augment), "out": run}
    for kills in range(STEPS_OF_CHAIN):
        told = forked(one_step, threads, settings)
        if told["outcome"] != "fine" or told["value"]:
            return told, kills
        settings = {"resume": run}
    return told | {"outcome": "never ended"}, STEPS_OF_CHAIN


def measure(name, augment, threads, folder):
    """Cut one training everywhere; return a row of counts, and the faults."""
    began = time.perf_counter()
    case = {"optimizer": name, "augmentation": "on" if augment else "off", "threads": threads}
    told = forked(whole, name, augment, threads, folder / "whole", folder / "copies", seconds=600)
    if told["outcome"] != "fine":
        return case | {"cuts": 0, "differing": 1, "kinds": [], "seconds": 0.0}, [case | told]
    expected, made = told["value"]["state"], told["value"]["copies"]
    faults = []
    for number, what in enumerate(made):
        cut = forked(resumed, threads, folder / "copies" / f"{number:03}")
        faults += fault(case | {"cut": number, "at": what}, cut, expected)
        shutil.rmtree(folder / "copies" / f"{number:03}")
    ended, kills = chain(name, augment, threads, folder / "chain")
    state = state_of(folder / "chain") if ended["outcome"] == "fine" else None
    faults += fault(case | {"cut": "chain", "at": f"{kills} kills"}, ended | {"value": state}, expected)
    row = {"cuts": len(made), "kinds": made, "kills of the chain": kills, "differing": len(faults)}
    return case | row | {"seconds": time.perf_counter() - began}, faults


def fault(case, told, expected):
    """Return what is wrong with a resumed training, in a list; empty where nothing is."""
    if told["outcome"] != "fine":
        return [case | {"outcome": told["outcome"], "message": told["message"]}]
    differs = differing(told["value"], expected)
    return [case | {"outcome": "differs", "message": ", ".join(differs)}] if differs else []


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = (*OPTIMIZERS, "transfer")
    parser.add_argument("--only", nargs="+", default=names, choices=names)
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    machine = hardware()
    os.environ.setdefault(
        "OMP_WAIT_POLICY", "PASSIVE"
    )  # beside other programs, threads that spin take ten times as long
    import_everything()
    rows, faults = [], []
    for name, augment, threads in itertools.product(options.only, (False, True), (1, 2)):
        if name == "transfer" and augment != (threads == 2):
            continue
        with tempfile.TemporaryDirectory() as folder:
            row, found = measure(name, augment, threads, Path(folder))
        rows.append(row)
        faults += found
        print({key: row[key] for key in row if key != "kinds"}, found[:2], file=sys.stderr, flush=True)
    report(options, machine, rows, faults)
    sys.exit(bool(faults))


def report(options, machine, rows, faults):
    now = datetime.datetime.now(datetime.UTC)
    only = "" if len(options.only) == len(OPTIMIZERS) + 1 else f" --only {' '.join(options.only)}"
    record = {
        "rows": rows,
        "faults": faults,
        "hardware": machine,
        "versions": versions(),
        "command": f"python benchmarks/faults/exact_resume.py{only}",
    }
    columns = ("optimizer", "augmentation", "threads", "cuts", "kills of the chain", "differing")
    cuts, kills = (sum(row.get(name, 0) for row in rows) for name in ("cuts", "kills of the chain"))
    lines = [
        f"# Cut and resumed, {now:%Y-%m-%d}",
        "",
        f"{cuts} cuts, each resumed to the end, and {len(rows)} trainings killed after every step ({kills} kills). "
        f"Cuts after which a bit of weights, optimizer state, model, predictions, epochs or scores differs from "
        f"the uninterrupted training: {len(faults)}.",
        "",
        table([{"kills of the chain": 0} | row for row in rows], columns),
        "",
        *[f"- {fault}" for fault in faults[:20]],
        "",
        *origin_lines(record),
    ]
    if options.dry:
        print("\n".join(lines))
    else:
        write_results(RESULTS, "exact_resume", now, "\n".join(lines), record)


if __name__ == "__main__":
    main()
