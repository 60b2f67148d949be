"""`tellapart.fit`: Keras's own `Model.fit`, its train and test steps replaced by lowered ones.

Callbacks, data adapters, class and sample weights, validation, History: all of
it is Keras's code. What changes is only how one batch is computed.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tellapart.errors import ModelError
from tellapart.keras_backend import import_keras
from tellapart.keras_internals import loss_tracker
from tellapart.lowering import lower
from tellapart.runtime.allocator import keep_freed_memory
from tellapart.training.keras_metrics import metrics_of
from tellapart.training.loss import overrides
from tellapart.training.snapshot import Snapshot
from tellapart.training.step import EvaluateStep, TrainStep


def fit(model: Any, x: Any = None, y: Any = None, *positional: Any, **options: Any) -> Any:
    """Train a compiled Keras model on the lowered engine; the drop-in for `model.fit`.

    In a script, `model.fit(` becomes `tellapart.fit(model, `. The weights, the
    optimizer's state and the metrics are the model's own throughout, so callbacks
    see what they would see under Keras. What they change of the layers or the optimizer
    between two batches counts from the next one on, as under Keras.

    Args:
        model: a compiled `keras.Model` on the torch backend. Its dtype policy decides the
            arithmetic: "float32", or "mixed_bfloat16" for faster training on CPUs that have it.
        x: input data, anything that `keras.Model.fit` takes.
        y: targets, likewise.
        *positional: further arguments of `keras.Model.fit` in its order.
        **options: the same by name, each with its meaning there: batch_size, epochs, verbose,
            callbacks, validation_split, validation_data, shuffle, class_weight, sample_weight,
            initial_epoch, steps_per_epoch, validation_steps, validation_batch_size, validation_freq.

    Returns:
        A `keras.callbacks.History`.

    Raises:
        ModelError: `model` is not a compiled Keras model, or runs several steps per execution.
    """
    keras = import_keras()
    _check(keras, model)
    if overrides(model, "train_step") or overrides(model, "fit"):
        warnings.warn(
            f"{type(model).__name__} defines its own training step, so tellapart.fit leaves it to Keras: "
            "the result is the same, the speed is Keras's.",
            stacklevel=2,
        )
        return model.fit(x, y, *positional, **options)
    with lowered_steps(model):
        return model.fit(x, y, *positional, **options)


@contextmanager
def lowered_steps(model: Any) -> Iterator[None]:
    """Let `model.fit` and `model.evaluate` run lowered within this block."""
    model.train_function = _kept_true(model, TrainStep)
    if not overrides(model, "test_step"):
        model.test_function = _kept_true(model, EvaluateStep)
    try:
        with keep_freed_memory():
            yield
    finally:
        model.train_function = model.test_function = None


def _check(keras: Any, model: Any) -> None:
    if not isinstance(model, keras.Model):
        raise ModelError(
            f"tellapart.fit trains a keras.Model; got {type(model).__name__}. "
            "Call it as tellapart.fit(model, x, y, ...)."
        )
    if not model.compiled:
        raise ModelError(
            f"The model {model.name!r} is not compiled, so it has no loss and no optimizer. "
            "Call model.compile(optimizer=..., loss=..., metrics=[...]) first."
        )
    if model.steps_per_execution != 1:
        raise ModelError(
            f"steps_per_execution is {model.steps_per_execution}; Keras's torch backend knows only 1. "
            "Leave the argument out of model.compile."
        )


Function = Callable[[Any], Mapping[str, Any]]
"""[(x, y, sample weight)] -> logs, as Keras's loops call it."""


def _kept_true(model: Any, kind: type[TrainStep] | type[EvaluateStep]) -> Function:
    """A function that is built at the first batch of each epoch, and wherever a callback made it untrue.

    By the first batch Keras has built model, metrics and optimizer. What is changed later (layers frozen,
    a dropout's rate, the optimizer's clipping) is seen at the next batch, as under Keras.
    """
    built: list[tuple[Function, Snapshot]] = []

    def call(data: Any) -> Mapping[str, Any]:
        begins = float(loss_tracker(model).count.value) == 0  # Keras has just reset it
        if begins or not built or not built[0][1].holds():
            built[:] = [_lowered(model, kind)]
        return built[0][0](data)

    return call


def _lowered(model: Any, kind: type[TrainStep] | type[EvaluateStep]) -> tuple[Function, Snapshot]:
    net = lower(model)
    step, metrics = kind(net), metrics_of(model)

    def run(data: Any) -> Mapping[str, Any]:
        inputs, truth, weight = _unpack(data)
        result = step(inputs, truth, weight)
        return metrics.update(inputs, truth, result.output, weight, result.loss)

    return run, Snapshot(net)


def _unpack(data: Any) -> tuple[Any, Any, Any]:
    """One batch as Keras's iterator gives it, as torch tensors on the device of the weights."""
    import keras

    batch = keras.tree.map_structure(keras.ops.convert_to_tensor, data[0], none_is_leaf=False)
    return keras.utils.unpack_x_y_sample_weight(batch)
