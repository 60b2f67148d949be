"""Rules of curves, on curves that were made up and on 200 recorded epochs of first-cnn."""

import json
from pathlib import Path

import numpy as np
import pytest

import tellapart
from tellapart.events import EpochDone
from tellapart.training.watch.course import Course, chance_of
from tellapart.training.watch.curves import few_classes, variety
from tellapart.training.watch.watch import findings_of_curves

RECORDED = json.loads((Path(tellapart.__file__).parent / "guide/facts/why-63.json").read_text())["runs"]


def epochs_of(accuracies, losses=None, val_losses=None, answers=None, epochs=None):
    count = len(accuracies)
    falling = [1 / (i + 1) for i in range(count)]
    return [
        EpochDone(
            epoch=i,
            epochs=epochs or count,
            loss=(losses or falling)[i],
            accuracy=0.5,
            val_loss=(val_losses or falling)[i],
            val_accuracy=accuracies[i],
            learning_rate=0.1,
            seconds=1.0,
            val_answers=() if answers is None else answers[i],
        )
        for i in range(count)
    ]


def found(history, images=1000):
    return findings_of_curves(history, Course(images=images, epochs=history[-1].epochs))


def told(history, images=1000):
    return [(finding.epoch + 1, finding.kind) for finding in found(history, images)]


def recorded(name):
    run = RECORDED[name]
    return epochs_of(run["accuracy"], run["loss"], run["held_out_loss"]), run["pictures"]["validation"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("as-meant", [(152, "learning rate too high"), (173, "accuracy collapse")]),
        ("mid-2017", [(135, "learning rate too high"), (160, "accuracy collapse")]),
        ("early-2017", [(13, "learning rate too high"), (14, "accuracy collapse")]),
        ("divided-twice", []),
    ],
)
def test_two_hundred_recorded_epochs_of_the_tutorial(name, expected):
    """Three of four forms collapse; the fourth swings by ten points and is healthy."""
    assert told(*recorded(name)) == expected


@pytest.mark.parametrize("name", ["as-meant", "mid-2017", "early-2017"])
def test_a_collapse_is_named_within_ten_epochs_of_its_start(name):
    """The start: the first epoch from which on the accuracy stays ten points below its best, up to the last epoch."""
    history, images = recorded(name)
    accuracies = np.array([done.val_accuracy for done in history])
    highest_later = np.maximum.accumulate(accuracies[::-1])[::-1]
    start = int(np.argmax(highest_later <= accuracies.max() - 0.1)) + 1
    assert {kind: epoch for epoch, kind in told(history, images)}["accuracy collapse"] <= start + 10


def test_a_collapse_is_told_from_a_dip_and_once():
    dip = [0.5, 0.78, 0.5, 0.77, 0.76, 0.78, 0.7, 0.78]
    assert told(epochs_of(dip)) == []
    fallen = epochs_of([0.5, 0.78, 0.77, 0.6, 0.55, 0.59, 0.58])
    (collapse,) = found(fallen)
    assert (collapse.kind, collapse.epoch + 1, collapse.since + 1) == ("accuracy collapse", 6, 4)
    assert "from 77.0% to 59.0%" in collapse.seen


def test_with_few_images_the_same_fall_may_be_chance():
    fallen = epochs_of([0.5, 0.875, 0.75, 0.75, 0.625, 0.625, 0.625])
    assert told(fallen, images=8) == []
    assert told(fallen, images=1000) == [(7, "accuracy collapse")]


def test_accuracies_that_move_by_chance_alone_are_hardly_ever_called_a_collapse():
    """50 trainings of 200 epochs, each scored on 100 images with the same chance of being correct."""
    random = np.random.default_rng(0)
    called = sum(bool(told(epochs_of(random.binomial(100, 0.6, 200) / 100), 100)) for _ in range(50))
    assert called <= 1


def test_a_rising_training_loss_says_that_the_rate_is_too_high():
    losses = [1.0, 0.8, 0.7, 0.7, 0.72, 0.8, 0.9, 1.0]
    (finding,) = found(epochs_of([0.6] * 8, losses))
    assert (finding.kind, finding.epoch + 1) == ("learning rate too high", 7)
    assert "from 0.707 to 0.807 (3-epoch means)" in finding.seen
    assert told(epochs_of([0.6] * 8, [1.0, 0.8, 0.7, 0.75, 0.7, 0.75, 0.7, 0.75])) == []


def test_overfitting_needs_a_validation_loss_that_stays_high_and_a_training_loss_that_falls():
    accuracies = [0.5, 0.6, 0.6, 0.6, 0.6, 0.6]
    high = [1.0, 0.8, 0.9, 1.1, 1.2, 1.3]
    (finding,) = found(epochs_of(accuracies, val_losses=high))
    assert (finding.kind, finding.epoch + 1, finding.since + 1) == ("overfitting", 6, 2)
    assert "risen from 0.800 to 1.300" in finding.seen
    once = [1.0, 0.8, 1.1, 0.8, 1.1, 0.9]
    assert told(epochs_of(accuracies, val_losses=once)) == []
    flat = [0.7, 0.5, 0.5, 0.5, 0.5, 0.49]
    assert told(epochs_of(accuracies, flat, high)) == []


def test_near_a_loss_of_zero_ratios_say_nothing():
    """As in a training that gets every picture right."""
    losses = [0.5, 0.1, 0.03, 0.02, 0.03, 0.04, 0.04, 0.04]
    val_losses = [0.5, 0.1, 0.0001, 0.0002, 0.0004, 0.0004, 0.0005, 0.0005]
    assert told(epochs_of([0.9, 0.99] + [1.0] * 6, losses, val_losses)) == []


def test_with_few_images_a_higher_validation_loss_may_be_chance():
    losses = [1.0, 0.7, 0.5, 0.4, 0.3, 0.2]
    val_losses = [0.9, 0.6, 0.8, 0.8, 0.8, 0.8]
    assert told(epochs_of([0.6] * 6, losses, val_losses), images=10) == []
    assert told(epochs_of([0.6] * 6, losses, val_losses), images=100) == [(5, "overfitting")]


def course_of(answers, labels):
    labels = np.array(labels)
    chance = chance_of(labels, labels, len(answers[0]), 0.0, 1000)
    history = epochs_of([0.5] * len(answers), answers=answers)
    return Course(images=len(labels), epochs=20, chance=chance, batch=20, history=history)


def test_answers_stuck_on_few_classes_for_three_epochs():
    labels = [0, 1, 2, 3] * 10
    stuck = course_of([(40, 0, 0, 0), (39, 1, 0, 0), (40, 0, 0, 0)], labels)
    finding = few_classes(stuck)
    assert finding.kind == "few classes predicted"
    assert finding.seen == "40 of 40 validation pictures are predicted as the same class"
    two = few_classes(course_of([(39, 1, 0, 0)] * 3, labels))
    assert (
        two.seen
        == "39 of 40 validation pictures are predicted as the same class; only 2 of 4 classes are predicted at all"
    )
    assert few_classes(course_of([(40, 0, 0, 0), (20, 20, 0, 0), (40, 0, 0, 0)], labels)) is None
    assert few_classes(course_of([(40, 0, 0, 0)] * 2, labels)) is None


def test_during_the_warm_up_and_in_the_first_steps_answers_may_be_stuck():
    course = course_of([(40, 0, 0, 0)] * 5, [0, 1, 2, 3] * 10)
    course.warmup_share = 0.1
    assert few_classes(course).since == 0
    course.warmup_share = 0.15
    assert few_classes(course) is None
    course.warmup_share, course.batch = 0.1, 200
    assert few_classes(course) is None, "25 steps"


def test_a_rare_class_that_is_answered_now_and_then_is_no_fault():
    labels = [0] * 90 + [1] * 10
    assert few_classes(course_of([(93, 7)] * 3, labels)) is None
    assert few_classes(course_of([(100, 0)] * 16, labels)).kind == "few classes predicted"


def test_how_many_classes_are_answered_in_effect():
    assert variety(epochs_of([0.5], answers=[(10, 10, 10, 10)])[0]) == pytest.approx(4)
    assert variety(epochs_of([0.5], answers=[(40, 0, 0, 0)])[0]) == pytest.approx(1)


@pytest.mark.parametrize(("epochs", "is_told"), [(15, False), (16, True)])
def test_where_one_class_has_most_images_it_may_be_all_that_is_predicted_for_long(epochs, is_told):
    finding = few_classes(course_of([(40, 0)] * epochs, [0] * 36 + [1] * 4))
    assert (finding is not None) is is_told
