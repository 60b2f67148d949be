"""Rules that look at learning rates, labels and the inside of the network."""

from dataclasses import replace

import numpy as np
import pytest

from tellapart.events import EpochDone, HeadFitted
from tellapart.training.watch.course import Course, chance_of, entropy
from tellapart.training.watch.learning import (
    labels_not_learned,
    labels_not_learned_by_head,
    rate_too_high,
    rate_too_low,
)
from tellapart.training.watch.network import batch_too_small, dead_units, falls_apart, input_scale, updates
from tellapart.training.watch.vitals import ConstantUnits, Vitals
from tellapart.training.watch.watch import Watch

LABELS = np.arange(1000) % 10
CHANCE = chance_of(LABELS, LABELS[:200], 10, 0.0, 1000)
HEALTHY = Vitals(
    updates={"a": 2e-3, "b": 3e-3, "c": 1e-3},
    largest_update=4e-3,
    constant=(ConstantUnits("relu", 3, 64), ConstantUnits("dense", 300, 512)),
    input_mean=0.48,
    input_std=0.25,
    sampled=64,
    sample_accuracy=0.5,
)


def course_of(losses, *, vitals=HEALTHY, accuracy=0.1, val_accuracy=0.1, val_loss=2.3, batch=10, **others):
    history = [
        EpochDone(i, 20, loss, accuracy, val_loss, val_accuracy, 0.1, 1.0) for i, loss in enumerate(losses)
    ]
    seen = [vitals] * len(losses) if isinstance(vitals, Vitals) else list(vitals)
    return Course(images=200, epochs=20, chance=CHANCE, batch=batch, history=history, vitals=seen, **others)


def test_chance_is_what_is_scored_without_looking():
    assert pytest.approx(np.log(10)) == CHANCE.loss == CHANCE.val_loss
    assert (CHANCE.accuracy, CHANCE.variety) == (pytest.approx(0.1), pytest.approx(10))
    rare = np.array([0] * 90 + [1] * 10)
    chance = chance_of(rare, rare, 2, 0.2, 100)
    assert chance.loss == pytest.approx(entropy([0.8 * 0.9 + 0.1, 0.8 * 0.1 + 0.1]))
    assert chance.val_loss == pytest.approx(0.3251, abs=1e-4)
    assert chance.accuracy == 0.9
    assert not chance.beaten_by(0.95, 100)
    assert chance.beaten_by(0.95, 1000)


def test_large_steps_and_a_dead_layer_and_a_loss_at_chance_are_a_rate_too_high():
    overrun = replace(
        HEALTHY, updates={"a": 0.03}, largest_update=0.03, constant=(ConstantUnits("relu", 64, 64),)
    )
    finding = rate_too_high(course_of([2.35], vitals=overrun))
    assert (finding.kind, finding.epoch) == ("learning rate too high", 0)
    assert "the training loss (2.350) is no better than chance (2.303)" in finding.seen
    assert "one step changed a layer's weights by 3%" in finding.seen
    assert finding.advice == "Train again with a lower --learning-rate"
    known = rate_too_high(course_of([2.35], vitals=overrun, rate=0.2))
    assert known.advice == "Train again with --learning-rate 0.02"
    alive = replace(overrun, constant=())
    assert rate_too_high(course_of([2.35, 2.33], vitals=alive)) is None, "it may still begin to learn"
    assert rate_too_high(course_of([2.35, 2.33, 2.31], vitals=alive)) is not None
    assert rate_too_high(course_of([2.35, 2.33, 2.2], vitals=alive)) is None
    assert rate_too_high(course_of([2.35])) is None, "small steps"
    assert (
        rate_too_high(course_of([9.0])).seen == "the training loss (9.000) is far worse than chance (2.303)"
    )
    assert rate_too_high(course_of([2.35], vitals=overrun, batch=100)) is None, "ten steps say nothing"


def test_weights_that_hardly_move_are_a_rate_too_low():
    still = replace(HEALTHY, updates={"a": 4e-6, "b": 1e-6}, largest_update=4e-6)
    finding = rate_too_low(course_of([2.31, 2.3], vitals=still))
    assert finding.kind == "learning rate too low"
    assert "at most 0.08%" in finding.seen
    assert rate_too_low(course_of([2.31], vitals=still)) is None
    assert rate_too_low(course_of([2.31, 2.0], vitals=still)) is None
    assert rate_too_low(course_of([14.4, 14.4], vitals=still)) is None
    assert rate_too_low(course_of([2.31, 2.3])) is None
    dead = replace(still, constant=(ConstantUnits("relu", 64, 64),))
    assert rate_too_low(course_of([2.31, 2.3], vitals=dead)) is None, "nothing can move"


def test_labels_that_do_not_follow_from_the_pictures():
    finding = labels_not_learned(course_of([2.3] * 5))
    assert finding.kind == "no better than chance"
    assert finding.seen == (
        "after 5 epochs, validation accuracy is at best 10.0% (200 pictures), not clearly better than always "
        "predicting the most frequent class (10.0%); training accuracy is at best 10.0%"
    )
    by_heart = labels_not_learned(course_of([2.3, 2.0, 1.5, 1.0, 0.5], accuracy=0.9, val_loss=4.0))
    assert (
        "although training accuracy is 90.0%: the network has memorized the training pictures"
        in by_heart.seen
    )


@pytest.mark.parametrize(
    "learning",
    [
        {"val_accuracy": 0.2},
        {"accuracy": 0.15},
        {"val_loss": 2.1},
        {"batch": 100},
    ],
    ids=["held-out pictures", "training pictures", "the loss on held-out pictures", "too few steps"],
)
def test_what_begins_to_be_learned_is_not_blamed_on_labels(learning):
    assert labels_not_learned(course_of([2.3] * 5, **learning)) is None


def test_a_head_at_chance_is_blamed_on_labels_where_enough_pictures_tell():
    fitted = HeadFitted(1.0, 2.31, 0.11, 200, 5, (), 1.0)
    assert labels_not_learned_by_head(CHANCE, fitted).kind == "no better than chance"
    assert labels_not_learned_by_head(CHANCE, replace(fitted, val_accuracy=0.3)) is None
    assert labels_not_learned_by_head(CHANCE, replace(fitted, val_loss=2.0)) is None
    assert labels_not_learned_by_head(CHANCE, replace(fitted, val_pictures=30)) is None


def test_after_a_stop_weights_that_hardly_move_say_nothing_about_the_rate():
    still = replace(HEALTHY, updates={"a": 4e-6}, largest_update=4e-6)
    assert rate_too_low(course_of([2.31] * 4, vitals=[still] * 2)) is None, (
        "of two epochs nothing was measured"
    )
    warming = course_of([2.31] * 3, vitals=still, warmup_share=0.2)
    assert warming.warmup == 4
    assert rate_too_low(warming) is None
    assert rate_too_low(course_of([2.31] * 5, vitals=still, warmup_share=0.2)) is not None


def test_a_rare_class_begins_above_its_chance():
    """A network that has not begun to learn gives both classes the same probability, whatever their shares."""
    rare = np.array([0] * 950 + [1] * 50)
    chance = chance_of(rare, rare, 2, 0.0, 1000)
    assert (chance.loss, chance.at_start) == (pytest.approx(0.1985, abs=1e-4), pytest.approx(np.log(2)))
    overrun = replace(HEALTHY, largest_update=0.03)
    course = course_of([0.5, 0.3, 0.21], vitals=overrun)
    course.chance = chance
    assert rate_too_high(course) is None
    course.history = [replace(done, loss=1.2) for done in course.history]
    assert rate_too_high(course).seen == "the training loss (1.200) is far worse than chance (0.199)"


def test_dead_units_of_the_worst_layer():
    dead = replace(HEALTHY, constant=(ConstantUnits("relu", 52, 64), ConstantUnits("relu_1", 64, 64)))
    assert "64 of 64 units in layer relu_1 are dead" in dead_units(course_of([2.0], vitals=dead)).seen
    assert dead_units(course_of([2.0])) is None


@pytest.mark.parametrize(("mean", "std"), [(120.0, 60.0), (0.4, 0.001), (-50.0, 1.0)])
def test_inputs_that_are_not_normalized(mean, std):
    finding = input_scale(course_of([2.0], vitals=replace(HEALTHY, input_mean=mean, input_std=std)))
    assert f"mean {mean:.3g} and standard deviation {std:.3g}" in finding.seen
    assert input_scale(course_of([2.0])) is None


def test_exploding_and_vanishing_updates():
    exploding = replace(HEALTHY, updates={"a": 1.2, "b": 0.01})
    assert updates(course_of([2.0], vitals=exploding)).kind == "exploding updates"
    vanishing = replace(HEALTHY, updates={"first": 1e-7, "b": 2e-3, "c": 3e-3})
    finding = updates(course_of([2.0, 2.0], vitals=vanishing))
    assert finding.kind == "vanishing updates"
    assert "first hardly learns: one step changes it by 1.0e-07 of its norm" in finding.seen
    assert updates(course_of([2.0, 2.0])) is None


def test_batch_statistics_over_few_pictures():
    assert "averages over only 2 pictures" in batch_too_small(course_of([2.0], statistics_over=2)).seen
    assert batch_too_small(course_of([2.0], statistics_over=8)) is None
    assert batch_too_small(course_of([2.0])) is None, "no batch normalization"


def test_a_network_that_falls_apart_without_its_batch_statistics():
    assert falls_apart(course_of([2.0, 1.0], accuracy=0.6, statistics_over=32)) is None
    apart = falls_apart(course_of([2.0, 1.0], accuracy=0.9, statistics_over=32))
    assert "is 90% in training mode, but 50% in inference mode" in apart.seen
    assert falls_apart(course_of([2.0], accuracy=0.9, statistics_over=32)) is None, (
        "the averages have just begun"
    )
    assert falls_apart(course_of([2.0, 1.0], accuracy=0.9)) is None, "no batch normalization"


def test_a_kind_is_told_once_and_its_consequences_are_not_told():
    overrun = replace(
        HEALTHY, updates={"a": 0.03}, largest_update=0.03, constant=(ConstantUnits("relu", 64, 64),)
    )
    course = course_of([], vitals=())
    watch = Watch(course)
    done = EpochDone(0, 20, 2.35, 0.1, 2.35, 0.1, 0.1, 1.0, val_answers=(200, *[0] * 9))
    told = [
        finding.kind
        for epoch in range(8)
        for finding in watch.after(replace(done, epoch=epoch, val_accuracy=0.1), overrun)
    ]
    assert told == ["learning rate too high"]
    again = Watch(course_of([], vitals=()), told=("learning rate too high",))
    assert not list(again.after(done, overrun))
