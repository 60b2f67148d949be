"""Networks without their heads: where the features end and the scores of classes begin; other image sizes and entries.

The head is the last dense layer, or the last convolution of a network without dense layers, and all that follows it:
the layers that turn features into one score for each class. Nested models are followed inside.

Knows nothing of where a model comes from.
"""

from collections.abc import Sequence
from typing import Any

from tellapart.errors import ConfigError, ModelError
from tellapart.keras_backend import import_keras
from tellapart.keras_internals import is_keras_class, nodes_by_depth
from tellapart.lowering.graph import functional_of

SCORES = ("linear", "softmax", "sigmoid")
"""Activations of a layer that gives scores; a dense layer with another one computes features."""

OF_SCORES = (*SCORES, "log_softmax", "")
"""Activations that may follow such a layer; "" is that of a layer without one."""

AFTER_SCORES = (
    "Activation", "Rescaling", "Softmax", "Reshape", "Flatten", "Dropout",
    "GlobalAveragePooling2D", "GlobalMaxPooling2D",
)  # fmt: skip
"""Keras layers that may stand between the layer that gives the scores and the output."""


def headless(model: Any, name: str = "") -> Any:
    """Return a Keras model without its head, its outputs one row of features for each image; it shares the weights.

    A map of features (B, h, w, C), or a sequence (B, n, C), is averaged over its places. A model without a head, such
    as one of `keras.applications` with `include_top=False`, keeps all its layers.

    Args:
        model: Sequential or Functional, of one input and one output.
        name: for error messages: its file's. Default: the one that Keras gave it.

    Raises:
        ModelError: it is neither.
    """
    functional = functional_of(model)
    if functional is None or len(functional.inputs) != 1 or len(functional.outputs) != 1:
        raise ModelError(
            f"{name or model.name}: its head cannot be found, because it is no Sequential or Functional model of one "
            "input and one output. Save its features as such a model, keras.Model(inputs, features)."
        )
    features = _before_head(functional, functional.outputs[0].shape[-1], is_probability=False)
    features = functional.outputs[0] if features is None else features
    return flat(_part(functional, _one_row(features), model.name))


def _one_row(features: Any) -> Any:
    """Average features over their places."""
    layers = import_keras().layers
    if len(features.shape) == 4:
        return layers.GlobalAveragePooling2D(name="pooled_features")(features)
    if len(features.shape) == 3:
        return layers.GlobalAveragePooling1D(name="pooled_features")(features)
    return features


def flat(model: Any) -> Any:
    """Return a model whose nested models are replaced by their layers, which it shares; those of Keras's layers only.

    A network used as a layer then runs, is fine-tuned stage by stage and is read from a file like any other.
    """
    functional = functional_of(model)
    if functional is None or not any(_is_nest(layer) for layer in functional.operations):
        return model
    names: dict[str, Any] = {}
    outputs = _replayed(functional, functional.inputs[0], names)
    return _part(functional, outputs, model.name)


def behind(model: Any, layers: Sequence[Any]) -> Any:
    """Return a model that runs other layers first; it shares the weights, and is flat as by `flat`.

    Args:
        model: of one input and one output, images (B, H, W, C).
        layers: run on the images, in their order.
    """
    keras = import_keras()
    entry = image = keras.Input(tuple(model.inputs[0].shape[1:]), name="pixels_0_to_255")
    for layer in layers:
        image = layer(image)
    functional = functional_of(model)
    if functional is None:  # it runs by its own code
        return keras.Model(entry, model(image), name=model.name)
    return keras.Model(
        entry, _replayed(functional, image, {layer.name: layer for layer in layers}), name=model.name
    )


def _is_nest(layer: Any) -> bool:
    inside = functional_of(layer) if isinstance(layer, import_keras().Model) else None
    if inside is None or len(inside.inputs) != 1 or len(inside.outputs) != 1:
        return False
    return all(is_keras_class(type(part)) or _is_nest(part) for part in inside.operations)


def _replayed(functional: Any, start: Any, names: dict[str, Any]) -> Any:
    """Call the layers of a Functional model again, those of models within it one by one.

    Args:
        functional: the model.
        start: the tensor that takes the place of its input.
        names: every layer called so far, by name; a layer whose name another one has is renamed.

    Returns:
        What takes the place of its output.
    """
    tensors = {id(functional.inputs[0]): start}
    by_depth = nodes_by_depth(functional)
    for node in (node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]):
        if node.is_input:
            continue
        layer = node.operation
        if _is_nest(layer):
            # Its own arguments, such as training=False, are left out: whoever trains it decides.
            outputs = _replayed(functional_of(layer), tensors[id(node.input_tensors[0])], names)
        else:
            while names.setdefault(layer.name, layer) is not layer:
                layer.name = f"{layer.name}_"
            positional, named = node.arguments.fill_in(tensors)
            outputs = layer(*positional, **named)
        results = import_keras().tree.flatten(outputs)
        tensors |= {id(symbol): result for symbol, result in zip(node.outputs, results, strict=True)}
    return tensors[id(functional.outputs[0])]


def _before_head(functional: Any, classes: int, *, is_probability: bool) -> Any | None:
    """Return the tensor that the head reads; None where there is no head.

    Args:
        functional: a Functional model, perhaps one within another.
        classes: numbers that it gives for each image.
        is_probability: whether a softmax or sigmoid follows.
    """
    keras = import_keras()
    writers = {
        id(tensor): node
        for nodes in nodes_by_depth(functional).values()
        for node in nodes
        if not node.is_input
        for tensor in node.outputs
    }
    node = writers.get(id(functional.outputs[0]))
    while node is not None and len(node.input_tensors) == 1:
        layer, before = node.operation, node.input_tensors[0]
        inside = functional_of(layer) if isinstance(layer, keras.Model) else None
        if inside is not None:
            features = _before_head(inside, classes, is_probability=is_probability)
            return None if features is None else _part(inside, features, layer.name)(before)
        if _gives_scores(layer, classes, is_probability=is_probability):
            return before
        if type(layer).__name__ not in AFTER_SCORES or _activation(layer) not in OF_SCORES:
            return None
        is_probability |= _activation(layer) in ("softmax", "sigmoid") or type(layer).__name__ == "Softmax"
        node = writers.get(id(before))
    return None


def _part(functional: Any, features: Any, name: str) -> Any:
    return import_keras().Model(functional.inputs[0], features, name=name)


def _gives_scores(layer: Any, classes: int, *, is_probability: bool) -> bool:
    """Return whether a layer turns features into scores.

    A convolution with as many filters as there are classes does only where its scores become probabilities:
    otherwise they may be features.
    """
    layers, activation = import_keras().layers, _activation(layer)
    if isinstance(layer, layers.Dense):
        return layer.units == classes and activation in SCORES
    becomes_probability = is_probability or activation in ("softmax", "sigmoid")
    return isinstance(layer, layers.Conv2D) and layer.filters == classes and becomes_probability


def _activation(layer: Any) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "")


def resized(model: Any, height: int, width: int, name: str = "") -> Any:
    """Return a model for images of another size, with the same weights.

    Args:
        model: Sequential or Functional, of one input (B, H, W, C).
        height: of the images, in pixels.
        width: likewise.
        name: for error messages, as for `headless`.

    Raises:
        ConfigError: a layer depends on the size of the images.
    """
    channels = model.inputs[0].shape[-1]
    config = _for_any_size(model.get_config())
    for layer in config["layers"]:
        if layer["class_name"] == "InputLayer":
            layer["config"]["batch_shape"] = (None, height, width, channels)
    try:
        other = type(model).from_config(config)
        other.set_weights(model.get_weights())
    except (ValueError, TypeError, RuntimeError) as reason:
        own = " x ".join(str(side) for side in model.inputs[0].shape[1:3])
        raise ConfigError(
            f"{name or model.name} takes pictures of {own} pixels and no others: one of its layers depends on the "
            f"size, such as a dense layer after Flatten ({first_line(reason)}). Leave out --size."
        ) from reason
    return other


def _for_any_size(config: Any) -> Any:
    """Return a copy of a model's configuration in which models within it read maps of any size.

    What layers were built for is left out: they are built anew.
    """
    if isinstance(config, list | tuple):
        return type(config)(map(_for_any_size, config))
    if not isinstance(config, dict):
        return config
    kept = {
        name: _for_any_size(value)
        for name, value in config.items()
        if name not in ("build_config", "build_input_shape")
    }
    shape = kept.get("batch_shape")
    if shape is not None and len(shape) == 4:
        kept["batch_shape"] = (None, None, None, shape[3])
    return kept


def first_line(reason: BaseException) -> str:
    """Return the first line of an error's message, or its kind where it has none."""
    text = str(reason).strip()
    return text.splitlines()[0] if text else type(reason).__name__
