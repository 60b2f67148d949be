"""Measurements: what a report computes from predictions and from the network, as plain values."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.metrics.calibration import calibration_error, reliability, tempered, thresholds
from tellapart.profiling.layer_times import layer_milliseconds, timed_images
from tellapart.profiling.summary import summarize
from tellapart.runs.predictions import SplitPredictions


def calibration_facts(
    test: SplitPredictions, temperature: float | None, held_out: int | None
) -> dict[str, Any]:
    """Return the calibration error, its bins and the confidence thresholds, before and after calibration.

    Args:
        test: predictions of the test split.
        temperature: of the model card; None where none was fitted.
        held_out: images that it was fitted on; None where there were none.
    """
    calibrated = test.probabilities if temperature is None else tempered(test.probabilities, temperature)
    return {
        "temperature": temperature,
        "fitted_on": held_out,
        "before": _reliability(test.probabilities, test.labels),
        "after": None if temperature is None else _reliability(calibrated, test.labels),
        "thresholds": [asdict(threshold) for threshold in thresholds(calibrated, test.labels)],
    }


def _reliability(probabilities: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> dict[str, Any]:
    return {
        "error": calibration_error(probabilities, labels),
        "bins": [asdict(row) for row in reliability(probabilities, labels)],
    }


def network_facts(model: Any) -> dict[str, Any]:
    """Return a Keras model's summary, each layer with its milliseconds on this machine."""
    summary = summarize(model)
    times = layer_milliseconds(model)
    rows = [{**asdict(row), "milliseconds": times.get(row.name)} for row in summary.layers]
    height, width, _ = summary.input_shape
    return {**summary.to_dict(), "layers": rows, "timed_pictures": timed_images(height, width)}
