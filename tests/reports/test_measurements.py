"""Calibration facts: what changes with the temperature, and what does not."""

from dataclasses import asdict

import numpy as np
import pytest

from tellapart.metrics.calibration import calibration_error, tempered, thresholds
from tellapart.reports.measurements import calibration_facts
from tellapart.runs.predictions import SplitPredictions

TEMPERATURE = 0.5


@pytest.fixture(scope="module")
def test_split():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet([2, 1, 1], 200).astype(np.float32)
    return SplitPredictions(probabilities, random.integers(0, 3, 200), tuple(map(str, range(200))))


def test_only_what_comes_after_calibration_uses_the_temperature(test_split):
    raw, labels = test_split.probabilities, test_split.labels
    calibrated = tempered(raw, TEMPERATURE)
    facts = calibration_facts(test_split, TEMPERATURE, 50)
    assert facts["before"]["error"] == calibration_error(raw, labels)
    assert facts["after"]["error"] == calibration_error(calibrated, labels) != facts["before"]["error"]
    assert facts["thresholds"] == [asdict(row) for row in thresholds(calibrated, labels)]
    assert facts["thresholds"] != [asdict(row) for row in thresholds(raw, labels)]
    assert (facts["temperature"], facts["fitted_on"]) == (TEMPERATURE, 50)


def test_without_a_temperature_thresholds_are_those_of_the_raw_probabilities(test_split):
    facts = calibration_facts(test_split, None, None)
    assert facts["after"] is None
    raw = thresholds(test_split.probabilities, test_split.labels)
    assert facts["thresholds"] == [asdict(row) for row in raw]
