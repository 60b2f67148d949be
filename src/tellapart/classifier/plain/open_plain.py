"""A plain model made usable: behind the layer that scales its pixels, with a card, and with how each was decided."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

from tellapart.classifier.card import ModelCard, card_of_plain_model, image_and_outputs
from tellapart.classifier.plain.applications import family_of, layer_names
from tellapart.classifier.plain.class_list import in_output_order
from tellapart.classifier.plain.pixels import pixels_of
from tellapart.classifier.plain.said import RESAMPLING, Said
from tellapart.classifier.plain.usage import Setting, Usage
from tellapart.data.preprocess import Policy, Reading
from tellapart.errors import ConfigError, DataError
from tellapart.models.headless import behind, flat, resized
from tellapart.models.pixel_scaling import PIXEL_SCALINGS, entry_layers

LABELS_BESIDE = "labels.txt"
"""What Teachable Machine calls the file of class names that it writes beside its model."""


class PlainModel(NamedTuple):
    """A plain model, ready for pixels 0 to 255."""

    model: Any
    card: ModelCard
    usage: Usage


def open_plain(model: Any, path: Path, said: Said) -> PlainModel:
    """Decide how a Keras model that tellapart did not save is used.

    Args:
        model: the Keras model, without its optimizer.
        path: its file.
        said: what somebody knows of it.

    Raises:
        ConfigError: what was said does not fit it, or what must be known was not said.
        ModelError: it does not map one image to one row of class scores.
    """
    model, outputs, size = _of_one_size(model, path, said)
    is_teachable = _is_teachable_machine(model)
    given = "-1-1" if is_teachable and said.pixels is None else said.pixels
    model = flat(model)
    pixels = pixels_of(model, given, path.name)
    if is_teachable and said.pixels is None:
        pixels = Setting(given or "", "found", _TEACHABLE)
    layers = entry_layers(pixels.value)
    policy, resampling = _fitting(said, is_teachable)
    names, classes = _classes(said, path, outputs)
    unnamed = card_of_plain_model(model, path)
    preprocessing = replace(
        unnamed.preprocessing,
        policy=cast(Policy, policy.value),
        reading=cast(Reading, RESAMPLING[resampling.value]),
    )
    card = replace(unnamed, class_names=names, preprocessing=preprocessing, named=classes.source != "assumed")
    usage = Usage(
        model=path.name,
        pixels=_titled(pixels),
        size=size,
        policy=policy,
        resampling=resampling,
        classes=classes,
    )
    return PlainModel(behind(model, layers) if layers else model, card, usage)


def _of_one_size(model: Any, path: Path, said: Said) -> tuple[Any, int, Setting]:
    """Return a model of images of one size, how many numbers it gives for each, and how the size was decided.

    Raises:
        ConfigError: it takes any size, and none is given.
        ModelError: it is not an image classifier.
    """
    image, outputs = image_and_outputs(model, path)
    if said.size is not None and said.size != image[:2]:
        doubt = "" if None in image[:2] else f"but the file says {_in_words(image)}"
        return resized(model, *said.size), outputs, Setting(_in_words(said.size), "given", doubt)
    if None in image[:2]:
        raise ConfigError(
            f"{path.name} takes pictures of any size. Give the one that it was trained on, such as --size 224."
        )
    return model, outputs, Setting(_in_words(image), "found")


def _in_words(size: Sequence[int | None]) -> str:
    return f"{size[0]} x {size[1]}"


_TEACHABLE = "it is built as Teachable Machine builds its models"


def _is_teachable_machine(model: Any) -> bool:
    """Return whether a model is a MobileNet in a Sequential model, and its head in another one."""
    layers = getattr(model, "layers", [])
    if [type(layer).__name__ for layer in layers] != ["Sequential", "Sequential"]:
        return False
    family = family_of(layer_names(layers[0]))
    return family is not None and family.title in ("MobileNet", "MobileNetV2")


def _fitting(said: Said, is_teachable: bool) -> tuple[Setting, Setting]:
    """Return how pictures are brought to the network's size, and how they are resampled."""
    if is_teachable:
        policy = Setting("crop", "found", _TEACHABLE)
        resampling = Setting("antialiased", "found", _TEACHABLE)
    else:
        policy = Setting("stretch", "assumed", "Keras's loaders do so", "Else: --policy crop or pad")
        resampling = Setting(
            "bilinear",
            "assumed",
            "image_dataset_from_directory does so",
            "For flow_from_directory and load_img: --resampling nearest",
        )
    return (
        policy if said.policy is None else Setting(said.policy, "given"),
        resampling if said.resampling is None else Setting(said.resampling, "given"),
    )


def _classes(said: Said, path: Path, outputs: int) -> tuple[tuple[str, ...], Setting]:
    """Return the class names, by number where nobody knows them."""
    count = max(2, outputs)
    if said.class_names is not None:
        if len(said.class_names) != count:
            raise ConfigError(
                f"{path.name} tells {count} classes apart{_by_one(outputs)}, and {len(said.class_names)} names were "
                f"given ({listed(said.class_names)}). Give one for each output, in their order."
            )
        return said.class_names, Setting(listed(said.class_names), "given")
    numbers = tuple(map(str, range(count)))
    unnamed = Setting(
        "0 and 1" if count == 2 else f"0 to {count - 1}",
        "assumed",
        "the file has no names",
        "To name them: --classes FILE or a,b,c",
    )
    beside = path.with_name(LABELS_BESIDE)
    if not beside.is_file():
        return numbers, unnamed
    try:
        names = in_output_order(beside)
    except DataError:
        names = ()
    if len(names) == count and len(set(names)) == count:
        return names, Setting(listed(names), "found", f"in {LABELS_BESIDE} beside it")
    return numbers, Setting(
        unnamed.value,
        "assumed",
        f"{LABELS_BESIDE} beside it does not name {count} classes",
        unnamed.otherwise,
    )


def _by_one(outputs: int) -> str:
    return " by one output" if outputs == 1 else ""


def listed(names: tuple[str, ...], most: int = 6) -> str:
    """Return the first few names as a text."""
    return ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")


def _titled(pixels: Setting) -> Setting:
    return Setting(PIXEL_SCALINGS[pixels.value].title, pixels.source, pixels.why, pixels.otherwise)
