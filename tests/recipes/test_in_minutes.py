"""What the minutes choose among is what was measured, and what somebody set stays."""

import json
from pathlib import Path

import numpy as np
import pytest

from tellapart.metrics.learning_curve import LearningCurve, Scored
from tellapart.recipes.adapt import SHORT, adapted_to
from tellapart.recipes.in_minutes import (
    MOST_EPOCHS,
    OF_PICTURES,
    OF_STEPS,
    SMALLER_SIDES,
    TUNED_ERROR,
    candidates,
)
from tellapart.recipes.recipes import fast, quick, transfer

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
PRIORS = {"steps": OF_STEPS, "pictures": OF_PICTURES}


def newest(name):
    return json.loads(max(RESULTS.glob(f"{name}-*.json")).read_text())


@pytest.mark.parametrize(
    "course", newest("minutes-courses")["courses"], ids=lambda each: f"{each['kind']}-{each['data']}"
)
def test_the_priors_hold_every_measured_course(course):
    """No point lies further from the fit than three standard deviations of its count and the prior's noise."""
    prior, points = PRIORS[course["kind"]], [Scored(*each) for each in course["scored"]]
    curve = LearningCurve(prior, course["start"], points)
    for point in points:
        share = (point.wrong + 0.5) / (point.images + 1)
        deviation = np.hypot(prior.noise, 1 / np.sqrt(point.images * share * (1 - share)))
        expected = curve.error(point.length, 10**9).middle
        off = np.log(share / (1 - share)) - np.log(expected / (1 - expected))
        assert abs(off) < 3 * deviation, point


def test_what_fine_tuning_leaves_of_the_error_is_as_measured():
    shares = [
        (1 - run["val_accuracy"]) / (1 - run["head_val_accuracy"])
        for file in RESULTS.glob("fine_tuning-2026-11-29-*.json")
        for run in json.loads(file.read_text())["rows"]
    ]
    assert (min(shares), np.median(shares), max(shares)) == pytest.approx(TUNED_ERROR, abs=0.006)


def test_fast_may_take_its_smaller_network():
    own = adapted_to(fast(), 50_000)
    assert list(candidates(own, 50_000, None)) == [own, own.changed(**SHORT)]
    few = adapted_to(fast(mirrors=False), 2000)
    assert list(candidates(few, 2000, None)) == [few, few.changed(widths=SHORT["widths"])]


@pytest.mark.parametrize("change", [{"batch_size": 500}, {"widths": (32, 64, 64)}])
def test_what_somebody_set_is_not_replaced(change):
    config = adapted_to(fast(), 50_000).changed(**change)
    assert list(candidates(config, 50_000, None)) == [config]


def test_a_backbone_may_get_smaller_pictures_where_no_size_is_given():
    sizes = [config.size for config in candidates(transfer(), 5000, 224)]
    assert sizes == [None, *((side, side) for side in SMALLER_SIDES)]
    assert len(list(candidates(transfer(), 5000, None))) == 1


def test_other_recipes_have_only_their_length_to_choose():
    assert list(candidates(quick(), 5000, None)) == [quick()]
    assert MOST_EPOCHS == 200
