"""`load`: a classifier by its path or name."""

from pathlib import Path

from tellapart.classifier.classifier import Classifier
from tellapart.classifier.resolve import model_meant


def load(model: str | Path) -> Classifier:
    """Load a classifier.

    Args:
        model: a run folder, a `.keras` or an `.h5` file, or the name of a built-in model, "cifar10" or "digits".

    Raises:
        ModelError: there is no such file, or it is not an image classifier.
    """
    return Classifier.load(model_meant(model))


def loaded(model: Classifier | str | Path) -> Classifier:
    """Return a classifier as it is, or load it by its path or name."""
    return model if isinstance(model, Classifier) else load(model)


def run_folder_of(model: Classifier | str | Path) -> Path | None:
    """Return the run folder that a model is given by; None for a classifier, a model file or a built-in model."""
    if isinstance(model, Classifier):
        return None
    path = model_meant(model)
    return path if (path / "run.toml").is_file() else None
