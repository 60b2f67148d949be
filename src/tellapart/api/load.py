"""`load`: a classifier by its path or name."""

import inspect
import os
import warnings
from pathlib import Path
from typing import Any, Unpack

from tellapart.classifier import resolve
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.plain.said import Said, SaidOptions
from tellapart.classifier.plain.usage import Usage
from tellapart.errors import ConfigError


def load(model: Classifier | str | Path, **said: Unpack[SaidOptions]) -> Classifier:
    """Load a classifier.

    A `.keras` or `.h5` file that tellapart did not save says neither which pixels its network wants nor what its
    outputs mean. What nobody says here is found in its layers, or assumed with a warning; `Classifier.usage` tells
    which.

    Args:
        model: a run folder, a `.keras` or an `.h5` file, or the name of a built-in model: "imagenet", "cifar10" or
            "digits". A classifier is returned as it is.
        said: of a model that tellapart did not save:
            `pixels`, on which it was trained: "0-255"; "0-1", as with x / 255; "-1-1", as with x / 127.5 - 1;
            "imagenet", by ImageNet's means and deviations; or "caffe", blue, green, red around their means.
            `policy`, how pictures were brought to its size: "stretch", "crop" or "pad".
            `resampling`: "bilinear", "nearest" or "antialiased".
            `class_names`, in the order of its outputs: names, a file of them, or the folder of its training.
            `size`, of the pictures of a network of any size: (height, width).
            `custom_objects`, for layers that are not Keras's own: class name -> class.

    Returns:
        The classifier: its `class_names`, its `card`, and `model`, the Keras model itself.

    Raises:
        ConfigError: something was said of a model that has a card, or must be said of one that has none.
        ModelError: there is no such file, or it is not an image classifier.
    """
    classifier = opened(model, **said)
    if classifier is not model:
        warn_of(classifier.usage)
    return classifier


def warn_of(usage: Usage | None) -> None:
    """Warn of what was assumed of a plain model. The commands, which hide warnings, print it all."""
    if usage is not None and (words := usage.in_python()):
        warnings.warn(words, stacklevel=_frames_of_tellapart())


def _frames_of_tellapart() -> int:
    """Return the stack level of whoever called tellapart, so that a warning shows their line and not ours."""
    frame, frames = inspect.currentframe(), 0
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "tellapart":
        frame, frames = frame.f_back, frames + 1
    return frames


def opened(model: Classifier | str | Path, **said: Unpack[SaidOptions]) -> Classifier:
    """Do what `load` does, without a warning."""
    beforehand = Said.of(said)
    if isinstance(model, Classifier):
        if names := beforehand.given():
            raise ConfigError(
                f"The model is loaded already, so {', '.join(names)} cannot be changed. Pass them to tellapart.load, "
                "with the file."
            )
        return model
    return Classifier.load(model, beforehand)


def model_or_built_in(model: Any, pictures: Any) -> tuple[Any, Any]:
    """Return model and pictures: where only pictures are given, as the first argument, the built-in ImageNet model.

    Raises:
        ConfigError: a model is given and no picture.
        ModelError: a Keras model in memory is given and no picture.
    """
    if pictures is not None:
        return model, pictures
    if resolve.is_in_memory(model):
        resolve.resolve_model(model)
    is_model = isinstance(model, str | os.PathLike) and resolve.is_model(Path(model))
    if model is None or isinstance(model, Classifier) or is_model:
        raise ConfigError('Which pictures? Give some after the model: predict(model, ["new.jpg"])')
    return resolve.resolve_model("imagenet"), model


def run_folder_of(model: Classifier | str | Path) -> Path | None:
    """Return the run folder that a model is given by; None for a classifier, a model file or a built-in model."""
    return None if isinstance(model, Classifier) else resolve.run_folder_of(model)
