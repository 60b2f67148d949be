"""A run's own Keras model: kept in the run folder as it was before its first step, so that the run can be resumed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.classifier.model_file import load_keras
from tellapart.classifier.own_model import OwnModel
from tellapart.errors import ConfigError, ModelError
from tellapart.files import write_whole
from tellapart.keras_backend import import_keras
from tellapart.models.headless import first_line

START = "start.keras"
"""The model in a run folder as it was given, with its optimizer, loss and metrics where it was compiled."""


@dataclass(frozen=True, slots=True)
class OwnRun:
    """A Keras model that somebody gave, its callbacks, and how it is used."""

    ready: OwnModel
    was_compiled: bool
    """Whether it came with an optimizer and a loss of its own."""

    callbacks: tuple[Any, ...] = ()
    file: str = ""
    """Where it came from; empty for an object in memory."""

    def to_dict(self) -> dict[str, Any]:
        """Return what run.toml records of it."""
        return {
            "file": self.file,
            "name": self.ready.model.name,
            "class": type(self.ready.model).__name__,
            "compiled": self.was_compiled,
            "pixels": self.ready.pixels.value,
            "pixels_source": self.ready.pixels.source,
            "size_source": self.ready.size.source,
            "outputs": self.ready.head,
            "callbacks": [type(callback).__name__ for callback in self.callbacks],
        }


def save_start(model: Any, folder: Path) -> None:
    """Save a model as it was given.

    Raises:
        SaveError: the disk is full.
    """
    write_whole(folder / START, lambda place: model.save(place))


def check_can_be_saved(model: Any) -> None:
    """Check before anything is trained that would be lost.

    Raises:
        ModelError: Keras cannot describe the model.
    """
    try:
        import_keras().saving.serialize_keras_object(model)
    except (RuntimeError, TypeError, ValueError, AttributeError) as reason:
        raise ModelError(
            f"{model.name} cannot be saved as a .keras file, so that its training would be lost: {first_line(reason)} "
            f"Give {type(model).__name__} and its own layers a get_config that returns what they were made with, and "
            "decorate them with @keras.saving.register_keras_serializable()."
        ) from reason


def open_start(folder: Path, custom_objects: Mapping[str, Any] | None, *, compiled: bool) -> Any:
    """Open the model that a run began with.

    Args:
        folder: of the run.
        custom_objects: class name -> class or function, of what is not Keras's own.
        compiled: whether with its optimizer, loss and metrics.

    Raises:
        ConfigError: it needs classes or functions that are not at hand.
    """
    try:
        return load_keras(folder / START, custom_objects, compiled=compiled)
    except ModelError as reason:
        raise ConfigError(
            f"{folder / START}, the model that the run began with, cannot be opened. If it has "
            "layers, a loss or metrics of your own, resume it in Python with the model itself, built and compiled as "
            f"before, tellapart.train(resume={str(folder)!r}, model=MODEL), or with custom_objects={{NAME: CLASS}}. "
            f"({first_line(reason)})"
        ) from reason
