"""Checkpoints: training state, weights and optimizer state in one tensor file.

A training resumed from one goes on as if it had never stopped. Two are kept, the newest and the one before it, so that
a damaged file costs no more than the time between them.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import ModelError
from tellapart.events import EpochDone
from tellapart.files import move_files
from tellapart.runs.event_log import epoch_of
from tellapart.runs.tensors_file import UnreadableTensorsError, read_tensors, write_tensors
from tellapart.training.state import TrainState

Weights = list[NDArray[Any]]
"""A model's weights in Keras's order."""


class Companion(Protocol):
    """What a training needs besides weights, optimizer and progress, to go on as if it had never stopped."""

    def state(self) -> tuple[str, dict[str, NDArray[Any]]]:
        """Return it as a text, and arrays by name."""
        ...

    def restore(self, text: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take it up again."""
        ...


def save_checkpoint(
    path: Path, model: Any, state: TrainState, best: Weights | None, companion: Companion | None = None
) -> None:
    """Write a checkpoint; the one before stays beside it until the next (`previous`).

    Args:
        path: a `.safetensors` file.
        model: compiled, its optimizer built.
        state: as the loop left it.
        best: weights of the best epoch so far, if the configuration keeps the best.
        companion: what else is kept.

    Raises:
        SaveError: it could not be written; earlier checkpoints stay.
    """
    text, arrays = ("", {}) if companion is None else companion.state()
    tensors = {f"weights/{i:04d}": weight for i, weight in enumerate(model.get_weights())}
    tensors |= {f"optimizer/{i:04d}": np.asarray(v.numpy()) for i, v in enumerate(model.optimizer.variables)}
    tensors |= {f"best/{i:04d}": weight for i, weight in enumerate(best or [])}
    tensors |= {f"companion/{name}": array for name, array in arrays.items()}
    metadata = {"standing": json.dumps(asdict(state)), **({"companion": text} if text else {})}
    write_tensors(_unproven(path), tensors, metadata)
    move_files([(path, previous(path)), (_unproven(path), path)])


def previous(path: Path) -> Path:
    """Return where the checkpoint before the one at `path` lies."""
    return path.with_stem(f"{path.stem}-previous")


def _unproven(path: Path) -> Path:
    """Return where a checkpoint lies until it is whole, and the one before it has been moved away."""
    return path.with_stem(f"{path.stem}-new")


def checkpoint_exists(path: Path) -> bool:
    """Return whether a training can be resumed from a checkpoint at `path`, or from the one before it."""
    return any(place.exists() for place in (path, _unproven(path), previous(path)))


def save_weights(path: Path, model: Any, event: EpochDone) -> None:
    """Write the weights alone, as they are after an epoch, with its number and learning rate.

    Raises:
        SaveError: it could not be written; nothing half-written is left.
    """
    tensors = {f"weights/{i:04d}": weight for i, weight in enumerate(model.get_weights())}
    write_tensors(path, tensors, {"epoch": str(event.epoch + 1), "learning_rate": repr(event.learning_rate)})


def load_weights(path: Path) -> tuple[int, Weights]:
    """Read what `save_weights` wrote.

    Returns:
        Number of finished epochs, and the weights.

    Raises:
        ModelError: the file is missing or damaged.
    """
    try:
        tensors, metadata = read_tensors(path)
        return int(metadata["epoch"]), _group(tensors, "weights")
    except (OSError, UnreadableTensorsError, KeyError, ValueError) as reason:
        raise ModelError(f"{path} holds no weights that can be read ({reason}).") from reason


def load_checkpoint(
    path: Path, model: Any, companion: Companion | None = None
) -> tuple[TrainState, Weights | None, str]:
    """Restore a freshly built and compiled model from the newest checkpoint that is whole.

    Args:
        path: of the newest; where it is missing or damaged, the one before it is taken.
        model: its weights and its optimizer's state are set.
        companion: takes up what it had saved.

    Returns:
        The training state, the best weights so far or None, and what to tell people: empty, or that the newest
        checkpoint could not be used.

    Raises:
        ModelError: no checkpoint can be read, or they belong to another network.
    """
    reasons = []
    for place in (path, _unproven(path), previous(path)):
        try:
            tensors, metadata = read_tensors(place)
            state = _state_of(metadata)
        except FileNotFoundError:
            continue
        except (OSError, UnreadableTensorsError, *_NO_STATE) as reason:
            reasons.append(f"{place} is not a readable checkpoint ({reason})")
            continue
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        _assign(place, model.weights, _group(tensors, "weights"))
        _assign(place, model.optimizer.variables, _group(tensors, "optimizer"))
        if companion is not None and "companion" in metadata:
            begins = "companion/"
            arrays = {
                key.removeprefix(begins): value for key, value in tensors.items() if key.startswith(begins)
            }
            companion.restore(metadata["companion"], arrays)
        best = _group(tensors, "best")
        _refuse_other_shapes(place, model.weights if best else [], best)
        said = "".join(
            f"{reason}; going on from the one before it, {place.name}. " for reason in reasons
        ).strip()
        return state, best or None, said
    what = reasons[0] if reasons else f"{path}: no such file"
    raise ModelError(f"{what}. Start the training again, in a new run folder.")


def companion_text(path: Path) -> str:
    """Return the text that a companion saved in the newest checkpoint; empty where there is none, or it is damaged."""
    try:
        return read_tensors(path)[1].get("companion", "")
    except UnreadableTensorsError:
        return ""


_NO_STATE = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)


def _state_of(metadata: Mapping[str, str]) -> TrainState:
    state = json.loads(metadata["standing"])
    rows = state.pop("history")
    history = [done for row in rows if (done := epoch_of(row)) is not None]
    counts = [state[name] for name in ("epoch", "step", "pictures", "right", "divergences") if name in state]
    if len(history) < len(rows) or not all(type(count) is int and 0 <= count < 2**53 for count in counts):
        raise ValueError("it holds no state of a training")
    return TrainState(**{**state, "loss_sum": float(state["loss_sum"])}, history=history)


def _group(tensors: Mapping[str, NDArray[Any]], name: str) -> Weights:
    return [tensors[key] for key in sorted(tensors) if key.startswith(f"{name}/")]


def _assign(path: Path, variables: list[Any], values: Weights) -> None:
    _refuse_other_shapes(path, variables, values)
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _refuse_other_shapes(path: Path, variables: list[Any], values: Weights) -> None:
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise ModelError(
            f"{path} belongs to another network: its tensor shapes differ from this network's. "
            "Resume with the recipe that the run was started with."
        )
