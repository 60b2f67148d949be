"""Trackers: a training logged to all four, stopped and resumed; the curves that their libraries read back.

    python benchmarks/trackers.py [--data digits] [--epochs 4] [--stop-after 2]

Needs tensorboard, trackio, wandb and mlflow. Everything stays in a temporary folder: W&B is offline, MLflow in a file,
Trackio local. Each curve is compared with metrics.csv, value by value. Writes a dated page to benchmarks/results/.
"""

import argparse
import csv
import datetime
import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from machine import hardware, origin_lines, versions, write_results

HERE = Path(__file__).parent
TRACKERS = ("tensorboard", "trackio", "wandb", "mlflow")
TRAIN = """
import sys, tellapart
from tellapart.events import EpochDone
data, out, epochs, stop_after, log = sys.argv[1:]
from tellapart.api.listener import EpochPrinter
class Listener(EpochPrinter):
    done = 0
    def event(self, event):
        super().event(event)
        self.done += isinstance(event, EpochDone)
listener = Listener()
where = {"resume": out} if log == "-" else {"data": data, "out": out, "log": log, "recipe": "quick", "size": 16,
                                            "epochs": int(epochs), "predictions": 0}
tellapart.train(**where, listener=listener, should_stop=lambda: listener.done >= int(stop_after))
"""
READ = """
import json, sys
sys.path.append(sys.argv[1])
from tracked_curves import largest_difference, read_curves
rows = {int(epoch): row for epoch, row in json.loads(sys.argv[4]).items()}
print(json.dumps(largest_difference(read_curves(sys.argv[2], sys.argv[3]), rows)))
"""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="digits")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--stop-after", type=int, default=2)
    options = parser.parse_args()
    machine, now = hardware(), datetime.datetime.now(datetime.UTC)
    with tempfile.TemporaryDirectory() as place:
        rows, differences = trained_and_read(Path(place), options)
    command = (
        f"python benchmarks/trackers.py --data {options.data} --epochs {options.epochs} "
        f"--stop-after {options.stop_after}"
    )
    record = {
        "differences": differences,
        "epochs": len(rows),
        "trackers": {name: version(name) for name in TRACKERS},
        "hardware": machine,
        "versions": versions(),
        "command": command,
    }
    write_results(HERE / "results", "trackers", now, page(record, options, now), record)


def trained_and_read(place, options):
    """Return metrics.csv, and for each tracker the largest difference from it."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WANDB_", "MLFLOW_", "TRACKIO_"))
    }
    environment |= {"TRACKIO_DIR": str(place / "trackio")}
    run = place / "runs" / "tracked"
    for stop_after, log in ((options.stop_after, ",".join(TRACKERS)), (options.epochs + 1, "-")):
        arguments = (options.data, run, options.epochs, stop_after, log)
        called(TRAIN, *arguments, cwd=place, env=environment)
    with (run / "metrics.csv").open(newline="") as file:
        rows = {int(row["epoch"]): {n: float(v) for n, v in row.items()} for row in csv.DictReader(file)}
    differences = {}
    for name in TRACKERS:
        out = called(READ, HERE, name, run, json.dumps(rows), cwd=place, env=environment)
        differences[name] = json.loads(out.splitlines()[-1])
    return rows, differences


def called(code, *arguments, **where):
    """Run code in a process of its own; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        **where,
    )
    print(done.stdout, flush=True)
    return done.stdout


def page(record, options, now):
    lines = [
        f"# Curves in four trackers, {now:%Y-%m-%dT%H:%M}+00:00",
        "",
        f"One training ({options.data}, recipe quick), stopped after epoch {options.stop_after} and resumed, logged to "
        f"all four at once. Curves: the columns of metrics.csv over {record['epochs']} epochs, read back by the "
        "trackers' own libraries. TensorBoard stores float32.",
        "",
        "| tracker | version | largest difference from metrics.csv |",
        "|---|---|---|",
    ]
    for name, difference in record["differences"].items():
        lines.append(f"| {name} | {record['trackers'][name]} | {difference:.2g} |")
    return "\n".join([*lines, "", *origin_lines(record)])


if __name__ == "__main__":
    main()
