"""CIFAR-10 to 94% on this CPU: the recipe `fast` against the reference, whole processes in turn.

    python benchmarks/cifar10_to_94.py [--seeds 5] [--references 2]

Ours is `tellapart train cifar10 --recipe fast --seed N` in a new process, timed from start to end: Python's
start, reading the images, training, validation and the final test with and without test-time augmentation.
The reference is `reference_resnet9.py`, the published record's network and method in plain PyTorch, timed the
same way. References are spread evenly among ours. The recipe was fixed before this was run; every seed touches
the test split once, and all are reported. CIFAR-10 must be on this machine (`tellapart data get cifar10`).

Writes a dated page and all runs to benchmarks/results/.
"""

import argparse
import datetime
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
REFERENCE = Path(__file__).parent / "reference_resnet9.py"


def timed(command):
    """Return what a command prints on stdout, and its seconds from start to end."""
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout, time.perf_counter() - began


def ours(seed, extra):
    with tempfile.TemporaryDirectory() as place:
        command = [
            sys.executable,
            "-m",
            "tellapart",
            "train",
            "cifar10",
            "--recipe",
            "fast",
            "--json",
            "--quiet",
        ]
        output, seconds = timed([*command, "--seed", str(seed), "--out", f"{place}/run", *extra])
    result = json.loads(output)
    return {
        "who": "tellapart fast",
        "seed": seed,
        "with views": result["scores"]["accuracy"],
        "without": result["scores_without_tta"]["accuracy"],
        "seconds": seconds,
        "training": sum(epoch["seconds"] for epoch in result["history"]),
    }


def reference(seed, folder):
    output, seconds = timed([sys.executable, str(REFERENCE), folder, "--seed", str(seed)])
    result = json.loads(output.splitlines()[-1])
    return {
        "who": "reference",
        "seed": seed,
        "with views": result["accuracy_six_views"],
        "without": result["accuracy"],
        "seconds": seconds,
        "training": result["seconds"] - result["seconds_of_six_views"],
    }


def as_binary_files(folder):
    """CIFAR-10, wherever tellapart finds it, as the two `.bin` files that the reference reads; its path."""
    from tellapart.data.sources.catalog import find_known
    from tellapart.data.sources.known import open_known

    raw, _ = open_known(find_known("cifar10"), download=False, progress=None)
    for split, name in [("train", "data_batch_1.bin"), ("test", "test_batch.bin")]:
        part = raw.splits[split]
        with open(f"{folder}/{name}", "wb") as file:
            for label, index in zip(part.labels, range(len(part.labels)), strict=True):
                file.write(bytes([label]) + part.images.read(index).transpose(2, 0, 1).tobytes())
    return folder


def mean_and_error(values):
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else float("nan")
    return f"{100 * statistics.mean(values):.2f} ({100 * error:.2f})"


def summary(runs):
    rows = []
    for who in dict.fromkeys(run["who"] for run in runs):
        own = [run for run in runs if run["who"] == who]
        rows.append(
            {
                "who": who,
                "n": len(own),
                "with views, mean % (standard error)": mean_and_error([run["with views"] for run in own]),
                "without": mean_and_error([run["without"] for run in own]),
                "seconds, median": statistics.median(run["seconds"] for run in own),
            }
        )
    return rows


IN_PERCENT = {"with views, %": "with views", "without, %": "without"}


def in_percent(run):
    return run | {name: 100 * run[of] for name, of in IN_PERCENT.items()}


def page(record):
    rows = record["summary"]
    seconds = {row["who"]: row["seconds, median"] for row in rows}
    ratio = seconds["tellapart fast"] / seconds["reference"] if "reference" in seconds else float("nan")
    return "\n".join(
        [
            f"# CIFAR-10 to 94% on a CPU, {record['date']}",
            "",
            table(rows, list(rows[0])),
            "",
            f"Ratio of the medians of whole processes: **{ratio:.2f}**.",
            "",
            table(
                [in_percent(run) for run in record["runs"]],
                ["who", "seed", *IN_PERCENT, "seconds", "training"],
            ),
            "",
            *origin_lines(record),
        ]
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--references", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--train-option", action="append", default=[], help="for a trial: passed to train")
    options = parser.parse_args()
    machine, now = hardware(), datetime.datetime.now().astimezone()
    place = tempfile.TemporaryDirectory()
    folder = as_binary_files(place.name)
    turns = [("ours", seed) for seed in range(options.seeds)]
    for index in range(options.references):
        turns.insert(round((index + 0.5) * options.seeds / options.references) + index, ("reference", index))
    runs = []
    for who, seed in turns:
        runs.append(ours(seed, options.train_option) if who == "ours" else reference(seed, folder))
        print(json.dumps(runs[-1]), flush=True)
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/cifar10_to_94.py " + " ".join(sys.argv[1:]),
        "hardware": machine,
        "versions": versions(),
        "summary": summary(runs),
        "runs": runs,
    }
    write_results(options.results, "cifar10_to_94", now, page(record), record)


if __name__ == "__main__":
    main()
