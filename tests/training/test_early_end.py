"""What ends a training before its last epoch."""

import pytest

from tellapart.events import EpochDone
from tellapart.training.early_end import EarlyEnd
from tellapart.training.health import best_epoch


def history_of(accuracies, recalls=None):
    recalls = [(accuracy,) for accuracy in accuracies] if recalls is None else recalls
    return [
        EpochDone(epoch, 20, 1.0, 0.5, 1.0, accuracy, 0.01, 1.0, val_recalls=own)
        for epoch, (accuracy, own) in enumerate(zip(accuracies, recalls, strict=True))
    ]


@pytest.mark.parametrize(
    ("accuracies", "patience", "ends"),
    [
        ([], 1, False),
        ([0.5], 1, False),
        ([0.5, 0.4], 1, True),
        ([0.5, 0.5], 1, True),  # no better one
        ([0.5, 0.6], 1, False),
        ([0.5, 0.6, 0.55, 0.6], 3, False),
        ([0.5, 0.6, 0.55, 0.6, 0.59], 3, True),
        ([0.6, 0.5, 0.5, 0.7], 3, False),
    ],
)
def test_patience_ends_after_so_many_epochs_without_a_better_one(accuracies, patience, ends):
    assert EarlyEnd(patience=patience)(history_of(accuracies)) is ends


def test_a_target_ends_at_its_accuracy():
    assert EarlyEnd(target=0.6)(history_of([0.5, 0.6]))
    assert not EarlyEnd(target=0.6)(history_of([0.6, 0.5]))


def test_without_either_nothing_ends():
    assert not EarlyEnd()(history_of([0.5] * 9))


def test_of_classes_that_count_the_same_the_balanced_accuracy_decides():
    """Always the common class: 98% right, and no better than a coin."""
    history = history_of([0.98, 0.9], [(1.0, 0.0, None), (0.9, 0.9, None)])
    assert best_epoch(history).epoch == 0
    assert best_epoch(history, balanced=True).epoch == 1
    assert EarlyEnd(patience=1)(history)
    assert not EarlyEnd(patience=1, balanced=True)(history)
