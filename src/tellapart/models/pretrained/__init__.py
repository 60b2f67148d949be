"""Built-in trained models, so that a photo can be classified right after the installation.

`imagenet` knows 1,000 classes: its network and weights are those of a backbone (`models.backbones`), and the file here
lists its classes. The others are plain `.keras` files. Each has its card beside it (data, recipe, accuracy with
interval, limits); `scripts/train_shipped_models.py` trains `cifar10` and `digits` from scratch.
"""

from dataclasses import dataclass
from pathlib import Path

from tellapart.errors import ModelError

HOME = Path(__file__).parent
"""The folder of the models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltIn:
    """A built-in model; an entry of BUILT_IN."""

    title: str
    """What messages call it."""

    file: str
    """In HOME: the model, or for a backbone the table of its classes."""

    knows: str = ""
    """What it recognizes, after "It recognizes only"; where empty, its classes are listed."""

    backbone: str | None = None
    """The entry of `models.backbones.BACKBONES` that is its network; None: the file is the model."""


BUILT_IN = {
    "imagenet": BuiltIn(
        title="the built-in ImageNet model",
        file="imagenet.tsv",
        knows=" 1,000 kinds of animals, plants and objects (tellapart summary imagenet lists them)",
        backbone="lite0",
    ),
    "cifar10": BuiltIn(title="the built-in CIFAR-10 model", file="cifar10.keras"),
    "digits": BuiltIn(title="the built-in digits model", file="digits.keras"),
}
"""Name -> model. The first is the default."""

NAMES = tuple(BUILT_IN)
"""Names that `tellapart predict NAME PICTURE` accepts; the first is the default."""


def pretrained_model(name: str = NAMES[0]) -> Path:
    """Return the file of a built-in model.

    Raises:
        ModelError: no built-in model has that name, or the installation lacks the file.
    """
    if name not in BUILT_IN:
        raise ModelError(f"There is no built-in model {name!r}. Built-in models: {', '.join(NAMES)}.")
    path = HOME / BUILT_IN[name].file
    if not path.is_file():
        raise ModelError(f"{path} is missing: the installation is incomplete. Reinstall tellapart.")
    return path


def built_in(path: Path) -> BuiltIn | None:
    """Return the built-in model whose file this is; None for any other file."""
    return next((model for model in BUILT_IN.values() if path == HOME / model.file), None)
