"""Tables of the terminal."""

import io

import numpy as np
from rich.console import Console

from tellapart.classifier.prediction import Prediction
from tellapart.cli.terminal.tables import classes_table, many_predictions_table
from tellapart.metrics.scores import score


def test_a_score_that_does_not_exist_is_a_dash():
    probabilities = np.eye(3, dtype="float32")[[0, 0, 1]]
    scores = score(probabilities, np.array([0, 1, 1]), ("ant", "bee", "cat"), "test")
    console = Console(file=io.StringIO(), width=80)
    console.print(classes_table(scores))
    (line,) = [line for line in console.file.getvalue().splitlines() if "cat" in line]
    assert line.split() == ["cat", "–", "–", "–", "0"]


def test_a_long_name_is_shortened_in_a_table_as_wide_as_it_likes():
    name = "a" * 120 + "b" * 126 + ".jpg"
    predictions = [Prediction(each, ("cat", "dog"), (0.9, 0.1)) for each in (name, "short.jpg")]
    console = Console(file=io.StringIO(), width=1000)
    console.print(many_predictions_table(predictions))
    long, short = console.file.getvalue().splitlines()[-3:-1]
    assert long.split()[0] == "a" * 50 + "…" + "b" * 45 + ".jpg"
    assert short.split() == ["short.jpg", "cat", "90.0%", "dog", "10.0%"]
    assert len(long.rstrip()) < 150
