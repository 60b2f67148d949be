"""Remarks beside the curves, and how soon each class was learned."""

import pytest

from tellapart.events import EpochDone
from tellapart.reports.curves import slow_classes
from tellapart.training import health
from tellapart.training.watch.course import Course
from tellapart.training.watch.watch import findings_of_curves


def history(accuracies, losses=None, val_losses=None, rates=None, recalls=None):
    count = len(accuracies)
    return [
        EpochDone(
            epoch=epoch,
            epochs=count,
            loss=(losses or [1 / (i + 1) for i in range(count)])[epoch],
            accuracy=0.5,
            val_loss=(val_losses or [1 / (i + 1) for i in range(count)])[epoch],
            val_accuracy=accuracies[epoch],
            learning_rate=(rates or [0.1] * count)[epoch],
            seconds=1.0,
            val_recalls=() if recalls is None else recalls[epoch],
        )
        for epoch in range(count)
    ]


def kinds(remarks):
    return [(remark.epoch, remark.kind) for remark in remarks]


def remarks(epochs, images):
    course = Course(images=images, epochs=len(epochs))
    return health.remarks(epochs, findings_of_curves(epochs, course))


def test_the_best_epoch_is_named():
    assert kinds(remarks(history([0.3, 0.8, 0.7, 0.79]), 1000)) == [(2, "best")]


def test_of_equal_epochs_the_one_with_the_lowest_loss_is_the_best():
    assert kinds(remarks(history([0.8, 0.8], val_losses=[0.5, 0.4]), 1000))[0] == (2, "best")


def test_what_the_watch_finds_is_marked_where_it_began():
    collapse = [0.5, 0.78, 0.77, 0.6, 0.55, 0.59]
    assert (4, "accuracy collapse") in kinds(remarks(history(collapse), 1000))
    overfitted = history([0.5, 0.6, 0.6, 0.6, 0.6], val_losses=[1.0, 0.8, 1.1, 1.2, 1.3])
    assert (2, "overfitting") in kinds(remarks(overfitted, 1000))


def test_a_step_of_the_learning_rate_is_named_and_a_slide_is_not():
    stepped = history([0.1 * i for i in range(1, 9)], rates=[0.1] * 4 + [0.01] * 4)
    assert (5, "rate") in kinds(remarks(stepped, 1000))
    sliding = history([0.1 * i for i in range(1, 9)], rates=[0.1 * 0.5**i for i in range(8)])
    assert "rate" not in [kind for _, kind in kinds(remarks(sliding, 1000))]


def test_without_epochs_there_are_no_remarks():
    assert remarks([], 1000) == ()


def test_classes_come_slowest_first():
    recalls = [(0.5, 0.0, 0.9), (0.9, 0.5, 0.9), (0.9, 0.85, 0.5), (0.9, 0.9, 0.6)]
    classes = slow_classes(history([0.5, 0.6, 0.7, 0.8], recalls=recalls), ["early", "late", "lost"])
    assert [(slow.name, slow.learned_at) for slow in classes] == [("lost", None), ("late", 3), ("early", 2)]


def test_a_run_without_recall_per_class_lists_no_classes():
    assert slow_classes(history([0.5]), ["a", "b"]) == ()


def test_a_class_without_validation_images_is_left_out():
    classes = slow_classes(history([0.5, 0.5], recalls=[(None, 0.5), (None, 0.5)]), ["absent", "present"])
    assert [slow.name for slow in classes] == ["present"]


@pytest.mark.parametrize("recalls", [[(0.0,)], [(0.0,), (0.0,)]])
def test_a_class_that_is_never_recognized_is_never_learned(recalls):
    assert slow_classes(history([0.5] * len(recalls), recalls=recalls), ["a"])[0].learned_at is None
