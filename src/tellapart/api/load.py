"""`load`: a classifier by its path or name."""

from pathlib import Path

from tellapart.classifier import resolve
from tellapart.classifier.classifier import Classifier


def load(model: Classifier | str | Path) -> Classifier:
    """Load a classifier.

    Args:
        model: a run folder, a `.keras` or an `.h5` file, or the name of a built-in model: "imagenet", "cifar10" or
            "digits". A classifier is returned as it is.

    Raises:
        ModelError: there is no such file, or it is not an image classifier.
    """
    return model if isinstance(model, Classifier) else Classifier.load(model)


def run_folder_of(model: Classifier | str | Path) -> Path | None:
    """Return the run folder that a model is given by; None for a classifier, a model file or a built-in model."""
    return None if isinstance(model, Classifier) else resolve.run_folder_of(model)
