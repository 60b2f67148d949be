"""`tellapart.fit`: Keras's own `Model.fit`, its train and test steps replaced by lowered ones.

Callbacks, data adapters, class and sample weights, validation and History remain
Keras's code. Only the computation of one batch changes.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tellapart.errors import ModelError
from tellapart.keras_backend import import_keras
from tellapart.keras_internals import loss_tracker
from tellapart.lowering import lower
from tellapart.old_keras.unknown_arguments import refuse_unknown
from tellapart.runtime.allocator import keep_freed_memory
from tellapart.training.keras_metrics import metrics_of
from tellapart.training.loss import overrides
from tellapart.training.snapshot import Snapshot
from tellapart.training.step import EvaluateStep, TrainStep


def fit(model: Any, x: Any = None, y: Any = None, *positional: Any, **options: Any) -> Any:
    """Train a compiled Keras model on the lowered engine: a drop-in replacement for `model.fit`.

    In a script, `model.fit(` becomes `tellapart.fit(model, `. The weights, the
    optimizer's state and the metrics stay the model's own, so callbacks see what they
    would see under Keras. Their changes to layers or the optimizer take effect with the
    next batch, as under Keras.

    Args:
        model: a compiled `keras.Model` on the torch backend. Its dtype policy decides the
            arithmetic: "float32", or "mixed_bfloat16" for faster training on CPUs with bfloat16.
        x: input data, anything that `keras.Model.fit` takes.
        y: targets, anything that `keras.Model.fit` takes.
        *positional: further arguments of `keras.Model.fit`, in its order.
        **options: keyword arguments of `keras.Model.fit`: batch_size, epochs, verbose,
            callbacks, validation_split, validation_data, shuffle, class_weight, sample_weight,
            initial_epoch, steps_per_epoch, validation_steps, validation_batch_size, validation_freq.

    Returns:
        A `keras.callbacks.History`.

    Raises:
        ModelError: `model` is not a compiled Keras model, or runs several steps per execution.
        ArgumentError: an argument is unknown to `keras.Model.fit`; of one that older versions had, it says today's.
    """
    keras = import_keras()
    _check(keras, model)
    refuse_unknown(options, model.fit)
    if overrides(model, "train_step") or overrides(model, "fit"):
        warnings.warn(
            f"{type(model).__name__} overrides train_step or fit, so tellapart.fit calls Keras's own fit: "
            "same result, no speedup.",
            stacklevel=2,
        )
        return model.fit(x, y, *positional, **options)
    with lowered_steps(model):
        return model.fit(x, y, *positional, **options)


@contextmanager
def lowered_steps(model: Any) -> Iterator[None]:
    """Run `model.fit` and `model.evaluate` on the lowered engine within this block."""
    model.train_function = _rebuilt_when_stale(model, TrainStep)
    if not overrides(model, "test_step"):
        model.test_function = _rebuilt_when_stale(model, EvaluateStep)
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
            f"steps_per_execution is {model.steps_per_execution}; Keras's torch backend supports only 1. "
            "Leave the argument out of model.compile."
        )


Function = Callable[[Any], Mapping[str, Any]]
"""[(x, y, sample weights)] -> logs, as Keras's loops call it."""


def _rebuilt_when_stale(model: Any, kind: type[TrainStep] | type[EvaluateStep]) -> Function:
    """Return a function that builds its step at the first batch of each epoch and whenever a callback made it stale.

    By the first batch Keras has built the model, the metrics and the optimizer. Later changes (frozen layers,
    a dropout rate, the optimizer's clipping) take effect with the next batch, as under Keras.
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
        inputs, targets, weight = _unpack(data)
        result = step(inputs, targets, weight)
        return metrics.update(inputs, targets, result.output, weight, result.loss)

    return run, Snapshot(net)


def _unpack(data: Any) -> tuple[Any, Any, Any]:
    """Return a batch of Keras's iterator as torch tensors on the device of the weights."""
    import keras

    batch = keras.tree.map_structure(keras.ops.convert_to_tensor, data[0], none_is_leaf=False)
    return keras.utils.unpack_x_y_sample_weight(batch)
