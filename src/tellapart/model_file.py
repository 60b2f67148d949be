"""The model file: a plain `.keras` that also carries what prediction needs to know.

Class names, pixel path and origin travel in one more entry of the zip,
`tellapart.json`. Keras reads such a file as if the entry were not there.
"""

import json
import logging
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tellapart.backend import import_keras
from tellapart.data.fit_size import PixelPath
from tellapart.errors import ConfigError, ModelError
from tellapart.files import write_whole

ENTRY = "tellapart.json"
FORMAT = 1
"""Raised when a reader of today could misread what is written."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a network must be told to be a classifier."""

    class_names: tuple[str, ...]
    pixel_path: PixelPath
    origin: Mapping[str, Any] = field(default_factory=dict)
    """Where it comes from: recipe, data, version; for people."""

    named: bool = True
    """False where the file told no class names and numbers stand for them."""

    def to_json(self) -> str:
        """As stored."""
        values = {
            "format": FORMAT,
            "class_names": list(self.class_names),
            "pixel_path": self.pixel_path.to_dict(),
            "origin": dict(self.origin),
        }
        return json.dumps(values, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """As read back.

        Raises:
            ModelError: not such a text, or of a later tellapart.
        """
        try:
            values = json.loads(text)
            if values["format"] != FORMAT:
                raise ModelError(
                    f"The model was saved in format {values['format']} and this tellapart reads {FORMAT}: "
                    "install a newer tellapart."
                )
            path = PixelPath.from_dict(values["pixel_path"])
            return cls(tuple(map(str, values["class_names"])), path, values["origin"])
        except (KeyError, TypeError, ValueError, ConfigError) as reason:
            if isinstance(reason, ModelError):
                raise
            raise ModelError(f"The model's own description ({ENTRY}) is damaged: {reason}.") from reason


def save_keras(model: Any, path: Path, card: Card) -> None:
    """Save a whole model as `.keras`, with its card.

    Raises:
        SaveError: it could not be written; nothing half-written is left.
    """

    def write(place: Path) -> None:
        with _quiet_keras():
            model.save(place)
        with zipfile.ZipFile(place, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(ENTRY, card.to_json())

    write_whole(path, write)


def save_h5(model: Any, path: Path) -> None:
    """Save a whole model in Keras's older single-file form, `.h5`.

    Raises:
        SaveError: it could not be written; nothing half-written is left.
    """

    def write(place: Path) -> None:
        with _quiet_keras():
            model.save(place)

    write_whole(path, write)


def read_card(path: Path) -> Card | None:
    """The card inside a model file; None where the file has none.

    Raises:
        ModelError: there is no such file, or it is no model file.
    """
    if not path.is_file():
        raise ModelError(
            f"{path}: no such model file. Train one with `tellapart train DATA`, or give the path of a run "
            "folder, a .keras file or an .h5 file."
        )
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        return Card.from_json(archive.read(ENTRY).decode()) if ENTRY in archive.namelist() else None


def load_keras(path: Path) -> Any:
    """Load the Keras model of a `.keras` or `.h5` file, without its optimiser.

    Raises:
        ModelError: Keras cannot read it.
    """
    keras = import_keras()
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as reason:  # Keras raises many kinds here
        first_line = str(reason).strip().splitlines()[0] if str(reason).strip() else type(reason).__name__
        raise ModelError(
            f"{path} cannot be read as a Keras model ({first_line}). "
            "Accepted: a .keras or .h5 file saved by Keras 3 or by tellapart."
        ) from reason


@contextmanager
def _quiet_keras() -> Iterator[None]:
    """Keep Keras from warning that `.h5` is old, which is why somebody asked for it."""
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
