"""Pictures in doubt are asked about again, clear ones are not, and the margin grows where it was too small."""

import numpy as np

from tellapart.inference.refine import MARGIN, margin_of, refine_uncertain


def rows_of(gaps, likelier=0, classes=3):
    """Answers whose likeliest class is ahead of the next by these differences of logarithms."""
    logarithms = np.full((len(gaps), classes), -4.0)
    logarithms[:, likelier] = gaps
    logarithms[:, (likelier + 1) % 2] = 0
    powers = np.exp(logarithms)
    return (powers / powers.sum(1, keepdims=True)).astype(np.float32)


def exactly(truth):
    asked = []

    def ask(rows):
        asked.extend(rows.tolist())
        return truth[rows]

    return ask, asked


def test_clearness_is_the_difference_of_the_two_likeliest_logarithms():
    np.testing.assert_allclose(margin_of(rows_of([0.01, 0.5, 3])), [0.01, 0.5, 3], rtol=1e-3)
    np.testing.assert_allclose(margin_of(rows_of([0.01, 2], classes=2)), [0.01, 2], rtol=1e-3)
    assert margin_of(np.array([[1, 0, 0]], np.float32))[0] > 20


def test_only_pictures_in_doubt_are_asked_about():
    answers, truth = rows_of([0.01, 0.5, 0.02, 1.0]), rows_of([0.01, 0.6, 0.01, 1.1], likelier=1)
    truth[2] = answers[2]
    ask, asked = exactly(truth)
    found = refine_uncertain(answers.copy(), ask)
    assert asked == [0, 2]
    np.testing.assert_array_equal(found[[0, 2]], truth[[0, 2]])
    np.testing.assert_array_equal(found[[1, 3]], answers[[1, 3]])


def test_the_margin_doubles_while_its_outer_half_is_overruled_and_nobody_is_asked_twice():
    gaps = np.array([0.2, 0.9, 1.4, 3, 10]) * MARGIN
    truth = rows_of(gaps)
    truth[:3] = rows_of(gaps[:3], likelier=1)
    ask, asked = exactly(truth)
    found = refine_uncertain(rows_of(gaps), ask)
    assert asked == [0, 1, 2, 3]  # 1 widened it to 2 margins, 2 to 4
    np.testing.assert_array_equal(found.argmax(1), truth.argmax(1))


def test_clear_pictures_ask_for_nothing():
    ask, asked = exactly(rows_of([1.0]))
    refine_uncertain(rows_of([1.0]), ask)
    assert asked == []
