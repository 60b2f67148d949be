"""A Keras model of somebody's own, made ready to be trained on labeled images.

Its images' size and channels, the pixels that it wants, and what its outputs mean are found in it, given, or assumed
and said. Whoever is to predict with it gets a second model that shares its layers and reads pixels 0 to 255: the one
that is saved. Knows nothing of its loss.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tellapart.classifier.card import image_and_outputs
from tellapart.classifier.plain.open_plain import listed
from tellapart.classifier.plain.pixels import pixels_to_train_on
from tellapart.classifier.plain.usage import Setting
from tellapart.data.types import ImageShape
from tellapart.errors import ConfigError, ModelError
from tellapart.inference.probability_net import Head, probability_net_of
from tellapart.keras_backend import import_keras
from tellapart.keras_internals import nodes_by_depth
from tellapart.lowering.graph import functional_of
from tellapart.models.headless import first_line
from tellapart.models.pixel_scaling import PIXEL_SCALINGS, entry_layers
from tellapart.training.keras_fit import OF_TESTING, OF_TRAINING, own_methods


@dataclass(frozen=True, slots=True)
class OwnModel:
    """A model of somebody's own, ready for images of one size."""

    model: Any
    """As it was given; it is trained in place."""

    reading_bytes: Any
    """A model of the same layers that reads pixels 0 to 255, uncompiled."""

    shape: tuple[int, int, int]
    """(H, W, C) of its images."""

    size: Setting
    pixels: Setting
    """Its value is a name of PIXEL_SCALINGS."""

    head: Head
    """What its outputs mean."""

    @property
    def outputs(self) -> int:
        """Numbers that it gives for each image."""
        return int(self.reading_bytes.output_shape[-1])

    def scale(self, pixels: Tensor) -> Tensor:
        """Return pixels (B, H, W, C), 0 to 255, as float32 in the numbers that the model wants."""
        return scaled(pixels, self.pixels.value)

    def lines(self) -> list[str]:
        """Return how it is used, a line each, without full stops."""
        title = PIXEL_SCALINGS[self.pixels.value].title
        pixels = Setting(title, self.pixels.source, self.pixels.why, self.pixels.otherwise)
        told = [f"Pixels: {pixels.in_words()}" + (f". {pixels.otherwise}" if pixels.otherwise else "")]
        if self.size.why:
            told.append(f"Size: {self.size.in_words()}. {self.size.otherwise}")
        return told


def scaled(pixels: Tensor, name: str) -> Tensor:
    """Return pixels (B, H, W, C), 0 to 255, as float32 scaled as a name of PIXEL_SCALINGS says."""
    scaling = PIXEL_SCALINGS[name]
    pixels = pixels.float()
    if scaling.rescaling is None:
        return pixels
    factor, offset = (
        torch.tensor(scaling.rescaling[key], dtype=torch.float32, device=pixels.device)
        for key in ("scale", "offset")
    )
    pixels = pixels * factor + offset
    return pixels.flip(-1) if scaling.blue_first else pixels


def own_model(
    model: Any,
    data_shape: ImageShape | None,
    class_names: tuple[str, ...],
    where: str,
    *,
    pixels: str | None = None,
    size: tuple[int, int] | None = None,
    name: str = "",
) -> OwnModel:
    """Make a model ready for a data set; one that is not built yet is built.

    Args:
        model: a Keras model, compiled or not.
        data_shape: (H, W, C) of all images, or None where they differ.
        class_names: of the data.
        where: the place of the data, for messages.
        pixels: a name of PIXEL_SCALINGS, on which it is to be trained; None: as its layers show.
        size: height and width of its images, where it takes any.
        name: of its file, for messages. Default: the one that Keras gave it.

    Raises:
        ConfigError: size, pixels or the number of classes do not fit it.
        ModelError: it is no classifier of images.
    """
    keras = import_keras()
    if not isinstance(model, keras.Model):
        raise ModelError(
            f"model is a Keras model, such as keras.Sequential([...]), or the path of a .keras file; got "
            f"{type(model).__name__}."
        )
    name = name or model.name
    if own := own_methods(model, (*OF_TRAINING, *OF_TESTING)):
        raise ModelError(
            f"{name} has a {own[0]} of its own, which tellapart.train cannot take the place of. Train it with "
            "tellapart.fit or model.fit, save it, and use the file with tellapart adopt, evaluate and explain."
        )
    shape, why = _shape(model, data_shape, size, name)
    plain = _for_images(model, shape, [], name)
    _check_outputs(plain, class_names, where, name)
    wanted = pixels_to_train_on(plain, pixels, name, model.layers)
    layers = entry_layers(wanted.value)
    reading_bytes = _for_images(model, shape, layers, name) if layers else plain
    head = probability_net_of(reading_bytes, len(class_names), name).head
    return OwnModel(model, reading_bytes, shape, why, wanted, head)


def _shape(
    model: Any, data_shape: ImageShape | None, size: tuple[int, int] | None, name: str
) -> tuple[tuple[int, int, int], Setting]:
    """Return the shape of a model's images, and how their size was decided.

    Raises:
        ConfigError: the size that was given is not its own, or none was and the images have several.
        ModelError: it has several inputs, or reads no images.
    """
    declared = _declared_shape(model, name)
    height, width, channels = declared
    if channels not in (1, 3, None):
        raise ModelError(
            f"{name} reads images {declared} (height, width, channels). Accepted: 1 channel (gray) or 3 (color), last."
        )
    channels = channels or (data_shape[2] if data_shape is not None else 3)
    if height is not None and width is not None:
        if size not in (None, (height, width)):
            assert size is not None
            raise ConfigError(
                f"{name} reads pictures of {height} x {width} pixels, and size is {size[0]} x {size[1]}. Leave out the "
                "size: pictures are resized to the model's own."
            )
        return (height, width, channels), Setting(f"{height} x {width}", "found")
    if size is not None:
        return (*size, channels), Setting(f"{size[0]} x {size[1]}", "given")
    if data_shape is None:
        raise ConfigError(
            f"{name} takes pictures of any size, and the data has several. Choose one, such as --size 64 (in Python: "
            "size=64)."
        )
    height, width = data_shape[:2]
    why = "that of the pictures, as the model takes any"
    return (height, width, channels), Setting(f"{height} x {width}", "found", why, "Otherwise: --size")


def _declared_shape(model: Any, name: str) -> tuple[int | None, int | None, int | None]:
    """Return (H, W, C) as a model declares it; None for what it leaves open."""
    inputs = getattr(model, "inputs", None)
    if inputs:
        shapes = [tuple(each.shape) for each in inputs]
    else:
        build: dict[str, Any] = model.get_build_config() or {}
        given = build.get("input_shape")
        shapes = [tuple(given)] if isinstance(given, list | tuple) and given else [(None, None, None, None)]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ModelError(
            f"{name} reads {', '.join(map(str, shapes))}. Accepted: one input of images (batch, height, width, 1 or 3)."
        )
    return shapes[0][1:]


def _for_images(model: Any, shape: tuple[int, int, int], layers: list[Any], name: str) -> Any:
    """Return an uncompiled model of the same layers, for images of one size, behind other layers.

    Raises:
        ConfigError: the model's layers do not fit such images.
    """
    keras = import_keras()
    try:
        if type(model).__name__ == "Sequential" and not model.built:
            model.build((None, *shape))
        functional = functional_of(model)
        entry = image = keras.Input(shape, name="pixels_0_to_255")
        for layer in layers:
            image = layer(image)
        output = model(image) if functional is None else _called_again(functional, image)
        return keras.Model(entry, output, name=model.name)
    except (ValueError, TypeError, RuntimeError, LookupError, AttributeError) as reason:
        raise ConfigError(
            f"{name} cannot read pictures of {shape[0]} x {shape[1]} pixels and {shape[2]} "
            f"channel{'s' * (shape[2] != 1)}: {first_line(reason)}"
        ) from reason


def _called_again(functional: Any, image: Any) -> Any:
    """Return the output of a Functional model's layers for another input; models within it stay models."""
    tensors = {id(functional.inputs[0]): image}
    by_depth = nodes_by_depth(functional)
    for node in (node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]):
        if node.is_input:
            continue
        positional, named = node.arguments.fill_in(tensors)
        results = import_keras().tree.flatten(node.operation(*positional, **named))
        tensors |= {id(symbol): result for symbol, result in zip(node.outputs, results, strict=True)}
    return tensors[id(functional.outputs[0])]


def _check_outputs(model: Any, class_names: tuple[str, ...], where: str, name: str) -> None:
    """Raise unless a model has an output for each class, or one for two.

    Raises:
        ConfigError: it has more or fewer.
        ModelError: it gives no row of scores.
    """
    _, outputs = image_and_outputs(model, name)
    classes = len(class_names)
    if outputs == classes or (outputs == 1 and classes == 2):
        return
    single = " (or in Dense(1, activation='sigmoid'))" if classes == 2 else ""
    raise ConfigError(
        f"{name} has {outputs} output{'s' * (outputs != 1)}, and {where} has {classes} classes "
        f"({listed(class_names)}). End it in Dense({classes}, activation='softmax'){single}, or train on data with "
        f"{max(2, outputs)} classes."
    )
