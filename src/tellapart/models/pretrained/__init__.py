"""Models that come along, so that a photo gets an answer right after the installation.

Each is a plain `.keras` file with its card beside it (data, recipe, seed, commit, accuracy with interval).
`scripts/train_shipped_models.py` trains them from nothing.
"""

from pathlib import Path

from tellapart.errors import ModelError

HOME = Path(__file__).parent
"""Where they lie."""

NAMES = ("cifar10", "digits")
"""What `tellapart predict NAME PICTURE` may call them; the first answers where none is named."""


def shipped_model(name: str = NAMES[0]) -> Path:
    """The file of a model that comes along.

    Raises:
        ModelError: none of that name does, or the installation lacks the file.
    """
    if name not in NAMES:
        raise ModelError(f"No model {name!r} comes along. There are: {', '.join(NAMES)}.")
    path = HOME / f"{name}.keras"
    if not path.is_file():
        raise ModelError(f"{path} is missing: the installation is not whole. Install tellapart again.")
    return path
