"""Share of this CPU's matrix-product speed that a training step of `fast` reaches: `tellapart bench`, several times.

    python benchmarks/share_of_ceiling.py [--rounds 5] [--seconds 15]

Each round is a new process that measures products and steps in turn; its share is the median of its own rounds.
Writes a dated page and all rounds to benchmarks/results/.
"""

import argparse
import datetime
import json
import statistics
import subprocess
import sys
from pathlib import Path

from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"


def one_round(seconds):
    command = [sys.executable, "-m", "tellapart", "bench", "fast", "--json", "--seconds", str(seconds)]
    result = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    pieces = {row["piece"]: row for row in result["rows"]}
    step, products = pieces["training step"], pieces[f"{result['precision']} products"]
    return {
        "share of the ceiling": step["share"]["median"],
        "lowest": step["share"]["lowest"],
        "highest": step["share"]["highest"],
        "step, GFLOP/s": step["figure"]["median"],
        "products, GFLOP/s": products["figure"]["median"],
        "rounds": result["rounds"],
        "augmentation, share of a step": pieces["augmentation"]["share"]["median"],
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    machine, now = hardware(), datetime.datetime.now().astimezone()
    runs = []
    for _ in range(options.rounds):
        runs.append(one_round(options.seconds))
        print(json.dumps(runs[-1]), flush=True)
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/share_of_ceiling.py " + " ".join(sys.argv[1:]),
        "hardware": machine,
        "versions": versions(),
        "runs": runs,
    }
    write_results(options.results, "share_of_ceiling", now, page(record), record)


def page(record):
    runs = record["runs"]
    median = statistics.median(run["share of the ceiling"] for run in runs)
    lines = [
        f"# Share of the ceiling, {record['date']}",
        "",
        f"A training step of `fast` reaches **{median:.3f}** of the speed of this CPU's matrix products in its "
        f"precision, the median of {len(runs)} processes.",
        "",
        table(runs, list(runs[0])),
        "",
        *origin_lines(record),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
