"""Every private name of Keras that tellapart uses, each behind a function that says what it is needed for.

Keras promises nothing about these names. When a new version of Keras moves one, this is the file to mend;
`tests/test_keras_internals.py` holds each against the installed version. Imports neither Keras nor torch.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


def is_keras_class(kind: type, name: str | None = None) -> bool:
    """Return whether `kind` is Keras's own class (of that name), not a user's subclass of it."""
    return kind.__module__.startswith("keras.src.") and name in (None, kind.__name__)


def is_keras_operator(kind: type) -> bool:
    """Return whether `kind` is an operator such as `x + y`, which is no layer."""
    return kind.__module__.startswith("keras.src.ops.")


# Models and their graphs


def functional_inside(sequential: Any) -> Any | None:
    """Return the Functional model that a Sequential model runs; None before it is built."""
    return sequential._functional


def nodes_by_depth(functional: Any) -> Mapping[int, Sequence[Any]]:
    """Return the calls of a Functional model by their distance from its outputs."""
    return functional._nodes_by_depth


def nested_layers(layer: Any) -> Sequence[Any]:
    """Return a layer and all layers within it."""
    return layer._flatten_layers()


def standardized_inputs(functional: Any, inputs: Any) -> Sequence[Any]:
    """Return what is given to a Functional model as a flat list of tensors, one for each of its inputs."""
    return functional._standardize_inputs(inputs)


def model_takes_training(model: Any) -> bool:
    """Return whether a model's own `call` has a `training` argument."""
    return model._call_has_training_arg


def passes_training_on(layer: Any) -> bool:
    """Return whether a layer hands `training` to its parts, even where its own `call` lacks the argument."""
    return "training" in getattr(layer, "_call_context_args", ())


@contextmanager
def one_call_of(model: Any) -> Iterator[None]:
    """Let the layers that run within the block know that they are parts of one call of the model.

    Otherwise each takes itself for the outermost layer and forgets the losses of the call before.
    """
    model._get_call_context()
    try:
        yield
    finally:
        model._maybe_reset_call_context()


def has_mask(tensor: Any) -> bool:
    """Return whether Keras hung a mask on a tensor."""
    return getattr(tensor, "_keras_mask", None) is not None


# Compiled models: losses and metrics


def compute_loss(
    model: Any, inputs: Any, targets: Any, output: Any, sample_weight: Any, *, training: bool
) -> Any:
    """Return the whole loss of a compiled model as its own training step computes it."""
    return model._compute_loss(
        x=inputs, y=targets, y_pred=output, sample_weight=sample_weight, training=training
    )


def has_loss_weights(model: Any) -> bool:
    """Return whether `compile` was given `loss_weights`."""
    return model._compile_loss._user_loss_weights is not None


def loss_tracker(model: Any) -> Any:
    """Return the metric in which a compiled model averages its loss."""
    return model._loss_tracker


def metrics_of_losses(model: Any) -> Sequence[Any]:
    """Return the metrics that a compiled model keeps for single losses, where it has several."""
    return [] if model._compile_loss is None else model._compile_loss.metrics


def compiled_metrics(model: Any) -> Any | None:
    """Return the container of the metrics given to `compile`; None where there are none."""
    return model._compile_metrics


def has_weighted_metrics(compiled: Any) -> bool:
    """Return whether `compile` was given `weighted_metrics`."""
    return compiled._user_weighted_metrics is not None


def function_of_metric(metric: Any) -> Any:
    """Return the function whose mean a MeanMetricWrapper is."""
    return metric._fn


# Optimizers


def refuse_unknown_variables(optimizer: Any, variables: Sequence[Any]) -> None:
    """Raise Keras's ValueError where the optimizer was built for other variables."""
    optimizer._check_variables_are_known(variables)


def index_in(optimizer: Any, variable: Any) -> int:
    """Return a variable's place in the lists of an optimizer's state."""
    return optimizer._get_variable_index(variable)


def decays(optimizer: Any, variable: Any) -> bool:
    """Return whether weight decay applies to a variable."""
    return optimizer._use_weight_decay(variable)


def steps_taken(optimizer: Any) -> Any:
    """Return the variable that counts an optimizer's steps; `optimizer.iterations` may be another's."""
    return optimizer._iterations


def current_rate(optimizer: Any) -> Any:
    """Return the learning rate of the step about to be made: a number, a tensor or a variable."""
    return optimizer._get_current_learning_rate()


def rate_setting(optimizer: Any) -> Any:
    """Return an optimizer's learning rate as it was set: a variable or a schedule."""
    return optimizer._learning_rate


def first_moments(optimizer: Any) -> list[Any]:
    """Return the running means of gradients of Adam and RMSprop, one for each weight."""
    return optimizer._momentums


def second_moments(optimizer: Any) -> list[Any]:
    """Return the running means of squared gradients of Adam and RMSprop, one for each weight."""
    return optimizer._velocities
