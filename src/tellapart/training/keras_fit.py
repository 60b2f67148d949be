"""`tellapart.fit`: Keras's own `Model.fit`, its train and test steps replaced by lowered ones.

Callbacks, data adapters, class and sample weights, validation and History remain
Keras's code. Only the computation of one batch changes, and only where Keras's own code would compute it.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import Any

import torch

from tellapart.errors import ModelError, TeamError
from tellapart.keras_backend import import_keras
from tellapart.keras_internals import is_keras_attribute, loss_tracker, trainer_class
from tellapart.lowering import lower
from tellapart.lowering.keras_draws import draw_as_keras
from tellapart.old_keras.unknown_arguments import refuse_unknown
from tellapart.runtime.allocator import keep_freed_memory
from tellapart.runtime.team import Team, team
from tellapart.training.keras_metrics import metrics_of
from tellapart.training.keras_team import begin_alike, heard_by, learn_together, refuse_unshareable
from tellapart.training.snapshot import Snapshot
from tellapart.training.step import EvaluateStep, StepResult, TrainStep

OF_TRAINING = ("fit", "train_step", "make_train_function", "train_function", "zero_grad")
OF_TESTING = ("test_step", "make_test_function", "test_function")
"""What a model may have of its own in place of what is replaced here; then Keras runs it."""


def fit(model: Any, x: Any = None, y: Any = None, *positional: Any, **options: Any) -> Any:
    """Train a compiled Keras model on the lowered engine: a drop-in replacement for `model.fit`.

    In a script, `model.fit(` becomes `tellapart.fit(model, `. The weights, their gradients, the
    optimizer's state and the metrics stay the model's own, so callbacks see what they
    would see under Keras. In a script that torchrun starts, its processes share each batch (`docs/scaling.md`). Their
    changes to layers or the optimizer take effect with the
    next batch, as under Keras. The same seeds give Keras's order of images and Keras's dropout masks.

    Args:
        model: a compiled `keras.Model`, or another Keras trainer, on the torch backend. Its dtype policy decides
            the arithmetic: "float32", or "mixed_bfloat16" for faster training on CPUs with bfloat16.
        x: input data, anything that `keras.Model.fit` takes.
        y: targets, anything that `keras.Model.fit` takes.
        *positional: further arguments of `keras.Model.fit`, in its order.
        **options: keyword arguments of `keras.Model.fit`: batch_size, epochs, verbose,
            callbacks, validation_split, validation_data, shuffle, class_weight, sample_weight,
            initial_epoch, steps_per_epoch, validation_steps, validation_batch_size, validation_freq.

    Returns:
        A `keras.callbacks.History`.

    Raises:
        ModelError: `model` is no Keras model, or processes cannot share its batches. Whatever else is wrong raises
            Keras's own exception.
        ArgumentError: an argument is unknown to `keras.Model.fit`; of one that older versions had, it says today's.
    """
    if not isinstance(model, trainer_class(import_keras())):
        raise ModelError(
            f"tellapart.fit trains a keras.Model; got {type(model).__name__}. "
            "Call it as tellapart.fit(model, x, y, ...)."
        )
    refuse_unknown(options, model.fit)
    if not model.compiled or model.steps_per_execution != 1:
        return model.fit(x, y, *positional, **options)  # which raises Keras's error
    if (own := own_methods(model, OF_TRAINING)) and team() is not None:
        raise ModelError(
            f"{type(model).__name__} overrides {own[0]}, which Keras runs on one process. Start the script without "
            "torchrun, or leave that method to Keras."
        )
    if own:
        warnings.warn(
            f"{type(model).__name__} overrides {own[0]}, so tellapart.fit calls Keras's own fit: "
            "same result, no speedup.",
            stacklevel=2,
        )
        return model.fit(x, y, *positional, **options)
    joined = team()
    if joined is not None:
        begin_alike(joined)
        positional, options = _as_heard_by(joined, model, positional, options)
    with lowered_steps(model, joined):
        return model.fit(x, y, *positional, **options)


def _as_heard_by(
    joined: Team, model: Any, positional: Sequence[Any], options: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of `fit` for this process: only the first one prints and writes."""
    names = list(signature(model.fit).parameters)[2:]
    given = {**dict(zip(names, positional, strict=False)), **options}
    given["callbacks"] = heard_by(joined, given.get("callbacks") or ())
    if not joined.leads:
        given["verbose"] = 0
    return (), given


@contextmanager
def lowered_steps(model: Any, joined: Team | None = None) -> Iterator[None]:
    """Run `model.fit` and `model.evaluate` on the lowered engine within this block.

    Args:
        model: a compiled Keras model.
        joined: the team whose processes share each batch; None: this process has all of it.
    """
    before = model.train_function, model.test_function
    model.train_function = batch_function(model, TrainStep, joined=joined)
    if not own_methods(model, OF_TESTING):
        model.test_function = batch_function(model, EvaluateStep, joined=joined)
    try:
        with keep_freed_memory():
            yield
    finally:
        model.train_function, model.test_function = before


def own_methods(model: Any, names: tuple[str, ...]) -> list[str]:
    """Return which of these a model has of its own; a function that Keras made for it is Keras's."""
    return [name for name in names if not is_keras_attribute(model, name)]


Function = Callable[[Any], Mapping[str, Any]]
"""[(x, y, sample weights)] -> logs, as Keras's loops call it."""


Seen = Callable[[StepResult], None]
"""Called with the loss and the output of each batch."""

STEPS = {TrainStep: "train_step", EvaluateStep: "test_step"}
"""Kind of step -> the method of a Keras model whose work it does."""


def batch_function(
    model: Any,
    kind: type[TrainStep] | type[EvaluateStep],
    precision: str | None = None,
    seen: Seen = lambda _: None,
    joined: Team | None = None,
) -> Function:
    """Return a function that builds its step at the first batch of each epoch and whenever a callback made it stale.

    By the first batch Keras has built the model, the metrics and the optimizer. Later changes (frozen layers,
    a dropout rate, the optimizer's clipping, a `train_step` of the model's own) take effect with the next batch, as
    under Keras.

    Args:
        model: compiled.
        kind: of step.
        precision: arithmetic, "float32" or "bfloat16"; None: each layer's own.
        seen: told what comes of each batch, unless the model's own method computes it.
        joined: the team whose processes share each batch; None: this process has all of it.
    """
    built: list[tuple[Function, Snapshot]] = []

    def call(data: Any) -> Mapping[str, Any]:
        if not is_keras_attribute(model, STEPS[kind]):
            return getattr(model, STEPS[kind])(data[0])
        begins = float(loss_tracker(model).count.value) == 0  # Keras has just reset it
        if begins or not built or not built[0][1].holds():
            if joined is not None and kind is TrainStep and not built:
                joined.hold_alike([*model.variables, *model.optimizer.variables])
            built[:] = [_lowered(model, kind, data, precision, seen, joined)]
        return built[0][0](data)

    return call


def _lowered(
    model: Any,
    kind: type[TrainStep] | type[EvaluateStep],
    data: Any,
    precision: str | None,
    seen: Seen,
    joined: Team | None,
) -> tuple[Function, Snapshot]:
    net, metrics = lower(model, precision), metrics_of(model)
    if joined is not None:
        refuse_unshareable(model, net)
    if kind is TrainStep:
        draw_as_keras(net, _unpack(data)[0])
        step: TrainStep | EvaluateStep = TrainStep(net, like_keras=True, team=joined)
    else:
        step = EvaluateStep(net)

    def run(data: Any) -> Mapping[str, Any]:
        inputs, targets, weight = _unpack(data)
        try:
            if joined is None:
                result = step(inputs, targets, weight)
            else:
                result = learn_together(joined, step, inputs, targets, weight)
        except TeamError:
            raise
        except Exception:
            _raise_keras_error(model, inputs)
            raise
        seen(result)
        return metrics.update(inputs, targets, result.output, weight, result.loss)

    return run, Snapshot(net, metrics.accuracies)


def _raise_keras_error(model: Any, inputs: Any) -> None:
    """Run the Keras model on a batch that did not work: its layers say in Keras's words what is wrong."""
    with torch.no_grad():
        model(inputs)


def _unpack(data: Any) -> tuple[Any, Any, Any]:
    """Return a batch of Keras's iterator as torch tensors on the device of the weights."""
    import keras

    batch = keras.tree.map_structure(keras.ops.convert_to_tensor, data[0], none_is_leaf=False)
    return keras.utils.unpack_x_y_sample_weight(batch)
