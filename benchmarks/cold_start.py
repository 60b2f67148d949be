"""Cold starts: how long whole commands take: help, one prediction, and CIFAR-10 to 63%.

    python benchmarks/cold_start.py PHOTO [--rounds 5] [--no-training]

- `tellapart --help`.
- `tellapart predict cifar10 PHOTO`, against a plain Keras script (torch backend) that loads the same `.keras` file,
  reads the photo with Pillow and prints the most likely class: whole processes, in turn; and `tellapart predict PHOTO`,
  which uses the ImageNet model.
- `tellapart train cifar10 --target 63%`: seconds of the whole command and of its training, the validation
  accuracy at which it stopped, and the test accuracy.

Writes a dated page and all runs to benchmarks/results/.
"""

import argparse
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
KERAS_SCRIPT = """
import os, sys
os.environ["KERAS_BACKEND"] = "torch"
import keras, numpy
from PIL import Image
model = keras.models.load_model(sys.argv[1])
picture = numpy.asarray(Image.open(sys.argv[2]).convert("RGB").resize((32, 32)))[None].astype("float32")
print(model.predict(picture, verbose=0).argmax())
"""


def seconds_of(command):
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stderr[-2000:]}")
    return seconds, done.stdout


def cold_starts(photo, rounds):
    from tellapart.models.pretrained import pretrained_model

    tellapart = [sys.executable, "-m", "tellapart"]
    commands = {
        "tellapart --help": [*tellapart, "--help"],
        "tellapart predict PHOTO": [*tellapart, "predict", photo],
        "tellapart predict cifar10 PHOTO": [*tellapart, "predict", "cifar10", photo],
        "a Keras script, the same model and photo": [
            sys.executable, "-c", KERAS_SCRIPT, str(pretrained_model("cifar10")), photo
        ],
    }  # fmt: skip
    times = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            times[name].append(seconds_of(command)[0])
    return {name: seconds[1:] for name, seconds in times.items()}  # the first round fills the system's caches


def summary(starts):
    return [
        {
            "what": name,
            "median s": statistics.median(seconds),
            "lowest": min(seconds),
            "highest": max(seconds),
            "n": len(seconds),
        }
        for name, seconds in starts.items()
    ]


def target_runs(rounds):
    rows = []
    for seed in range(rounds):
        with tempfile.TemporaryDirectory() as place:
            command = [sys.executable, "-m", "tellapart", "train", "cifar10", "--target", "63%"]
            seconds, output = seconds_of(
                [*command, "--seed", str(seed), "--json", "--quiet", "--out", f"{place}/run"]
            )
        result = json.loads(output)
        rows.append(
            {
                "seed": seed,
                "whole command s": seconds,
                "training s": sum(epoch["seconds"] for epoch in result["history"]),
                "validation accuracy": result["history"][-1]["val_accuracy"],
                "test accuracy": result["scores"]["accuracy"],
                "without views": (result["scores_without_tta"] or result["scores"])["accuracy"],
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photo")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-training", action="store_true")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    machine, now = hardware(), datetime.datetime.now().astimezone()
    command = "python benchmarks/cold_start.py " + " ".join(["PHOTO", *sys.argv[2:]])
    starts = cold_starts(options.photo, options.rounds)
    rows = [] if options.no_training else target_runs(options.rounds)
    medians = summary(starts)
    lines = [f"# Cold starts, {now.isoformat(timespec='minutes')}", "", table(medians, list(medians[0])), ""]
    if rows:
        median = statistics.median(row["whole command s"] for row in rows)
        lines += [f"`tellapart train cifar10 --target 63%`, median of the whole command {median:.1f} s:", ""]
        lines += [table(rows, list(rows[0])), ""]
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": command,
        "hardware": machine,
        "versions": versions(),
        "seconds": starts,
        "trainings": rows,
    }
    write_results(options.results, "cold_start", now, "\n".join(lines + origin_lines(record)), record)


if __name__ == "__main__":
    main()
