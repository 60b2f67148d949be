"""`load`: a classifier by its path or name."""

from pathlib import Path
from typing import Any

from tellapart.classifier import resolve
from tellapart.classifier.classifier import Classifier
from tellapart.errors import ConfigError


def load(model: Classifier | str | Path) -> Classifier:
    """Load a classifier.

    Args:
        model: a run folder, a `.keras` or an `.h5` file, or the name of a built-in model: "imagenet", "cifar10" or
            "digits". A classifier is returned as it is.

    Raises:
        ModelError: there is no such file, or it is not an image classifier.
    """
    return model if isinstance(model, Classifier) else Classifier.load(model)


def model_or_built_in(model: Any, pictures: Any) -> tuple[Any, Any]:
    """Return model and pictures: where only pictures are given, as the first argument, the built-in ImageNet model.

    Raises:
        ConfigError: a model is given and no picture.
    """
    if pictures is not None:
        return model, pictures
    is_model = isinstance(model, str | Path) and resolve.is_model(Path(model))
    if model is None or isinstance(model, Classifier) or is_model:
        raise ConfigError('Which pictures? Give some after the model: predict(model, ["new.jpg"])')
    return resolve.resolve_model("imagenet"), model


def run_folder_of(model: Classifier | str | Path) -> Path | None:
    """Return the run folder that a model is given by; None for a classifier, a model file or a built-in model."""
    return None if isinstance(model, Classifier) else resolve.run_folder_of(model)
