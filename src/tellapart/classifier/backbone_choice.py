"""Which pretrained network a name or a path means: decided here and nowhere else.

A kind of backbone is a function that takes a name, and one entry in KINDS: one that comes with an installed package, a
network of `keras.applications`, a preset of KerasHub, or a trained model.
"""

import difflib
import hashlib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

from tellapart.classifier.model_file import is_model_file, load_keras, read_card
from tellapart.classifier.resolve import (
    MODEL_IN_RUN,
    SETTINGS_IN_RUN,
    display_name,
    model_file,
    resolve_model,
)
from tellapart.data.preprocess import Policy, Preprocessing
from tellapart.errors import ConfigError, ModelError
from tellapart.events import Progress
from tellapart.models import hub
from tellapart.models.applications import APPLICATIONS, application_file, open_application
from tellapart.models.backbones import BACKBONES, open_backbone, weights_file
from tellapart.models.headless import headless, resized
from tellapart.models.pretrained import BUILT_IN, NAMES, pretrained_model
from tellapart.models.weights_file import SUFFIXES, read_shapes
from tellapart.paths import in_which_folder, real_path, similar_paths, with_home
from tellapart.untrusted.hdf5 import DAMAGED

HUB = "hub:"
"""What a KerasHub preset's name may begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneChoice:
    """A pretrained network that a name or a path means, not yet opened."""

    name: str
    """How it is called: a canonical name, or a path."""

    argument: str
    """What means it from whatever folder, its paths absolute."""

    preprocessing: Preprocessing
    """The images that it was trained on."""

    features: Callable[[int, int, Progress | None], Any]
    """(height, width, progress of a download) -> a Keras model of pixels 0-255 -> (B, features)."""

    file: Callable[[int, int], Path | None]
    """(height, width) -> the file of its weights; None where it is not known."""

    notice: Callable[[int, int], str] = lambda *_: ""
    """(height, width) -> what is to be said before it is opened: a download, an assumption."""

    def open(self, height: int, width: int, progress: Progress | None = None) -> "OpenBackbone":
        """Open it for images of a size in pixels, downloading its weights where they are not here.

        Raises:
            ConfigError: it cannot read images of that size.
            DownloadError: its weights could not be fetched.
            MissingExtraError: a package of an extra is not installed.
            ModelError: its weights are missing, damaged or of another network.
        """
        model = self.features(height, width, progress)
        file, origin = self.file(height, width), {"backbone": self.name}
        if file is not None and file.is_file():
            with file.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            origin |= {"backbone_file": file.name, "backbone_sha256": digest}
        return OpenBackbone(model, origin)


@dataclass(frozen=True, slots=True)
class OpenBackbone:
    """A pretrained network without its head, and where it comes from."""

    features: Any
    """Keras model: (B, H, W, C) pixels 0-255 -> (B, features)."""

    origin: Mapping[str, str]
    """For the model card: its name, and the file of its weights with its sha256."""


def choose_backbone(name: str, size: tuple[int, int] | None = None) -> BackboneChoice:
    """Return the backbone that a name or a path means.

    Args:
        name: an installed backbone; a network of `keras.applications`, perhaps with a file of weights, NAME=FILE; a
            preset of KerasHub, perhaps after `hub:`; or a trained model: a file, a run folder, a built-in one. The
            names of networks come before paths: a folder `lite0` is `./lite0`.
        size: height and width in pixels, for a model without a size of its own.

    Raises:
        ConfigError: it is none of them; or it has no size of its own, and none is given.
        DownloadError: KerasHub cannot fetch the preset's description.
        MissingExtraError: KerasHub is not installed.
        ModelError: the model's file is damaged.
    """
    for kind in KINDS:
        if (choice := kind(name, size)) is not None:
            return choice
    raise ConfigError(_unknown(name))


Size = tuple[int, int] | None


def _installed(name: str, _: Size) -> BackboneChoice | None:
    """Take the name of a backbone from an installed package, or of the built-in model whose network it is."""
    model = BUILT_IN.get(name)
    name = name if model is None or model.backbone is None else model.backbone
    if name not in BACKBONES:
        return None
    side = BACKBONES[name].side
    return BackboneChoice(
        name=name,
        argument=name,
        preprocessing=Preprocessing(height=side, width=side),
        features=lambda height, width, _: open_backbone(name, height, width),
        file=lambda *_: weights_file(name),
    )


def _application(name: str, _: Size) -> BackboneChoice | None:
    """Take the name of a network of `keras.applications`, or NAME=FILE."""
    before, equals, after = name.partition("=")
    application = {key.lower(): key for key in APPLICATIONS}.get(before.lower())
    if application is None:
        return None
    if equals and not after:
        raise ConfigError(f"--backbone {name} lacks a file: {application}=FILE.h5, or {application} alone.")
    weights = with_home(after) if after else None
    if weights is not None:
        read_shapes(weights, application)  # what is missing or damaged is said before any image is read
    side = APPLICATIONS[application].side
    return BackboneChoice(
        name=application,
        argument=application if weights is None else f"{application}={real_path(weights)}",
        preprocessing=Preprocessing(height=side, width=side),
        features=lambda height, width, progress: open_application(
            application, height, width, weights, progress
        ),
        file=lambda height, width: weights or application_file(application, height, width),
        notice=lambda height, width: "" if weights else _of_application(application, height, width),
    )


def _of_application(name: str, height: int, width: int) -> str:
    file = application_file(name, height, width)
    return _download(f"The ImageNet weights of {name}", APPLICATIONS[name].parameters, file)


def _download(what: str, parameters: int, file: Path) -> str:
    """Return what is downloaded, its size and its place; empty where it is there already."""
    if file.is_file():
        return ""
    return f"{what}, about {4e-6 * parameters:,.0f} MB, are downloaded once, to {file}"


def _preset(name: str, _: Size) -> BackboneChoice | None:
    """Take a preset of KerasHub: after `hub:`, by its name alone, or a folder that holds one."""
    preset = name.removeprefix(HUB)
    is_folder = hub.is_preset_folder(with_home(preset))
    if not name.startswith((HUB, *hub.SCHEMES)) and not is_folder:
        is_path = with_home(name).exists() or name in NAMES
        if is_path or preset not in hub.image_presets():  # looking there imports keras-hub
            return None
    preset = str(with_home(preset)) if is_folder else preset
    described = hub.describe_preset(preset)
    file, parameters = described.file, described.parameters
    return BackboneChoice(
        name=f"{HUB}{preset}",
        argument=f"{HUB}{real_path(preset) if is_folder else preset}",
        preprocessing=Preprocessing(
            height=described.height, width=described.width, policy=cast(Policy, described.policy)
        ),
        features=lambda height, width, _: hub.open_preset(preset, height, width),
        file=lambda *_: file,
        notice=lambda *_: (
            _download(f"The weights of KerasHub's {preset}", parameters, file) if parameters and file else ""
        ),
    )


def _trained_model(name: str, size: Size) -> BackboneChoice | None:
    """Take a model file, a run folder, or a built-in model: its card says which images it reads."""
    path = with_home(name)
    if not (path.is_dir() or is_model_file(path) or (name in NAMES and not path.exists())):
        return None
    if path.is_dir() and not any((path / entry).exists() for entry in (MODEL_IN_RUN, SETTINGS_IN_RUN)):
        if name in NAMES:
            return _trained_model(str(pretrained_model(name)), size)
        raise ConfigError(
            f"{path} is a folder without a model: a run folder holds {MODEL_IN_RUN}, a preset of KerasHub config.json. "
            f"{_accepted()}"
        )
    file = model_file(name)
    if file.suffix in SUFFIXES and file.is_file() and not _holds_network(file):
        raise ModelError(
            f"{file} holds only weights, not the network. Name the network too: --backbone MobileNetV2={file}"
        )
    card, note = read_card(file), ""
    if card is None:
        stamp = file.stat()
        preprocessing = _of_plain_model(_FileState(file, stamp.st_mtime_ns, stamp.st_size), size)
        note = (
            f"{name} has no model card: assumes that it reads pixels from 0 to 255, not scaled in advance. If it was "
            f"trained on others: tellapart adopt {shlex.quote(name)} --pixels 0-1 --classes ..., then --backbone with "
            "the file that it writes"
        )
    else:
        preprocessing = card.preprocessing
    return BackboneChoice(
        name=display_name(resolve_model(name)),
        argument=str(real_path(path)) if path.exists() else name,
        preprocessing=preprocessing,
        features=lambda height, width, _: _features_of(file, height, width),
        file=lambda *_: file,
        notice=lambda *_: note,
    )


def _features_of(file: Path, height: int, width: int) -> Any:
    features = headless(load_keras(file), file.name)
    if tuple(features.inputs[0].shape[1:3]) != (height, width):
        features = resized(features, height, width, file.name)
    return features


def _holds_network(file: Path) -> bool:
    """Return whether an HDF5 file holds a whole model; also of a damaged one, which Keras has the words for."""
    import h5py

    try:
        with h5py.File(file, "r") as content:
            return "model_config" in content.attrs
    except DAMAGED:
        return True


class _FileState(NamedTuple):
    """A file, and what tells a later state of it from this one."""

    file: Path
    changed_nanoseconds: int
    length_bytes: int


@lru_cache(maxsize=8)
def _of_plain_model(state: "_FileState", size: Size) -> Preprocessing:
    """Return which images a model without a card reads: raw pixels of its input's shape.

    Args:
        state: of the model's file.
        size: height and width for a model that takes any.

    Raises:
        ConfigError: it takes images of any size, and none is given.
        ModelError: it reads no images.
    """
    file, shape = state.file, getattr(load_keras(state.file), "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[3] not in (1, 3):
        raise ModelError(
            f"{file} is no image network: its input has shape {shape}. Accepted: images (batch, height, width, 1 or 3)."
        )
    sides = shape[1:3] if None not in shape[1:3] else size
    if sides is None:
        raise ConfigError(f"{file} takes pictures of any size. Choose one, such as --size 224.")
    return Preprocessing(height=sides[0], width=sides[1], channels=shape[3])


KINDS: tuple[Callable[[str, Size], BackboneChoice | None], ...] = (
    _installed,
    _application,
    _preset,
    _trained_model,
)
"""Kinds of backbones, in the order in which they are asked whether a name is theirs."""

ANOTHER_BACKEND = "NASNetMobile"
"""A network of `keras.applications` that Keras cannot build on its torch backend."""


def _accepted() -> str:
    return (
        f"Accepted: {' or '.join(BACKBONES)}; a network of keras.applications, such as MobileNetV2, alone or with a "
        "file of its weights, MobileNetV2=FILE.h5; a preset of KerasHub, such as hub:resnet_18_imagenet; or a trained "
        "model: a run folder, a .keras or .h5 file, cifar10 or digits."
    )


def _unknown(name: str) -> str:
    """Return the error for a name that means no backbone."""
    if name.lower().startswith(ANOTHER_BACKEND.lower()):
        return f"Keras cannot build {ANOTHER_BACKEND} on its torch backend. {_accepted()}"
    path = Path(name)
    if path.suffix in (".keras", *SUFFIXES) or len(path.parts) > 1:
        similar = similar_paths(path)
        met = f"{name}: no such file or folder{in_which_folder(path)}."
    else:
        met, before = f"Unknown backbone {name!r}.", name.partition("=")[0].lower()
        known = {key.lower(): key for key in (*BACKBONES, *APPLICATIONS, *NAMES, *hub.image_presets())}
        similar = [known[key] for key in difflib.get_close_matches(before, known, n=3)]
    advice = f" Did you mean {' or '.join(similar)}?" if similar else ""
    return f"{met}{advice} {_accepted()}"
