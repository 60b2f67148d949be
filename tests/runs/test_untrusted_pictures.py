"""Scores without copies of training pictures stand beside the plain ones."""

import numpy as np
import pytest

from tellapart.cli.terminal.tables import score_lines, trusted_lines
from tellapart.metrics.scores import score
from tellapart.runs.untrusted_pictures import NONE_KNOWN, UntrustedPictures, trusted_scores, untrusted_in

IDS = tuple(f"test/{row}" for row in range(200))
LABELS = np.arange(200) % 2
RIGHT = np.eye(2, dtype=np.float32)[LABELS]


def answers(wrong):
    """Probabilities, wrong for the last `wrong` pictures."""
    return np.concatenate([RIGHT[: 200 - wrong], 1 - RIGHT[200 - wrong :]])


def lines(untrusted, wrong=10):
    return trusted_lines(trusted_scores(untrusted, answers(wrong), LABELS, IDS, ("cat", "dog")), 200)


def test_the_score_without_copies_is_that_of_the_others():
    assert lines(UntrustedPictures(copies=IDS[:180])) == [
        "Without 180 that are copies of training pictures: 50.0% (10 of 20)"
    ]


def test_copies_and_doubtful_pictures_are_both_counted():
    (line,) = lines(UntrustedPictures(copies=IDS[:100], doubtful=IDS[100:140]), wrong=15)
    assert (
        line
        == "Without 100 that are copies of training pictures and 40 blank or with two labels: 75.0% (45 of 60)"
    )


def test_that_every_picture_is_a_copy_is_said():
    assert lines(UntrustedPictures(copies=IDS)) == [
        "Every test picture is a copy of a training picture: this accuracy says nothing about new pictures."
    ]


@pytest.mark.parametrize("untrusted", [NONE_KNOWN, UntrustedPictures(copies=IDS[:1])])
def test_of_none_and_of_very_few_nothing_is_printed(untrusted):
    assert lines(untrusted) == []


def test_ids_of_other_pictures_change_nothing():
    assert trusted_scores(UntrustedPictures(("train/0",)), RIGHT, LABELS, IDS, ("cat", "dog")) is None


def test_the_last_line_of_the_log_counts():
    values = [UntrustedPictures(("a",)), UntrustedPictures(("b",), ("c",))]
    log = [{"event": "Untrusted", **each.to_dict()} for each in values]
    assert untrusted_in([{"event": "Cost"}, *log]) == values[1]
    assert untrusted_in([]) == NONE_KNOWN


def test_where_classes_are_unequal_the_balanced_accuracy_and_the_rarest_class_are_told():
    labels = np.array([0] * 1000 + [1] * 10)
    scores = score(np.eye(2, dtype=np.float32)[np.zeros(1010, int)], labels, ("common", "rare"), "test")
    assert (
        "Balanced accuracy: 50.0% (each class counts the same; of rare, 0 of 10 pictures correct)"
        in score_lines(scores)
    )
    assert scores.to_dict()["balanced_accuracy"] == 0.5


def test_where_classes_are_equal_no_rarest_class_is_told():
    lines = score_lines(score(RIGHT, LABELS, ("cat", "dog"), "test"))
    assert any(line.startswith("Balanced accuracy") and "; of" not in line for line in lines)
