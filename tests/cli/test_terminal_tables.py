"""Tables of the terminal."""

import io

import numpy as np
from rich.console import Console

from tellapart.cli.terminal.tables import classes_table
from tellapart.metrics.scores import score


def test_a_score_that_does_not_exist_is_a_dash():
    probabilities = np.eye(3, dtype="float32")[[0, 0, 1]]
    scores = score(probabilities, np.array([0, 1, 1]), ("ant", "bee", "cat"), "test")
    console = Console(file=io.StringIO(), width=80)
    console.print(classes_table(scores))
    (line,) = [line for line in console.file.getvalue().splitlines() if "cat" in line]
    assert line.split() == ["cat", "–", "–", "–", "0"]
