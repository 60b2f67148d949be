"""Image networks of KerasHub, without their heads: presets by name, or folders that `save_to_preset` wrote.

A network of Keras's own layers opens in plain Keras afterward, one of KerasHub's own layers needs keras-hub. A preset
says how its pixels are scaled; that becomes a layer, checked against KerasHub's own conversion.

Needs the package keras-hub, an extra. Its image networks run without TensorFlow, which pip installs with it on Linux
and macOS for its text networks.
"""

import importlib.util
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tellapart.errors import ConfigError, DownloadError, MissingExtraError, ModelError
from tellapart.keras_backend import import_keras
from tellapart.models.headless import first_line, flat, headless, resized

_KAGGLE = "kaggle://"
SCHEMES = (_KAGGLE, "hf://", "modelscope://")
"""Beginnings of addresses that KerasHub fetches itself."""

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_DEFAULT_SIDE = 224
_AGREEMENT = 1e-4
"""Largest difference allowed between a scaled pixel and KerasHub's, in its units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubPreset:
    """A preset as KerasHub describes it, without its weights."""

    name: str
    height: int
    """Pixels of the images that it was trained on."""

    width: int
    policy: str
    """How it fits images of other proportions: crop, pad or stretch."""

    parameters: int | None
    """How many are downloaded; None where KerasHub does not say."""

    file: Path | None
    """Where its weights lie, or will lie once they are downloaded; None where that is not known."""


def is_installed() -> bool:
    """Return whether keras-hub is."""
    return importlib.util.find_spec("keras_hub") is not None


def is_preset_folder(path: Path) -> bool:
    """Return whether a path is a folder that `save_to_preset` wrote."""
    try:
        settings = json.loads((path / _CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(settings, dict) and str(settings.get("registered_name", "")).startswith("keras_hub>")


def image_presets() -> list[str]:
    """Return the names of all presets of image classifiers; none where keras-hub is not installed."""
    return sorted(_keras_hub().models.ImageClassifier.presets) if is_installed() else []


def describe_preset(preset: str) -> HubPreset:
    """Return what KerasHub says of a preset; it may fetch its description, not its weights.

    Args:
        preset: a name, a folder, or an address that begins with one of SCHEMES.

    Raises:
        ConfigError: no preset of that name is an image network.
        DownloadError: its description could not be fetched.
        MissingExtraError: keras-hub is not installed.
    """
    hub = _keras_hub()
    converter = _from_preset(hub.layers.ImageConverter, preset)
    height, width = converter.image_size or (_DEFAULT_SIDE, _DEFAULT_SIDE)
    policy = (
        "crop" if converter.crop_to_aspect_ratio else "pad" if converter.pad_to_aspect_ratio else "stretch"
    )
    entry = hub.models.ImageClassifier.presets.get(preset, {})
    return HubPreset(
        name=preset,
        height=height,
        width=width,
        policy=policy,
        parameters=entry.get("metadata", {}).get("params"),
        file=_weights_file(preset, entry.get("kaggle_handle", preset)),
    )


def _weights_file(preset: str, handle: str) -> Path | None:
    """Return where a preset's weights lie: in its folder, or where kagglehub keeps them."""
    if is_preset_folder(Path(preset)):
        return Path(preset) / _WEIGHTS
    if not handle.startswith(_KAGGLE):
        return None
    home = os.environ.get("KAGGLEHUB_CACHE") or str(Path.home() / ".cache" / "kagglehub")
    return Path(home) / "models" / handle.removeprefix(_KAGGLE) / _WEIGHTS


def open_preset(preset: str, height: int, width: int) -> Any:
    """Return a preset's network without its head: (B, height, width, 3) pixels 0-255 -> (B, features).

    Args:
        preset: as in `describe_preset`.
        height: of the images, in pixels.
        width: likewise.

    Raises:
        ConfigError: no such preset, or its network cannot read images of that size.
        DownloadError: its weights could not be fetched.
        MissingExtraError: keras-hub is not installed.
        ModelError: its pixels are scaled in a way that no Rescaling layer can.
    """
    keras, hub = import_keras(), _keras_hub()
    task = _from_preset(hub.models.ImageClassifier, preset, num_classes=2)
    network = headless(task)
    if tuple(network.inputs[0].shape[1:3]) != (height, width):
        network = resized(network, height, width)
    pixels = keras.Input((height, width, 3))
    features = network(_scaling(_from_preset(hub.layers.ImageConverter, preset), preset)(pixels))
    return flat(keras.Model(pixels, features, name=network.name))


def _scaling(converter: Any, preset: str) -> Any:
    """Return what KerasHub does to the values of pixels as a Rescaling layer.

    Raises:
        ModelError: it does something else.
    """
    keras = import_keras()
    scale, offset = (getattr(converter, name) for name in ("scale", "offset"))
    layer = keras.layers.Rescaling(
        1.0 if scale is None else _plain_numbers(scale), 0.0 if offset is None else _plain_numbers(offset)
    )
    height, width = converter.image_size or (_DEFAULT_SIDE, _DEFAULT_SIDE)
    pixels = np.random.default_rng(0).integers(0, 256, (1, height, width, 3)).astype(np.float32)
    expected, scaled = (keras.ops.convert_to_numpy(convert(pixels)) for convert in (converter, layer))
    if not np.allclose(scaled, expected, atol=_AGREEMENT):
        raise ModelError(
            f"The preset {preset} changes pixels in a way that a Rescaling layer cannot. Save its network as a .keras "
            "file that reads pixels 0 to 255, and give that file."
        )
    return layer


def _plain_numbers(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else [float(number) for number in value]


def _from_preset(kind: Any, preset: str, **settings: Any) -> Any:
    """Call KerasHub's `from_preset`, its failures as ours."""
    try:
        return kind.from_preset(preset, **settings)
    except (ValueError, FileNotFoundError, KeyError) as reason:
        raise ConfigError(
            f"hub:{preset} is no image network of KerasHub ({first_line(reason)}). Accepted: the name of a preset of "
            "an image classifier, such as hub:resnet_18_imagenet, or a folder that save_to_preset wrote."
        ) from reason
    except Exception as reason:  # kagglehub and its network code raise many kinds
        raise DownloadError(
            f"The preset {preset} could not be downloaded: {first_line(_origin(reason))}. Without network, give "
            "a folder that save_to_preset wrote; or leave out --backbone: lite0 is installed."
        ) from reason


def _origin(reason: BaseException) -> BaseException:
    """Return the error that led to this one, and to all between."""
    while reason.__context__ is not None:
        reason = reason.__context__
    return reason


@cache
def _keras_hub() -> ModuleType:
    """Import KerasHub on Keras's torch backend.

    Raises:
        MissingExtraError: it is not installed.
    """
    import_keras()
    if not is_installed():
        raise MissingExtraError("keras-hub", "hub", "A preset of KerasHub")
    return importlib.import_module("keras_hub")
