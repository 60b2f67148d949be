"""Keras callbacks in a training that saves checkpoints: called when and with what `model.fit` calls them, and resumed.

What a checkpoint keeps besides weights and optimizer: of each callback its numbers, texts and arrays, such as
EarlyStopping's patience and best weights; of the model the states of its random layers and of its metrics.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import ConfigError
from tellapart.keras_backend import import_keras
from tellapart.text import described

Logs = dict[str, float]

RUN_FOLDER_DOES = ("BackupAndRestore", "ProgbarLogger")
"""Callbacks whose work a run folder and the printed epochs do."""

NOT_OF_THE_STATE = ("params", "model", "_model", "min_delta")
"""Attributes that a callback gets anew: from `fit`, or, as min_delta's sign, at its first epoch."""


def checked_callbacks(callbacks: Any) -> tuple[Any, ...]:
    """Return callbacks as a tuple.

    Args:
        callbacks: one, or a sequence of them, or None.

    Raises:
        ConfigError: one of them is no Keras callback, or does what the run folder does.
    """
    if callbacks is None:
        return ()
    keras = import_keras()
    given = tuple(callbacks) if isinstance(callbacks, list | tuple) else (callbacks,)
    for each in given:
        if isinstance(each, keras.callbacks.CallbackList) or not isinstance(each, keras.callbacks.Callback):
            raise ConfigError(
                "callbacks are Keras callbacks, such as [keras.callbacks.EarlyStopping(patience=3)]; got "
                f"{described(each)}."
            )
        if (kind := type(each).__name__) in RUN_FOLDER_DOES:
            raise ConfigError(
                f"{kind} is not needed here: the run folder saves checkpoints, and `resume` goes on from them; each "
                "epoch is printed. Leave it out."
            )
    return given


class CallbackRun:
    """A compiled model with its callbacks, from the first step to the last, over several sessions."""

    def __init__(self, model: Any, callbacks: Sequence[Any], epochs: int, steps: int) -> None:
        """Create it; `begin` comes first.

        Args:
            model: compiled, what callbacks see as `self.model`.
            callbacks: of Keras.
            epochs: of the whole training.
            steps: in an epoch.
        """
        self.model = model
        model.stop_training = False  # an earlier `fit` may have left it so
        self.logs: Logs = {}
        """Of the last finished epoch."""

        self.list = import_keras().callbacks.CallbackList(
            list(callbacks), add_history=True, model=model, epochs=epochs, steps=steps, verbose=0
        )
        self._begun = False
        self._pending: tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]] | None = None

    @property
    def stops(self) -> bool:
        """Whether a callback has ended the training."""
        return bool(self.model.stop_training)

    def begin(self) -> None:
        """Begin the session: `on_train_begin`, then what the callbacks knew in the last one."""
        if self._begun:
            return
        self.list.on_train_begin()
        self._begun = True
        if self._pending is not None:
            self._restore_callbacks(*self._pending)

    def end(self) -> None:
        """End the training: averaged weights are set, and callbacks may restore the weights of their best epoch."""
        self.begin()
        self.model.optimizer.finalize_variable_values(self.model.trainable_weights)
        self.list.on_train_end(self.logs)

    def epoch_ended(self, epoch: int, logs: Logs) -> None:
        """Tell the callbacks; they may add to the logs, as ReduceLROnPlateau does."""
        self.list.on_epoch_end(epoch, logs)
        self.logs = logs

    def state(self) -> tuple[str, dict[str, NDArray[Any]]]:
        """Return what a checkpoint keeps: a text, and arrays by name."""
        if self._pending is not None and not self._begun:
            saved, arrays_of_session = self._pending
            return json.dumps(saved), dict(arrays_of_session)
        texts: list[dict[str, Any]] = []
        arrays: dict[str, NDArray[Any]] = {
            f"model/{index:04d}": np.asarray(variable.numpy())
            for index, variable in enumerate(_variables_beside_weights(self.model))
        }
        for number, callback in enumerate(self.list.callbacks):
            plain = {}
            for name, value in vars(callback).items():
                if name in NOT_OF_THE_STATE:
                    continue
                if _are_arrays(value):
                    arrays |= {f"{number:02d}.{name}/{i:04d}": np.array(each) for i, each in enumerate(value)}
                elif (text := _as_json(value)) is not None:
                    plain[name] = json.loads(text)
            texts.append({"class": type(callback).__name__, "values": plain})
        return json.dumps({"stops": self.stops, "logs": self.logs, "callbacks": texts}), arrays

    def restore(self, text: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `state` returned; the callbacks do once the session has begun.

        Raises:
            ConfigError: the run had other callbacks.
        """
        saved = json.loads(text)
        kinds = [each["class"] for each in saved["callbacks"]]
        if kinds != [type(callback).__name__ for callback in self.list.callbacks]:
            had = ", ".join(kinds[:-1]) or "none"  # the last one is History
            raise ConfigError(
                f"The run's callbacks were: {had}. Pass the same ones to resume it: "
                "tellapart.train(resume=RUN, callbacks=[...])."
            )
        variables = _variables_beside_weights(self.model)
        values = [arrays[name] for name in sorted(arrays) if name.startswith("model/")]
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self.logs = saved["logs"]
        self._pending = saved, arrays
        if self._begun:
            self._restore_callbacks(saved, arrays)

    def _restore_callbacks(self, saved: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        for number, (callback, each) in enumerate(zip(self.list.callbacks, saved["callbacks"], strict=True)):
            for name, value in each["values"].items():
                setattr(callback, name, value)
            mine = [name for name in sorted(arrays) if name.startswith(f"{number:02d}.")]
            for name in dict.fromkeys(key.partition(".")[2].rpartition("/")[0] for key in mine):
                keys = [key for key in mine if key.rpartition("/")[0] == f"{number:02d}.{name}"]
                setattr(callback, name, [arrays[key] for key in keys])
        self.model.stop_training = saved["stops"]


def says_that_it_stops(text: str) -> bool:
    """Return whether a callback had ended the training, by the text that `CallbackRun.state` returned."""
    try:
        return json.loads(text)["stops"] is True
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _variables_beside_weights(model: Any) -> list[Any]:
    """Return the states of a model's random layers and of its metrics."""
    weights = set(map(id, model.weights))
    metrics = model.metrics_variables
    known = weights | set(map(id, metrics))
    return [variable for variable in model.variables if id(variable) not in known] + list(metrics)


def _are_arrays(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(isinstance(each, np.ndarray) for each in value)


def _as_json(value: Any) -> str | None:
    """Return a plain value as JSON; None where it is none, or would come back as another type."""
    if isinstance(value, np.generic):
        value = value.item()
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        return None
    return text if json.loads(text) == value or value != value else None
