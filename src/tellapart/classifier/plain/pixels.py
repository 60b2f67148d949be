"""Pixels: which numbers a plain model wants, told from its layers where they say so, assumed where nothing speaks
against it, and asked for where assuming would almost surely be wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tellapart.classifier.plain.applications import Family, family_of, layer_names, scaling_of
from tellapart.classifier.plain.evidence import evidence_on_raw_pixels
from tellapart.classifier.plain.first_layers import Affine, scaling_at_entry
from tellapart.classifier.plain.usage import Setting
from tellapart.errors import ConfigError
from tellapart.models.pixel_scaling import PIXEL_SCALINGS

RANGES = {"0-255": (0.0, 255.0), "0-1": (0.0, 1.0), "-1-1": (-1.0, 1.0)}
"""Name of a scaling -> the least and the greatest pixel."""

USUAL = ((0.0, 1.0), (-1.0, 1.0), (-0.5, 0.5), (0.0, 255.0))
"""What networks scale pixels to."""

RESCALED, CENTERED = (1.5, 8.0), (50.0, 200.0)
"""Width of the range of standardized pixels, 4.5 with ImageNet's deviations; and the mean of pixels 0 to 255."""

HOW = {
    "0-1": "for x / 255 or ImageDataGenerator(rescale=1/255)",
    "-1-1": "for x / 127.5 - 1",
    "imagenet": "for ImageNet's means and deviations",
    "0-255": "for unscaled pixels",
}
"""Scaling -> how people write it."""

OTHERWISE = "Otherwise: --pixels 0-1 (x / 255), -1-1 (x / 127.5 - 1), imagenet or caffe"

OTHER_PIXELS = "Otherwise: --pixels 0-255, 0-1, -1-1, imagenet or caffe"


def pixels_of(model: Any, given: str | None, where: str) -> Setting:
    """Return which pixels a Keras model wants.

    Args:
        model: of images of a fixed size.
        given: a name of PIXEL_SCALINGS that somebody said.
        where: the model's file, for messages.

    Raises:
        ConfigError: nobody said, and 0 to 255 is almost surely wrong; or what was said needs colors.
    """
    entry = scaling_at_entry(model)
    if given is not None:
        return _checked(given, entry, model.inputs[0].shape[-1], where)
    if entry.layer:
        return _by_entry(entry)
    family = family_of(layer_names(model))
    evidence = None if family and scaling_of(family) == "caffe" else evidence_on_raw_pixels(model)
    if evidence is not None and evidence.fits:
        return Setting("0-255", "found", evidence.why)
    if family is not None:
        raise ConfigError(_which_of_family(where, family))
    if evidence is not None and evidence.fits is False:
        colors = model.inputs[0].shape[-1] == 3
        forms = {name: how for name, how in HOW.items() if colors or not PIXEL_SCALINGS[name].needs_color}
        raise ConfigError(
            _which(where, f"No layer scales them, and 0 to 255 does not fit: {evidence.why}.", forms)
        )
    why = "no layer scales them, and Keras's loaders give 0 to 255"
    return Setting("0-255", "assumed", why, OTHERWISE)


def pixels_to_train_on(model: Any, given: str | None, where: str, layers: Sequence[Any]) -> Setting:
    """Return which pixels a Keras model is to be trained on; nothing is asked, because training adapts it.

    Args:
        model: of images of a fixed size.
        given: a name of PIXEL_SCALINGS that somebody said.
        where: the model's name, for messages.
        layers: its layers, also those that its own code calls.

    Raises:
        ConfigError: what was said needs colors.
    """
    entry = scaling_at_entry(model)
    if given is not None:
        return _checked(given, entry, model.inputs[0].shape[-1], where)
    if entry.layer:
        return _by_entry(entry)
    if scales := [layer.name for layer in layers if type(layer).__name__ in ("Rescaling", "Normalization")]:
        return Setting("0-255", "found", f"it has a layer that scales them, {scales[0]}")
    family = family_of(layer_names(model))
    if family is not None:
        why = f"as preprocess_input does for {family.title}, whose layers it has"
        return Setting(scaling_of(family), "assumed", why, OTHER_PIXELS)
    evidence = evidence_on_raw_pixels(model)
    if evidence.fits:
        return Setting("0-255", "found", evidence.why)
    return Setting("0-1", "assumed", "no layer of it scales them", OTHER_PIXELS)


def _checked(given: str, entry: Affine, channels: int, where: str) -> Setting:
    if given not in PIXEL_SCALINGS:
        raise ConfigError(f"pixels is one of {', '.join(PIXEL_SCALINGS)}; got {given!r}.")
    if PIXEL_SCALINGS[given].needs_color and channels != 3:
        raise ConfigError(
            f"{where} reads gray pictures, and --pixels {given} is for color. Choose 0-255, 0-1 or -1-1."
        )
    read = _by_entry(entry).value if entry.layer else given
    doubt = f"but its layer {entry.layer} scales pixels {PIXEL_SCALINGS[read].title} itself" * (read != given)
    return Setting(given, "given", doubt)


def _by_entry(entry: Affine) -> Setting:
    """Read the pixels that a network's first layers are made for."""
    if entry.mean is not None and entry.deviation is not None:
        for pixels, fits in _STATISTICS.items():
            if fits(entry.mean, entry.deviation):
                return Setting(
                    pixels, "found", f"its layer {entry.layer} learned their mean, {entry.mean:.3g}"
                )
    for pixels, ends in RANGES.items():
        if _is_usual([float(np.mean(entry.at(end))) for end in ends]):
            return Setting(pixels, "found", f"its layer {entry.layer} scales them")
    return Setting(
        "0-255",
        "assumed",
        f"its layer {entry.layer} scales them, though not to a usual range",
        OTHERWISE,
    )


_STATISTICS = {
    "0-255": lambda mean, deviation: 5 < mean < 250 and 8 < deviation < 130,
    "0-1": lambda mean, deviation: 0.02 < mean < 0.98 and 0.03 < deviation < 0.4,
    "-1-1": lambda mean, deviation: -0.96 < mean < 0.5 and 0.3 <= deviation < 0.8,
    "imagenet": lambda mean, deviation: -1 < mean < 1 and 0.8 <= deviation < 1.6,
}
"""Scaling -> whether a layer that keeps the mean and deviation of its pixels saw such ones."""


def _is_usual(ends: Sequence[float]) -> bool:
    low, high = ends
    width = high - low
    near = any(abs(low - a) + abs(high - b) < 0.03 * (b - a) for a, b in USUAL)
    standardized = low < 0 < high and RESCALED[0] <= width <= RESCALED[1]
    centered = CENTERED[0] < -low < CENTERED[1] and abs(width - 255) < 5
    return near or standardized or centered


def _which_of_family(where: str, family: Family) -> str:
    own = scaling_of(family)
    forms = {own: "for the preprocess_input of keras.applications", "0-1": HOW["0-1"], "0-255": HOW["0-255"]}
    return _which(
        where,
        f"Its layers are those of {family.title}, and none of them scales pixels: 0 to 255 is almost surely wrong.",
        forms,
    )


def _which(where: str, problem: str, forms: Mapping[str, str]) -> str:
    listed = "".join(f"\n  --pixels {name:<9} {how}" for name, how in forms.items())
    return f"{where}: which pixels was it trained on? {problem} Choose:{listed}"
