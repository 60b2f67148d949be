"""Uncertain images are predicted again, clear ones are not, and the margin grows where it was too small."""

import numpy as np

from tellapart.inference.refine import MARGIN, margin_of, refine_uncertain


def rows_of(gaps, likelier=0, classes=3):
    """Probabilities whose likeliest class is ahead of the next by these differences of logarithms."""
    logarithms = np.full((len(gaps), classes), -4.0)
    logarithms[:, likelier] = gaps
    logarithms[:, (likelier + 1) % 2] = 0
    powers = np.exp(logarithms)
    return (powers / powers.sum(1, keepdims=True)).astype(np.float32)


def exactly(exact):
    refined = []

    def predict(rows):
        refined.extend(rows.tolist())
        return exact[rows]

    return predict, refined


def test_the_margin_is_the_difference_of_the_two_likeliest_logarithms():
    np.testing.assert_allclose(margin_of(rows_of([0.01, 0.5, 3])), [0.01, 0.5, 3], rtol=1e-3)
    np.testing.assert_allclose(margin_of(rows_of([0.01, 2], classes=2)), [0.01, 2], rtol=1e-3)
    assert margin_of(np.array([[1, 0, 0]], np.float32))[0] > 20


def test_only_uncertain_images_are_predicted_again():
    rounded, exact = rows_of([0.01, 0.5, 0.02, 1.0]), rows_of([0.01, 0.6, 0.01, 1.1], likelier=1)
    exact[2] = rounded[2]
    predict, refined = exactly(exact)
    final = refine_uncertain(rounded.copy(), predict)
    assert refined == [0, 2]
    np.testing.assert_array_equal(final[[0, 2]], exact[[0, 2]])
    np.testing.assert_array_equal(final[[1, 3]], rounded[[1, 3]])


def test_the_margin_doubles_while_its_outer_half_changes_and_no_image_is_predicted_twice():
    gaps = np.array([0.2, 0.9, 1.4, 3, 10]) * MARGIN
    exact = rows_of(gaps)
    exact[:3] = rows_of(gaps[:3], likelier=1)
    predict, refined = exactly(exact)
    final = refine_uncertain(rows_of(gaps), predict)
    assert refined == [0, 1, 2, 3]  # 1 widened it to 2 margins, 2 to 4
    np.testing.assert_array_equal(final.argmax(1), exact.argmax(1))


def test_clear_images_are_not_predicted_again():
    predict, refined = exactly(rows_of([1.0]))
    refine_uncertain(rows_of([1.0]), predict)
    assert refined == []
