"""Every private name of Keras that tellapart uses, each behind a function named for its purpose.

Keras may change these names in any release. When it does, this is the only file to fix:
`tests/test_keras_internals.py` holds each function against the installed Keras, and no other file may use a
private name of Keras. Imports neither Keras nor torch.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FunctionType
from typing import Any

PRIVATE_MODULES = "keras.src."
"""How the full names of Keras's own modules begin."""

LEGACY_IMAGE = "keras.src.legacy.preprocessing.image"
"""Where Keras 3 keeps ImageDataGenerator on PyTorch; it has no public name for it."""

LEGACY_TEXT = "keras.src.legacy.preprocessing.text"

LEGACY_SEQUENCE = "keras.src.legacy.preprocessing.sequence"


def is_keras_class(kind: type, name: str | None = None) -> bool:
    """Return whether `kind` is a class of Keras itself, of the given name if any, and not a user's subclass."""
    return kind.__module__.startswith(PRIVATE_MODULES) and name in (None, kind.__name__)


def is_keras_operator(kind: type) -> bool:
    """Return whether `kind` is the class of an operator such as `x + y`, which is not a layer."""
    return kind.__module__.startswith("keras.src.ops.")


def write_model_to_h5(model: Any, file: Any) -> None:
    """Write a whole model into an open `h5py.File`; Keras's public name takes a path alone."""
    from keras.src.legacy.saving.legacy_h5_format import save_model_to_hdf5

    save_model_to_hdf5(model, file)


# Whose code decides


def is_keras_attribute(thing: Any, name: str) -> bool:
    """Return whether a method or property of an object is the code of Keras or torch.

    It is not where the object itself or a user's class has one of its own, or where somebody gave Keras's class
    another one.
    """
    if name in vars(thing):
        return _wraps_method(vars(thing)[name], thing, name)
    owner = next((kind for kind in type(thing).__mro__ if name in vars(kind)), None)
    return owner is None or (_is_library_class(owner) and _is_library_code(vars(owner)[name]))


def is_as_keras_made_it(thing: Any) -> bool:
    """Return whether Keras's code alone decides what an object does.

    It does not for an object of a user's class, for one with a method of its own in place of its class's, for one
    of a class of Keras's that was given another method, or for one with torch's hooks.
    """
    kinds = type(thing).__mro__
    own = [name for name, value in vars(thing).items() if callable(value) and hasattr(kinds[0], name)]
    return (
        is_keras_class(kinds[0])
        and not any(tables_of_hooks(thing))
        and all(is_keras_attribute(thing, name) for name in own)
        and all(is_keras_attribute(thing, name) for name in _CALLS if hasattr(thing, name))
        and all(
            _is_library_code(value) for kind in kinds if _is_special(kind) for value in vars(kind).values()
        )
    )


def tables_of_hooks(module: Any) -> list[Mapping[int, Any]]:
    """Return the tables of hooks that torch calls around a module's forward and backward pass, its own and global ones.

    Nothing but a module has any.
    """
    if not hasattr(module, "_forward_hooks"):
        return []
    from torch.nn.modules import module as torch_module

    kinds = ("forward_pre_hooks", "forward_hooks", "backward_pre_hooks", "backward_hooks")
    own = [getattr(module, f"_{kind}") for kind in kinds]
    return own + [getattr(torch_module, f"_global_{kind}") for kind in kinds]


def has_gradient_hooks(tensor: Any) -> bool:
    """Return whether torch calls hooks with the gradient of a tensor."""
    return bool(tensor._backward_hooks) or bool(getattr(tensor, "_post_accumulate_grad_hooks", None))


_CALLS = ("__call__", "forward", "call")
"""What runs when an object is called, in this order."""


def _is_special(kind: type) -> bool:
    """Return whether a class is one of Keras's for a purpose, and not the large base of all layers."""
    return is_keras_class(kind) and kind.__name__ not in ("Layer", "TorchLayer", "Operation", "KerasSaveable")


def _wraps_method(value: Any, thing: Any, name: str) -> bool:
    """Return whether an object's own attribute is its class's method, or wraps it as Keras wraps `build`.

    Where the class has none, such as `train_function`, whether the attribute is no function but Keras's.
    """
    of_class = getattr(type(thing), name, None)
    if of_class is None:
        return _is_library_code(value)
    for method in (value, getattr(value, "__wrapped__", None)):
        if getattr(method, "__func__", None) is of_class and getattr(method, "__self__", None) is thing:
            return _is_library_code(value)
    return False


def _is_library_class(kind: type) -> bool:
    return _is_library_module(kind.__module__)


def _is_library_code(attribute: Any) -> bool:
    """Return whether a class's attribute is no function, or one of Keras or torch."""
    if isinstance(attribute, property):
        return all(_is_library_code(part) for part in (attribute.fget, attribute.fset))
    function = getattr(attribute, "__func__", attribute)
    return not isinstance(function, FunctionType) or _is_library_module(function.__module__)


def _is_library_module(name: str | None) -> bool:
    return (name or "").startswith(("keras.src.", "torch."))


def keras_home(keras: Any) -> str:
    """Return the folder in which Keras keeps what it downloads; `keras` is the module."""
    return keras.src.backend.config.keras_home()


def trainer_class(keras: Any) -> Any:
    """Return the class of everything that has `fit`, of which `keras.Model` is one; `keras` is the module."""
    return keras.src.trainers.trainer.Trainer


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


def random_layer_in(layer: Any) -> Any:
    """Return the part of a layer that draws its random numbers: in attention the dropout, else the layer itself."""
    return next((part for part in layer._flatten_layers() if hasattr(part, "seed_generator")), layer)


def drops_by_torch(dropout: Any) -> bool:
    """Return whether a Dropout layer draws from torch's global generator, as it does without a seed or a shape."""
    generator = getattr(dropout, "seed_generator", None)  # none where the rate is 0
    return dropout.noise_shape is None and getattr(generator, "_initial_seed", None) is None


def tensor_of(variable: Any) -> Any:
    """Return the tensor of a built Keras variable, whatever the scope."""
    return variable._value


# Compiled models: losses and metrics


def compute_loss(
    model: Any, inputs: Any, targets: Any, output: Any, sample_weight: Any, *, training: bool
) -> Any:
    """Return the total loss of a compiled model, as its own training step computes it."""
    return model._compute_loss(
        x=inputs, y=targets, y_pred=output, sample_weight=sample_weight, training=training
    )


def build_compiled_parts(model: Any, inputs: Any, targets: Any) -> None:
    """Build a compiled model's metrics, losses and optimizer for batches of these shapes, as `fit` does first."""
    model._symbolic_build(data_batch=(inputs, targets))


def has_loss_weights(model: Any) -> bool:
    """Return whether `loss_weights` were passed to `compile`."""
    return model._compile_loss._user_loss_weights is not None


def container_of_losses(model: Any) -> Any:
    """Return the object in which a compiled model keeps its losses."""
    return model._compile_loss


def function_of_loss(loss: Any) -> Any:
    """Return the function that a LossFunctionWrapper calls."""
    return loss.fn


def loss_tracker(model: Any) -> Any:
    """Return the metric in which a compiled model averages its loss."""
    return model._loss_tracker


def metrics_of_losses(model: Any) -> Sequence[Any]:
    """Return the metrics of the single losses of a compiled model; an empty list where it has only one."""
    return [] if model._compile_loss is None else model._compile_loss.metrics


def compiled_metrics(model: Any) -> Any | None:
    """Return the container of the metrics passed to `compile`; None where there are none."""
    return model._compile_metrics


def metrics_as_given(compiled: Any) -> Any:
    """Return what was passed to `compile` as metrics: names, objects, functions, in lists or dictionaries."""
    return compiled._user_metrics


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


# Callbacks


def only_reads(backup: Any) -> None:
    """Let a BackupAndRestore restore what is there, and neither save nor delete anything."""
    backup.delete_checkpoint = False
    backup._save_model = lambda *_, **__: None
