"""What benchmarks/results says, read anew for the tests of the guide's lessons."""

import csv
import json
import re
from pathlib import Path

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def percent(share, digits=1):
    return f"{100 * share:.{digits}f}%"


def newest(pattern):
    """The text of the newest file of a kind."""
    return max(RESULTS.glob(pattern)).read_text(encoding="utf-8")


def page_of(recipe):
    """The page of a recipe's single training."""
    return newest(f"*-{recipe}-cifar10.md")


def table_of(recipe):
    """Its epochs: number, training loss and accuracy, scored loss and accuracy, seconds."""
    lines = [line.strip("| ") for line in page_of(recipe).splitlines() if re.match(r"\| \d", line)]
    return [[float(cell) for cell in row] for row in csv.reader(lines, delimiter="|")]


def runs_of(kind):
    return json.loads(newest(f"{kind}-*.json"))


def trainings_of_fast():
    return [one for one in runs_of("cifar10_to_94")["runs"] if one["who"] == "tellapart fast"]


def trainings_to_63():
    return runs_of("cold_start")["trainings"]
