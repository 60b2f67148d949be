"""Test-time views count where held-out images say that they help."""

import numpy as np
import pytest

from tellapart.metrics.validation import is_better

LABELS = np.array([0, 1, 0, 1])


def probabilities(*of_target):
    """Of two classes: those of each image's own class."""
    rows = np.array(of_target, np.float32)
    return np.where(np.eye(2)[LABELS] == 1, rows[:, None], 1 - rows[:, None]).astype(np.float32)


@pytest.mark.parametrize(
    ("plain", "averaged", "helps"),
    [
        ((0.9, 0.8, 0.4, 0.7), (0.9, 0.9, 0.6, 0.8), True),  # one image more is correct
        ((0.9, 0.8, 0.7, 0.7), (0.95, 0.9, 0.8, 0.8), True),  # the same images, at a lower loss
        ((0.9, 0.8, 0.7, 0.7), (0.9, 0.8, 0.6, 0.6), False),  # a higher loss
        ((0.6, 0.6, 0.6, 0.6), (0.99, 0.99, 0.99, 0.45), False),  # a lower loss, and one image fewer
        ((0.9, 0.8, 0.7, 0.7), (0.9, 0.8, 0.7, 0.7), False),  # no difference
    ],
)
def test_views_help_where_the_loss_is_lower_and_no_image_is_lost(plain, averaged, helps):
    assert is_better(probabilities(*averaged), probabilities(*plain), LABELS) is helps
