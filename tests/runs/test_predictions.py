"""Saved predictions are read back unchanged."""

import numpy as np
import pytest

from tellapart.errors import DataError
from tellapart.runs.predictions import SplitPredictions, load_predictions, save_predictions


def test_saved_predictions_are_read_back_unchanged(tmp_path):
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
    for split, of_split in kept.items():
        np.testing.assert_array_equal(read[split].probabilities, of_split.probabilities)
        np.testing.assert_array_equal(read[split].labels, of_split.labels)
        assert read[split].ids == of_split.ids


def test_missing_and_damaged_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="not finished"):
        load_predictions(tmp_path / "predictions.safetensors")
    (tmp_path / "predictions.safetensors").write_bytes(b"no")
    with pytest.raises(DataError, match="damaged"):
        load_predictions(tmp_path / "predictions.safetensors")
