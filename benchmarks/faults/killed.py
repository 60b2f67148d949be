"""Trainings killed with SIGKILL at any moment, and their resumed ones too: nothing that was saved is lost.

    python benchmarks/faults/killed.py [--kills 300] [--early 50] [--first 0] [--no-operations] [--dry]

Three kinds of cases, each a real process of the command `train` and real files:
- random: killed at a random time, or at a random time within a save, by turns; then `--resume` is killed too, one to
  four times. One of five trains with `transfer` (a small backbone, fine-tuned). About 5 minutes.
- early: killed before the end of the first epoch, in half of them with checkpoints as seldom as people have them, so
  that nothing was saved. About 1 minute.
- operations: a training is watched by strace, and then one is killed at each single write, flush, rename and other
  change of a file that it made in its run folder: in its beginning, its first two saves, at its first epoch's
  end, and from its last save on. About 6 minutes.

After the last kill `train --resume` must end well, or the same command where run.toml was not written yet. Then the
weights, the optimizer's state, the model, the predictions and the epochs are those of an uninterrupted training, no
step before the last save is done again, and no file is left over. A case is a function of its number, but for the
machine's speed. Checkpoints are written after each step, or every 0.05 s. Anything else is a fault, and the exit code
1. Writes a dated page and every fault to benchmarks/results/, unless --dry.
"""

import argparse
import datetime
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import hardware, origin_lines, table, versions, write_results
from training_case import AS_USUAL, EACH_STEP, Case, Uninterrupted, watched
from training_process import import_everything, make_data

RESULTS = Path(__file__).parents[1] / "results"

OFTEN = 0.05
"""Seconds between two checkpoints."""


def random_case(number, folder, wholes):
    rng = np.random.default_rng((1, number))
    recipe = "transfer" if number % 5 == 3 else "quick"
    whole = wholes[recipe]
    case = Case(f"random-{number}", "random", recipe, folder, whole)
    case.told["pause"] = pause = (EACH_STEP, OFTEN)[number % 2]
    for turn in range(2 + number % 4):
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
    recipe = "transfer" if number % 5 == 3 else "quick"
    case = Case(f"early-{number}", "early", recipe, folder, wholes[recipe])
    case.told["pause"] = pause = (EACH_STEP, AS_USUAL)[number // 4 % 2]
    training = case.start(pause).kill_at(rng.uniform(0, wholes[recipe].first_epoch))
    case.take_in(training)
    if training.count("epoch"):
        case.told["kills"] = ["later"]
    return case.finish()


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


def _most_again(told, pause):
    mine = [each for each in told if each.get("pause", EACH_STEP) == pause]
    steps, seconds = (
        max((each[key] for each in mine), default=0) for key in ("steps_again", "seconds_again")
    )
    return f"{steps} step{'s' * (steps != 1)}, {seconds:.2f} s"


def page_of(told, seconds, now, record):
    rows = [row_of(kind, told) for kind in ("random", "early", "operation")]
    calls = Counter(each["operation"].split()[0] for each in told if "operation" in each)
    again = {pause: _most_again(told, pause) for pause in (EACH_STEP, OFTEN, AS_USUAL)}
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
        f"- Done again at most, with a checkpoint after each step: {again[EACH_STEP]}; with one every {OFTEN} s: "
        f"{again[OFTEN]}; as people have it (every 10 s), killed in the first epoch: {again[AS_USUAL]}. No training "
        "went back behind its last finished save.",
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
