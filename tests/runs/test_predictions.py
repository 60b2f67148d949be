"""Answers come back from their file as they were."""

import numpy as np
import pytest

from tellapart.errors import DataError
from tellapart.runs.predictions import SplitPredictions, load_predictions, save_predictions


def test_they_come_back_as_they_were(tmp_path):
    random = np.random.default_rng(0)
    kept = {
        split: SplitPredictions(
            random.random((n, 3), np.float32), random.integers(0, 3, n), tuple(f"é/{i}" for i in range(n))
        )
        for split, n in [("validation", 4), ("test", 7)]
    }
    save_predictions(tmp_path / "predictions.safetensors", kept)
    read = load_predictions(tmp_path / "predictions.safetensors")
    assert read.keys() == kept.keys()
    for split, one in kept.items():
        np.testing.assert_array_equal(read[split].probabilities, one.probabilities)
        np.testing.assert_array_equal(read[split].labels, one.labels)
        assert read[split].ids == one.ids


def test_none_and_damaged_ones_are_told(tmp_path):
    with pytest.raises(DataError, match="not finished"):
        load_predictions(tmp_path / "predictions.safetensors")
    (tmp_path / "predictions.safetensors").write_bytes(b"no")
    with pytest.raises(DataError, match="damaged"):
        load_predictions(tmp_path / "predictions.safetensors")
