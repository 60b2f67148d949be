"""Every private name of Keras that tellapart uses, each behind a function named for its purpose.

Keras may change these names in any release. When it does, this is the only file to fix:
`tests/test_keras_internals.py` holds each function against the installed Keras, and no other file may use a
private name of Keras. Imports neither Keras nor torch.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


def is_keras_class(kind: type, name: str | None = None) -> bool:
    """Return whether `kind` is a class of Keras itself, of the given name if any, and not a user's subclass."""
    return kind.__module__.startswith("keras.src.") and name in (None, kind.__name__)


def is_keras_operator(kind: type) -> bool:
    """Return whether `kind` is the class of an operator such as `x + y`, which is not a layer."""
    return kind.__module__.startswith("keras.src.ops.")


def keras_home(keras: Any) -> str:
    """Return the folder in which Keras keeps what it downloads; `keras` is the module."""
    return keras.src.backend.config.keras_home()


# Models and their graphs


def is_graph_of_layers(saved: Mapping[str, Any]) -> bool:
    """Return whether a saved config is that of Keras's own Sequential or Functional model, not of a user's subclass."""
    modules = ("keras", "keras.src.models.functional")
    return saved["class_name"] in ("Sequential", "Functional") and saved["module"] in modules


def load_hdf5_model(keras: Any, path: Any, config: str, custom_objects: Mapping[str, Any] | None) -> Any:
    """Return the model of an HDF5 file, built from another configuration than the file's own.

    Args:
        keras: the module.
        path: of the file.
        config: JSON, in the form in which Keras saves it in such a file.
        custom_objects: class name -> class.
    """
    import h5py

    class WithConfig(h5py.File):  # Keras takes an open file, and asks it for two attributes
        @property
        def attrs(self) -> dict[str, Any]:
            return {"model_config": config}

    with WithConfig(path, "r") as file:
        loader = keras.src.legacy.saving.legacy_h5_format
        return loader.load_model_from_hdf5(file, custom_objects, compile=False)


def functional_inside(sequential: Any) -> Any | None:
    """Return the Functional model that a Sequential model runs; None before it is built."""
    return sequential._functional


def nodes_by_depth(functional: Any) -> Mapping[int, Sequence[Any]]:
    """Return the calls of a Functional model, its inputs included, by distance from its outputs."""
    return functional._nodes_by_depth


def nested_layers(layer: Any) -> Sequence[Any]:
    """Return a layer and all layers within it."""
    return layer._flatten_layers()


def standardized_inputs(functional: Any, inputs: Any) -> Sequence[Any]:
    """Return the inputs of a Functional model as a flat list, one tensor for each symbolic input."""
    return functional._standardize_inputs(inputs)


def model_takes_training(model: Any) -> bool:
    """Return whether a model's own `call` has a `training` argument."""
    return model._call_has_training_arg


def passes_training_on(layer: Any) -> bool:
    """Return whether an operation can be called with `training`: a layer can, an operator such as `x + y` cannot.

    A layer whose own `call` has no such argument passes it on to its parts.
    """
    return "training" in getattr(layer, "_call_context_args", ())


@contextmanager
def one_call_of(model: Any) -> Iterator[None]:
    """Make the layers called within the block parts of one call of the model.

    Otherwise each layer is an outermost call of its own, which clears the losses of the one before.
    """
    model._get_call_context()
    try:
        yield
    finally:
        model._maybe_reset_call_context()


def has_mask(tensor: Any) -> bool:
    """Return whether a tensor carries a Keras mask."""
    return getattr(tensor, "_keras_mask", None) is not None


def calls_of(model: Any) -> list[Any]:
    """Return the calls of a Sequential or Functional model; none of one that runs by its own code."""
    functional = getattr(model, "_functional", None) or model
    by_depth = getattr(functional, "_nodes_by_depth", {})
    return [node for nodes in by_depth.values() for node in nodes]


def is_tracing_shapes(keras: Any) -> bool:
    """Return whether Keras calls layers to learn the shapes of their outputs alone; `keras` is the module."""
    return keras.src.backend.common.symbolic_scope.in_symbolic_scope()


# Compiled models: losses and metrics


def compute_loss(
    model: Any, inputs: Any, targets: Any, output: Any, sample_weight: Any, *, training: bool
) -> Any:
    """Return the total loss of a compiled model, as its own training step computes it."""
    return model._compute_loss(
        x=inputs, y=targets, y_pred=output, sample_weight=sample_weight, training=training
    )


def has_loss_weights(model: Any) -> bool:
    """Return whether `loss_weights` were passed to `compile`."""
    return model._compile_loss._user_loss_weights is not None


def loss_tracker(model: Any) -> Any:
    """Return the metric in which a compiled model averages its loss."""
    return model._loss_tracker


def metrics_of_losses(model: Any) -> Sequence[Any]:
    """Return the metrics of the single losses of a compiled model; an empty list where it has only one."""
    return [] if model._compile_loss is None else model._compile_loss.metrics


def compiled_metrics(model: Any) -> Any | None:
    """Return the container of the metrics passed to `compile`; None where there are none."""
    return model._compile_metrics


def has_weighted_metrics(compiled: Any) -> bool:
    """Return whether `weighted_metrics` were passed to `compile`."""
    return compiled._user_weighted_metrics is not None


def function_of_metric(metric: Any) -> Any:
    """Return the function whose mean a MeanMetricWrapper is."""
    return metric._fn


# Optimizers


def refuse_unknown_variables(optimizer: Any, variables: Sequence[Any]) -> None:
    """Raise Keras's ValueError if the optimizer was built for other variables."""
    optimizer._check_variables_are_known(variables)


def index_in(optimizer: Any, variable: Any) -> int:
    """Return the index of a variable in the lists of an optimizer's state."""
    return optimizer._get_variable_index(variable)


def decays(optimizer: Any, variable: Any) -> bool:
    """Return whether weight decay applies to a variable."""
    return optimizer._use_weight_decay(variable)


def steps_taken(optimizer: Any) -> Any:
    """Return the variable that counts an optimizer's own steps; `optimizer.iterations` may be another one's."""
    return optimizer._iterations


def current_rate(optimizer: Any) -> Any:
    """Return the learning rate of the next step: a number, a tensor or a variable."""
    return optimizer._get_current_learning_rate()


def rate_setting(optimizer: Any) -> Any:
    """Return an optimizer's learning rate as configured: a variable or a schedule."""
    return optimizer._learning_rate


def first_moments(optimizer: Any) -> list[Any]:
    """Return Adam's running means of gradients, or RMSprop's momenta, one variable for each weight."""
    return optimizer._momentums


def second_moments(optimizer: Any) -> list[Any]:
    """Return Adam's and RMSprop's running means of squared gradients, one variable for each weight."""
    return optimizer._velocities
