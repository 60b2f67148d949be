"""Built-in trained models, so that a photo can be classified right after the installation.

Each is a plain `.keras` file with its card beside it (data, recipe, seed, commit, accuracy with interval).
`scripts/train_shipped_models.py` trains them from scratch.
"""

from pathlib import Path

from tellapart.errors import ModelError

HOME = Path(__file__).parent
"""The folder of the models."""

NAMES = ("cifar10", "digits")
"""Names that `tellapart predict NAME PICTURE` accepts; the first is the default."""


def pretrained_model(name: str = NAMES[0]) -> Path:
    """Return the file of a built-in model.

    Raises:
        ModelError: no built-in model has that name, or the installation lacks the file.
    """
    if name not in NAMES:
        raise ModelError(f"There is no built-in model {name!r}. Built-in models: {', '.join(NAMES)}.")
    path = HOME / f"{name}.keras"
    if not path.is_file():
        raise ModelError(f"{path} is missing: the installation is incomplete. Reinstall tellapart.")
    return path
