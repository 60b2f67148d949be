"""`load`: a classifier by its path or name."""

from pathlib import Path

from tellapart.classifier import resolve
from tellapart.classifier.classifier import Classifier


def load(model: str | Path) -> Classifier:
    """Load a classifier.

    Args:
        model: a run folder, a `.keras` or an `.h5` file, or the name of a built-in model, "cifar10" or "digits".

    Raises:
        ModelError: there is no such file, or it is not an image classifier.
    """
    return Classifier.load(model)


def loaded(model: Classifier | str | Path) -> Classifier:
    """Return a classifier as it is, or load it by its path or name."""
    return model if isinstance(model, Classifier) else load(model)


def run_folder_of(model: Classifier | str | Path) -> Path | None:
    """Return the run folder that a model is given by; None for a classifier, a model file or a built-in model."""
    return None if isinstance(model, Classifier) else resolve.run_folder_of(model)
