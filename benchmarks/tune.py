"""Tuning under kills: four processes on one store, all killed twice, and no trial is lost.

    python benchmarks/tune.py [--pictures 5000] [--trials 30] [--epochs 10] [--processes 4] [--kills 2] [--out FOLDER]

The first pictures of CIFAR-10's training split (from TELLAPART_DATA, or downloaded), a fifth of them held out, and its
10,000 test pictures. Four commands `tellapart tune DATA --recipe quick --out FOLDER` at once; after a random time all
get SIGKILL, and are started again with the same line. Checks, and says:

- every trial number up to the last is there and has ended, and those that had ended before a kill are as they were;
- trials that were being trained when they were killed went on from their last checkpoint;
- the best held-out score beside that of the untuned recipe;
- the test pictures were scored by these two alone, once each.

Exits with 1 where one of the first, third or fourth does not hold. Writes a dated page to benchmarks/results/.
"""

import argparse
import datetime
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
RECIPE = "quick"
SEED = 7
"""Of the moments at which the processes are killed."""


def write_pictures(place, count):
    import tellapart

    (x_train, y_train), (x_test, y_test) = tellapart.load_data("cifar10")
    np.savez(place, x_train=x_train[:count], y_train=y_train[:count], x_test=x_test, y_test=y_test)


def started(command, count, place):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    logs = [(place / f"process-{number}.log").open("ab") for number in range(count)]
    return [subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log) for log in logs]


def trials_of(folder):
    """Return the trials as they are stored: number -> state, score, attempts."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if not (folder / "tuning.toml").exists():
        return {}
    try:
        storage = f"sqlite:///{folder / 'study.db'}"
        study = optuna.load_study(study_name=optuna.get_all_study_names(storage)[0], storage=storage)
    except KeyError:  # killed before there was one
        return {}
    return {
        trial.number: {
            "state": trial.state.name,
            "score": trial.value,
            "attempts": trial.user_attrs.get("attempts", 0),
            "seconds": trial.user_attrs.get("seconds", 0.0),
        }
        for trial in study.get_trials(deepcopy=False)
    }


def scored_runs(folder):
    counts = {}
    for log in folder.glob("trials/*/log.jsonl"):
        count = sum('"event": "Scored"' in line for line in log.read_text().splitlines())
        if count:
            counts[log.parent.name] = count
    return counts


def run(given, place):
    """Tune, kill, go on; return what was seen after each kill, and how long each part took."""
    data, folder, moments = place / "pictures.npz", place / "tuning", random.Random(SEED)
    write_pictures(data, given.pictures)
    command = [
        sys.executable, "-m", "tellapart", "tune", str(data), "--recipe", RECIPE, "--epochs", str(given.epochs),
        "--validation-share", "0.2", "--trials", str(given.trials), "--out", str(folder),
    ]  # fmt: skip
    kills = []
    for _ in range(given.kills):
        processes, wait = started(command, given.processes, place), moments.uniform(*given.between)
        began = time.monotonic()
        while time.monotonic() - began < wait and any(process.poll() is None for process in processes):
            time.sleep(0.2)
        alive = sum(process.poll() is None for process in processes)
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
        kills.append(
            {"after_seconds": time.monotonic() - began, "killed": alive, "trials": trials_of(folder)}
        )
        print(f"killed {alive} after {wait:.0f} s: {states(kills[-1]['trials'])}", flush=True)
    began = time.monotonic()
    codes = [process.wait() for process in started(command, given.processes, place)]
    return folder, kills, codes, time.monotonic() - began


def states(trials):
    names = [trial["state"] for trial in trials.values()]
    return {name: names.count(name) for name in dict.fromkeys(names)}


def checked(given, folder, kills, codes):
    """Return what holds and what does not."""
    trials, scored = trials_of(folder), scored_runs(folder)
    ended = [number for number, trial in trials.items() if trial["state"] in ("COMPLETE", "PRUNED", "FAIL")]
    before = {
        number: trial
        for kill in kills
        for number, trial in kill["trials"].items()
        if trial["state"] in ("COMPLETE", "PRUNED", "FAIL")
    }
    broken = {
        number for kill in kills for number, trial in kill["trials"].items() if trial["state"] == "RUNNING"
    }
    best = max((n for n, t in trials.items() if t["state"] == "COMPLETE"), key=lambda n: trials[n]["score"])
    return {
        "every process ended with 0": all(code == 0 for code in codes),
        "every trial has ended": sorted(ended) == list(range(given.trials)),
        "trials that had ended are as they were": all(trials[n] == t for n, t in before.items()),
        "trials killed in training, all ended since": len(broken) if broken <= set(ended) else False,
        "best held-out score above the untuned": trials[best]["score"] > trials[0]["score"],
        "test pictures scored by the best and the untuned alone, once": len(scored) == 2
        and set(scored.values()) == {1}
        and "000" in scored,
    }, trials


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--between", type=float, nargs=2, default=(60.0, 240.0), help="seconds before a kill")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    now, machine = datetime.datetime.now(), hardware()
    place = given.out or Path(tempfile.mkdtemp())
    place.mkdir(parents=True, exist_ok=True)
    folder, kills, codes, seconds = run(given, place.resolve())
    checks, trials = checked(given, folder, kills, codes)
    result = json.loads(
        subprocess.run(
            [sys.executable, "-m", "tellapart", "tune", "--resume", folder, "--trials", "1", "--json", "--quiet"],
            stdout=subprocess.PIPE, text=True, check=True,
        ).stdout
    )  # fmt: skip
    write(given, now, machine, result, checks, kills, seconds, trials)
    sys.exit(0 if all(checks.values()) else 1)


def write(given, now, machine, result, checks, kills, seconds, trials):
    import optuna

    options = f"--pictures {given.pictures} --trials {given.trials} --epochs {given.epochs}"
    record = {
        "hardware": machine, "versions": {**versions(), "optuna": optuna.__version__},
        "command": f"python benchmarks/tune.py {options} --processes {given.processes} --kills {given.kills}",
        "checks": checks, "kills": kills, "seconds_after_the_last_kill": seconds, "trials": trials,
        "best": result["best"], "default": result["default"], "test": result["test"],
        "importances": result["importances"],
    }  # fmt: skip
    best, default, test = result["best"], result["default"], result["test"]
    tested = {run["run"]: run for run in test["runs"]}
    scores = [
        {
            "settings": name, "held-out accuracy": f"{entry['score']:.4f}", "n": entry["pictures"],
            "test accuracy": f"{tested[key]['accuracy']:.4f}",
            "95% CI": " to ".join(f"{end:.4f}" for end in tested[key]["interval"]), "test n": tested[key]["n"],
        }
        for name, key, entry in (("untuned", "default", default), (f"trial {best['number']}", "tuned", best))
    ]  # fmt: skip
    (pair,) = test["pairs"]
    page = "\n".join(
        [
            f"# Tuning under kills, {now:%Y-%m-%d %H:%M}",
            "",
            f"Recipe {RECIPE}, {given.epochs} epochs, {given.pictures:,} pictures of CIFAR-10 of which a fifth is held "
            f"out, {given.trials} trials, {given.processes} processes on one SQLite store, all killed {given.kills} "
            "times (SIGKILL) at random moments.",
            "",
            *(
                f"- Kill {number}: after {kill['after_seconds']:.0f} s, {kill['killed']} processes; trials then: "
                f"{', '.join(f'{count} {state}' for state, count in states(kill['trials']).items()) or 'none'}"
                for number, kill in enumerate(kills, 1)
            ),
            f"- After the last kill: {seconds:.0f} s to the end; trials: "
            f"{', '.join(f'{count} {state}' for state, count in states(trials).items())}",
            "",
            *(
                f"- {words}: {'yes' if value is True else 'NO' if value is False else value}"
                for words, value in checks.items()
            ),
            "",
            table(scores, list(scores[0])),
            "",
            f"Difference on the same test pictures: {100 * pair['difference']:+.2f} points, McNemar's exact p = "
            f"{pair['p_value']:.2g}.",
            "",
            f"Best settings: {', '.join(f'{name} {value}' for name, value in best['settings'].items())}",
            "",
            *origin_lines(record),
        ]
    )
    write_results(RESULTS, "tune", now, page, record)


if __name__ == "__main__":
    main()
