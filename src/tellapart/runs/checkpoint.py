"""Checkpoints: training state, weights and optimizer state in one safetensors file.

A training resumed from one goes on as if it had never stopped. No pickle.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import ModelError
from tellapart.events import EpochDone
from tellapart.files import write_whole
from tellapart.training.state import TrainState

Weights = list[NDArray[Any]]
"""A model's weights in Keras's order."""


def save_checkpoint(path: Path, model: Any, state: TrainState, best: Weights | None) -> None:
    """Write a checkpoint.

    Args:
        path: a `.safetensors` file; replaced atomically.
        model: compiled, its optimizer built.
        state: as the loop left it.
        best: weights of the best epoch so far, if the configuration keeps the best.

    Raises:
        SaveError: it could not be written; the previous checkpoint stays.
    """
    from safetensors.numpy import save_file

    tensors = {f"weights/{i:04d}": weight for i, weight in enumerate(model.get_weights())}
    tensors |= {f"optimizer/{i:04d}": np.asarray(v.numpy()) for i, v in enumerate(model.optimizer.variables)}
    tensors |= {f"best/{i:04d}": weight for i, weight in enumerate(best or [])}
    tensors = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    metadata = {"standing": json.dumps(asdict(state))}
    write_whole(path, lambda place: save_file(tensors, place, metadata))


def save_weights(path: Path, model: Any, event: EpochDone) -> None:
    """Write the weights alone, as they are after an epoch, with its number and learning rate.

    Raises:
        SaveError: it could not be written; nothing half-written is left.
    """
    from safetensors.numpy import save_file

    tensors = {f"weights/{i:04d}": np.asarray(w, order="C") for i, w in enumerate(model.get_weights())}
    metadata = {"epoch": str(event.epoch + 1), "learning_rate": repr(event.learning_rate)}
    write_whole(path, lambda place: save_file(tensors, place, metadata))


def load_weights(path: Path) -> tuple[int, Weights]:
    """Read what `save_weights` wrote.

    Returns:
        Number of finished epochs, and the weights.

    Raises:
        ModelError: the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            return int(file.metadata()["epoch"]), _group(tensors, "weights")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as reason:
        raise ModelError(f"{path} holds no weights that can be read ({reason}).") from reason


def load_checkpoint(path: Path, model: Any) -> tuple[TrainState, Weights | None]:
    """Restore a freshly built and compiled model from a checkpoint.

    Returns:
        The training state, and the best weights so far or None.

    Raises:
        ModelError: the file is missing, damaged or belongs to another network.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            state = json.loads(file.metadata()["standing"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as reason:
        raise ModelError(
            f"{path} is not a readable checkpoint ({reason}). Start the training again, in a new run folder."
        ) from reason
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    _assign(path, model.weights, _group(tensors, "weights"))
    _assign(path, model.optimizer.variables, _group(tensors, "optimizer"))
    history = [
        EpochDone(**{**row, "val_recalls": tuple(row.get("val_recalls", ()))}) for row in state.pop("history")
    ]
    return TrainState(**state, history=history), _group(tensors, "best") or None


def _group(tensors: Mapping[str, NDArray[Any]], name: str) -> Weights:
    return [tensors[key] for key in sorted(tensors) if key.startswith(f"{name}/")]


def _assign(path: Path, variables: list[Any], values: Weights) -> None:
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise ModelError(
            f"{path} belongs to another network: its tensor shapes differ from this network's. "
            "Resume with the recipe that the run was started with."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
