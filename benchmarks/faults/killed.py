"""Trainings killed with SIGKILL at any moment, and their resumed ones too: nothing that was saved is lost.

    python benchmarks/faults/killed.py [--kills 300] [--early 50] [--first 0] [--no-operations] [--dry]

Three kinds of cases, each a real process of the command `train` and real files:
- random: killed at a random time, or at a random time within a save, by turns; then `--resume` is killed too in two of
  three cases, once or twice. One of four trains with `transfer` (a small backbone, fine-tuned). About 10 minutes.
- early: killed before the end of the first epoch, in half of them with checkpoints as seldom as people have them, so
  that nothing was saved. About 3 minutes.
- operations: a training is watched by strace, and then one is killed at each single write, flush, rename and other
  change of a file that it made in its run folder: in its beginning, its first three saves and its end. About 10
  minutes.

After the last kill `train --resume` must end well, or the same command where run.toml was not written yet. Then the
weights, the optimizer's state, the model, the predictions and the epochs are those of an uninterrupted training, no
step before the last save is done again, and no file is left over. A case is a function of its number, but for the
machine's speed. Checkpoints are written after each step, or every 0.05 s. Anything else is a fault, and the exit code
1. Writes a dated page and every fault to benchmarks/results/, unless --dry.
"""

import argparse
import datetime
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import hardware, origin_lines, table, versions, write_results
from training_process import (
    OPERATIONS,
    Training,
    import_everything,
    make_data,
    operations_in,
    result_of,
    words_of,
)

RESULTS = Path(__file__).parents[1] / "results"

EACH_STEP, OFTEN, AS_USUAL = -1.0, 0.05, None
"""Seconds between two checkpoints."""

SAVES_KILLED = 3
"""The first saves of a training at each of whose operations one is killed."""


class Uninterrupted:
    """What a training of a recipe comes to, and how long it takes."""

    def __init__(self, recipe, folder):
        """Train twice: both must come to the same."""
        run = folder / f"uninterrupted-{recipe}"
        results = []
        for name, pause in (("a", AS_USUAL), ("b", EACH_STEP)):
            began = time.perf_counter()
            training = Training((*words_of(recipe, folder), "--out", run / name), pause=pause).end()
            if training.code != 0:
                raise SystemExit(training.output)
            self.seconds = time.perf_counter() - began
            results.append(result_of(run / name))
        assert results[0] == results[1]
        self.result, self.steps = results[1], len(training.steps)
        self.first_epoch = next(event[1] for event in training.events if event[0] == "epoch")
        self.saves = training.count("save")
        times = [event[1] for event in training.events if event[0] in ("save", "saved")]
        self.save_seconds = float(np.mean(np.diff(times)[::2]))
        shutil.rmtree(run)


class Case:
    """A training that is killed, again where it is resumed, and at last brought to its end."""

    def __init__(self, number, kind, recipe, folder, whole):
        self.told = {"number": number, "kind": kind, "recipe": recipe, "kills": [], "fault": ""}
        self.words, self.whole, self.folder = words_of(recipe, folder), whole, folder
        self.run = folder / f"run-{number}"
        self.reached = self.saved = self.again = 0
        self.per_epoch = whole.steps // 3

    def start(self, pause, **named):
        """Begin, go on, or begin anew, as what is in the folder wants it."""
        self.resumes = (self.run / "run.toml").exists()
        words = (
            ("train", "--resume", self.run, "--quiet") if self.resumes else (*self.words, "--out", self.run)
        )
        return Training(words, pause=pause, **named)

    def take_in(self, training):
        """Note what an ended training did."""
        steps = [epoch * self.per_epoch + step for epoch, step in training.steps]
        if steps:
            if steps != list(range(steps[0], steps[0] + len(steps))):
                self.told["fault"] += f"steps out of order: {steps}; "
            if steps[0] < self.saved:
                self.told["fault"] += f"went on at step {steps[0]} although step {self.saved} was saved; "
            self.again = max(self.again, self.reached - steps[0])
            self.reached = steps[-1] + 1
        for _, _, epoch, step in (event for event in training.events if event[0] == "saved"):
            self.saved = epoch * self.per_epoch + step
        if training.was_killed:
            what = "resume" if self.resumes else "train"
            self.told["kills"].append(what + " in a save" * training.ended_in_save)

    def finish(self):
        """Bring it to its end, and compare; return what there is to tell."""
        training = self.start(EACH_STEP).end()
        self.take_in(training)
        how = "resumed" if self.resumes else "begun anew"
        if training.code != 0:
            self.told["fault"] += f"{how}, it ended with {training.code}: {training.output}"
        else:
            result = result_of(self.run)
            differ = [name for name, value in self.whole.result.items() if result[name] != value]
            if differ:
                self.told["fault"] += f"{how}, its {', '.join(differ)} differ; "
                self.told["left"] = sorted(set(result["files"]) ^ set(self.whole.result["files"]))
        self.told |= {"how": how, "steps_again": self.again}
        if not self.told["fault"]:
            shutil.rmtree(self.run, ignore_errors=True)
        return self.told


def random_case(number, folder, wholes):
    rng = np.random.default_rng((1, number))
    recipe = "transfer" if number % 4 == 3 else "quick"
    whole = wholes[recipe]
    case = Case(f"random-{number}", "random", recipe, folder, whole)
    case.told["pause"] = pause = (EACH_STEP, OFTEN)[number % 2]
    for turn in range(1 + number % 3):
        training = case.start(pause)
        if (number + turn) % 2:
            saves = whole.saves if pause == EACH_STEP else 3
            left = max(1, saves - case.saved) if pause == EACH_STEP else saves
            training.kill_in_save(rng.integers(1, left + 1), rng.uniform(0, whole.save_seconds))
        else:
            training.kill_at(rng.uniform(0, whole.seconds))
        case.take_in(training)
    return case.finish()


def early_case(number, folder, wholes):
    rng = np.random.default_rng((2, number))
    recipe = "transfer" if number % 4 == 3 else "quick"
    case = Case(f"early-{number}", "early", recipe, folder, wholes[recipe])
    case.told["pause"] = pause = (EACH_STEP, AS_USUAL)[number // 4 % 2]
    training = case.start(pause).kill_at(rng.uniform(0, wholes[recipe].first_epoch))
    case.take_in(training)
    if training.count("epoch"):
        case.told["kills"] = ["later"]
    return case.finish()


def watched(recipe, folder):
    """Return the operations of a training up to its third save and from its last one on."""
    run, trace = folder / "watched", folder / "trace"
    arguments = ["-y", "-s0", "-o", str(trace), "-e", "signal=none", "-e", f"trace={','.join(OPERATIONS)}"]
    training = Training((*words_of(recipe, folder), "--out", run), pause=EACH_STEP, traced=arguments).end()
    assert training.code == 0, training.output
    operations = operations_in(trace, run)
    renamed = [n for n, (call, _, place) in enumerate(operations) if call == "rename" and "last-new" in place]
    shutil.rmtree(run)
    chosen = operations[: renamed[2 * SAVES_KILLED - 1] + 2] if recipe == "quick" else []
    return [*chosen, *operations[renamed[-2] + 2 :]]


def operation_case(number, operation, recipe, folder, whole):
    call, which, place = operation
    case = Case(f"{recipe}-{number}", "operation", recipe, folder, whole)
    case.told["operation"] = f"{call} {which} {place}"
    kill = f"inject={call}:signal=SIGKILL:when={which}"
    arguments = ["-o", str(folder / "trace"), "-e", "signal=none", "-e", f"trace={call}", "-e", kill]
    case.take_in(case.start(EACH_STEP, traced=arguments).end())
    return case.finish()


def cases(options, folder):
    """Yield what every case tells."""
    wholes = {recipe: Uninterrupted(recipe, folder) for recipe in ("quick", "transfer")}
    kills, number = 0, options.first
    while kills < options.kills:
        told = random_case(number, folder, wholes)
        kills, number = kills + len(told["kills"]), number + 1
        yield told
    early, number = 0, options.first
    while early < options.early:
        told = early_case(number, folder, wholes)
        early, number = early + (told["kills"] not in ([], ["later"])), number + 1
        yield told
    for recipe in () if options.no_operations else ("quick", "transfer"):
        for number, operation in enumerate(watched(recipe, folder)):
            yield operation_case(number, operation, recipe, folder, wholes[recipe])


def row_of(kind, told):
    mine = [each for each in told if each["kind"] == kind]
    kills = Counter(kill for each in mine for kill in each["kills"])
    return {
        "kind": kind,
        "cases": len(mine),
        "kills": kills.total() - kills["later"],
        "in a save": kills["train in a save"] + kills["resume in a save"],
        "of `--resume`": kills["resume"] + kills["resume in a save"],
        "begun anew": sum(each["how"] == "begun anew" for each in mine),
        "with `transfer`": sum(each["recipe"] == "transfer" for each in mine),
        "most steps done again": max((each["steps_again"] for each in mine), default=0),
        "faults": sum(bool(each["fault"]) for each in mine),
    }


def page_of(told, seconds, now, record):
    rows = [row_of(kind, told) for kind in ("random", "early", "operation")]
    calls = Counter(each["operation"].split()[0] for each in told if "operation" in each)
    each_step = [t["steps_again"] for t in told if t.get("pause", EACH_STEP) == EACH_STEP]
    return [
        f"# Killed trainings, {now:%Y-%m-%d}",
        "",
        f"{sum(row['kills'] for row in rows)} kills by SIGKILL in {len(told)} trainings of 3 epochs, in "
        f"{seconds / 60:.0f} minutes. After each, the training was resumed, or begun anew where `run.toml` was not "
        "written yet, and its weights, optimizer, model, predictions, epochs and files were compared with those of an "
        f"uninterrupted one. Faults: {sum(row['faults'] for row in rows)}.",
        "",
        table(rows, list(rows[0])),
        "",
        "- Operations killed at: "
        + ", ".join(f"{count} {call}" for call, count in calls.most_common())
        + ".",
        f"- Most steps done again with a checkpoint after each step: {max(each_step, default=0)}; with one every "
        f"{OFTEN} s: {max((t['steps_again'] for t in told if t.get('pause') == OFTEN), default=0)}; as people have it "
        f"(every 10 s): {max((t['steps_again'] for t in told if t.get('pause', 0) is None), default=0)}, all in the "
        "first epoch. No training went back behind its last finished save.",
        *[f"- Fault: {t['number']}: {t['fault']}" for t in told if t["fault"]],
        *origin_lines(record),
    ]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--early", type=int, default=50)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--no-operations", action="store_true")
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    machine, began, told = hardware(), time.perf_counter(), []
    with tempfile.TemporaryDirectory() as folder:
        import_everything()
        make_data(Path(folder))
        for each in cases(options, Path(folder)):
            told.append(each)
            if each["fault"]:
                print(json.dumps(each), flush=True)
    now = datetime.datetime.now(datetime.UTC)
    command = f"python benchmarks/faults/killed.py --kills {options.kills} --early {options.early}"
    record = {"cases": told, "hardware": machine, "versions": versions(), "command": command}
    page = "\n".join(page_of(told, time.perf_counter() - began, now, record))
    if options.dry:
        print(page)
    else:
        write_results(RESULTS, "killed", now, page, record)
    sys.exit(any(each["fault"] for each in told))


if __name__ == "__main__":
    main()
