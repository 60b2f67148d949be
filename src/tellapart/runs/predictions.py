"""Saved predictions of whole splits with their labels, so that a report need not predict again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import DataError
from tellapart.pages.card import Readable
from tellapart.runs.tensors_file import UnreadableTensorsError, read_tensors, write_tensors


@dataclass(frozen=True, slots=True, eq=False)
class SplitPredictions(Readable):
    """Predictions of one split, in the order of its images."""

    probabilities: NDArray[np.float32]
    """(N, classes), with the model's test-time augmentation."""

    labels: NDArray[Any]
    """(N,) true class indices, in the model's order of classes; or (N, classes) float32 of 0 and 1, where an image may
    have several."""

    ids: tuple[str, ...]

    def _parts(self) -> list[str]:
        pictures, classes = self.probabilities.shape
        return [f"{pictures:,} pictures, {classes:,} classes"]


def save_predictions(path: Path, predictions: Mapping[str, SplitPredictions]) -> None:
    """Write the predictions of all splits to one safetensors file.

    Raises:
        SaveError: it could not be written; nothing half-written is left.
    """
    tensors: dict[str, NDArray[np.generic]] = {}
    for split, of_split in predictions.items():
        tensors[f"{split}/probabilities"] = np.ascontiguousarray(of_split.probabilities, np.float32)
        tensors[f"{split}/labels"] = np.ascontiguousarray(of_split.labels, np.int64)
    metadata = {split: json.dumps(of_split.ids) for split, of_split in predictions.items()}
    write_tensors(path, tensors, metadata)


def load_predictions(path: Path) -> dict[str, SplitPredictions]:
    """Read what `save_predictions` wrote, by split.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        tensors, metadata = read_tensors(path)
        predictions = {
            split: SplitPredictions(
                tensors[f"{split}/probabilities"],
                _as_written(tensors[f"{split}/labels"]),
                tuple(json.loads(ids)),
            )
            for split, ids in metadata.items()
        }
        for split, of_split in predictions.items():
            _check(split, of_split)
        return predictions
    except FileNotFoundError as reason:
        raise DataError(f"{path} does not exist: the run was not finished, or predates reports.") from reason
    except (OSError, UnreadableTensorsError, ValueError, KeyError, TypeError) as reason:
        raise DataError(f"{path} is damaged ({reason}).") from reason


def _as_written(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels of the kind that was written: class indices, or of several labels float32."""
    return labels.astype(np.float32) if labels.ndim == 2 and labels.dtype.kind == "i" else labels


def _check(split: str, predictions: SplitPredictions) -> None:
    """Raise ValueError unless there is one known label, one id and one row of probabilities for each image."""
    probabilities, labels, ids = predictions.probabilities, predictions.labels, predictions.ids
    if labels.ndim == 2:
        if probabilities.shape != labels.shape or len(ids) != len(labels):
            raise ValueError(f"the sizes of {split} do not fit together")
        if not np.isin(labels, (0, 1)).all():
            raise ValueError(f"{split} has labels that are neither 0 nor 1")
        return
    if probabilities.ndim != 2 or labels.shape != (len(probabilities),) or len(ids) != len(labels):
        raise ValueError(f"the sizes of {split} do not fit together")
    if labels.dtype.kind != "i" or not np.all((labels >= 0) & (labels < probabilities.shape[1])):
        raise ValueError(f"{split} has labels of no class")
