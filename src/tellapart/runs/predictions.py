"""Answers: what a model said of whole splits, kept with the truth, so that a report need not ask again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import DataError
from tellapart.files import write_whole


@dataclass(frozen=True, slots=True, eq=False)
class SplitPredictions:
    """Of one split, in the order of its pictures."""

    probabilities: NDArray[np.float32]
    """(N, classes), with the model's test-time views."""

    labels: NDArray[np.int64]
    """(N,) class indices, as the model counts them."""

    ids: tuple[str, ...]


def save_predictions(path: Path, answers: Mapping[str, SplitPredictions]) -> None:
    """Write answers by split, as one safetensors file.

    Raises:
        SaveError: it could not be written; nothing half-written is left.
    """
    from safetensors.numpy import save_file

    tensors: dict[str, NDArray[np.generic]] = {}
    for split, one in answers.items():
        tensors[f"{split}/probabilities"] = np.ascontiguousarray(one.probabilities, np.float32)
        tensors[f"{split}/labels"] = np.ascontiguousarray(one.labels, np.int64)
    metadata = {split: json.dumps(one.ids) for split, one in answers.items()}
    write_whole(path, lambda place: save_file(tensors, place, metadata))


def load_predictions(path: Path) -> dict[str, SplitPredictions]:
    """Read them back.

    Raises:
        DataError: there is no such file, or it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            return {
                split: SplitPredictions(
                    file.get_tensor(f"{split}/probabilities"),
                    file.get_tensor(f"{split}/labels"),
                    tuple(json.loads(ids)),
                )
                for split, ids in file.metadata().items()
            }
    except FileNotFoundError as reason:
        raise DataError(
            f"{path} is not there: the run was not finished, or is older than reports are."
        ) from reason
    except (OSError, SafetensorError, ValueError, AttributeError) as reason:
        raise DataError(f"{path} is damaged ({reason}).") from reason
