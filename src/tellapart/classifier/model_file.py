"""The model file: a plain `.keras` file that also holds the model card.

The card is one more entry of the zip archive, `tellapart.json`. A model that tells unfamiliar images by its
features has a second one, the reference of its training images (`metrics.novelty`). Keras reads such a file as if
the entries were not there.
"""

import io
import logging
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tellapart.classifier.backbone_model import backbone_card
from tellapart.classifier.card import ENTRY, ModelCard
from tellapart.classifier.hostile_model import checked_file, limited_to, refuse_large_outputs
from tellapart.classifier.plain.old_files import load_model
from tellapart.classifier.plain.refusals import refusal, unreadable
from tellapart.classifier.reference_file import REFERENCE_ENTRY, from_bytes, to_bytes
from tellapart.errors import ModelError, TellapartError
from tellapart.files import write_whole
from tellapart.keras_internals import write_model_to_h5
from tellapart.metrics.novelty import BY_FEATURES, FeatureReference
from tellapart.models.backbones import pretrained_keras_model
from tellapart.models.headless import first_line
from tellapart.models.pretrained import built_in
from tellapart.paths import in_which_folder
from tellapart.untrusted.archive import archive_of, read_entry

H5_SUFFIXES = (".h5", ".hdf5")
MODEL_SUFFIXES = (".keras", *H5_SUFFIXES)
_HDF5_BEGINS = b"\x89HDF\r\n\x1a\n"


def save_keras(model: Any, path: Path, card: ModelCard, reference: FeatureReference | None = None) -> None:
    """Save a whole model as `.keras`, with its card and, where there is one, its reference.

    Raises:
        SaveError: it could not be written; nothing half-written is left.
    """

    def write(place: Path) -> None:
        with _quiet_keras():
            model.save(place)
        with zipfile.ZipFile(place, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(ENTRY, card.to_json())
            if reference is not None:
                archive.writestr(REFERENCE_ENTRY, to_bytes(reference))

    write_whole(path, write)


def save_h5(model: Any, path: Path, attributes: Mapping[str, str] = MappingProxyType({})) -> None:
    """Save a whole model in Keras's older format, `.h5`.

    It is made in memory: HDF5 ends the process later where it could not finish a file, as on a full disk.

    Args:
        model: a Keras model.
        path: the file.
        attributes: of the file, beside Keras's.

    Raises:
        SaveError: it could not be written; nothing half-written is left.
    """
    import h5py

    def write(place: Path) -> None:
        content = io.BytesIO()
        with _quiet_keras(), h5py.File(content, "w") as file:
            write_model_to_h5(model, file)
            file.attrs.update(attributes)
        place.write_bytes(content.getbuffer())

    write_whole(path, write)


def backbone_of(path: Path) -> str | None:
    """Return the backbone that a path means: that of a built-in model without a model file, or None."""
    model = built_in(path)
    return None if model is None else model.backbone


def read_card(path: Path) -> ModelCard | None:
    """Return the card in a model file, or of a built-in backbone; None where the file has none.

    Raises:
        ModelError: there is no such file, or it is not a model file.
    """
    if backbone := backbone_of(path):
        return backbone_card(backbone, path)
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise unreadable(path, "it is no regular file")
    if not path.is_file():
        raise ModelError(
            f"{path}: no such model file{in_which_folder(path)}. Train one with `tellapart train DATA`, or give the "
            "path of a run folder, a .keras file or an .h5 file."
        )
    content = _entry(path, ENTRY, is_text=True)
    try:
        return None if content is None else ModelCard.from_json(content.decode())
    except UnicodeDecodeError as reason:
        raise unreadable(path, f"the file is damaged: {reason}") from reason
    except ModelError as reason:
        raise ModelError(f"{path}: {reason}") from reason


def read_reference(path: Path, card: ModelCard) -> FeatureReference | None:
    """Return the reference of the training images in a model file; None where its card names no use for one.

    Raises:
        ModelError: it is missing or damaged.
    """
    if card.novelty is None or card.novelty.method != BY_FEATURES:
        return None
    content = _entry(path, REFERENCE_ENTRY, is_text=False)
    if content is None:
        raise ModelError(
            f"{path} lacks {REFERENCE_ENTRY}, by which its card tells unfamiliar pictures. Train the model again, or "
            "use the file as tellapart saved it."
        )
    return from_bytes(content, str(path))


def _entry(path: Path, name: str, *, is_text: bool) -> bytes | None:
    """Return an entry of a model file; None where it has none, or is no zip archive.

    Raises:
        ModelError: the file is damaged, or made to harm.
    """
    if not zipfile.is_zipfile(path):
        return None
    with archive_of(path) as archive:
        return read_entry(archive, name, path, is_text=is_text)


def load_keras(path: Path, custom_objects: Mapping[str, Any] | None = None, *, compiled: bool = False) -> Any:
    """Load the Keras model of a `.keras` or `.h5` file, or of a built-in backbone.

    Args:
        path: of the file.
        custom_objects: class name -> class, of what is not Keras's own.
        compiled: whether with the optimizer, loss and metrics that a file of Keras 3 has.

    Raises:
        ModelError: Keras cannot read it, or a backbone's weights are missing or damaged.
    """
    if backbone := backbone_of(path):
        return pretrained_keras_model(backbone)
    obstacle = _obstacle(path)
    if obstacle is not None:
        raise unreadable(path, obstacle)
    numbers = checked_file(path)
    try:
        with limited_to(numbers, path):
            model = load_model(path, custom_objects, compiled=compiled)
        refuse_large_outputs(model, path)
        return model
    except ModelError:
        raise
    except Exception as reason:  # Keras raises many kinds here
        raise refusal(path, reason) from reason


UNFITTING = (
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
)
"""What a network raises whose layers and weights do not fit together."""


@contextmanager
def unusable_is_model_error(path: Path) -> Iterator[None]:
    """Report a network from a file that cannot be run within the block.

    Raises:
        ModelError: its layers, or its weights, do not fit together.
    """
    try:
        yield
    except TellapartError:
        raise
    except UNFITTING as reason:
        raise unreadable(path, f"it cannot be run: {first_line(reason)}") from reason


def _obstacle(path: Path) -> str | None:
    """Return what is wrong with a file, judged by its first bytes and its name; Keras's own message would mislead."""
    if not path.is_file():  # a pipe would be waited for
        return "it is no regular file" if path.exists() else "there is no such file"
    try:
        with path.open("rb") as file:
            beginning = file.read(len(_HDF5_BEGINS))
    except OSError as reason:
        return reason.strerror or str(reason)
    if not beginning:
        return "the file is empty"
    if beginning == _HDF5_BEGINS:
        named_h5 = path.suffix in H5_SUFFIXES
        return None if named_h5 else "it is HDF5 and its name does not end in .h5: rename it"
    if not beginning.startswith(b"PK"):
        return "it is neither a zip archive, as .keras files are, nor HDF5, as .h5 files are"
    if not zipfile.is_zipfile(path):
        return "the file is cut short or damaged"
    if not _holds_network(path):
        return "it is a zip archive without a Keras model in it"
    return None if path.suffix == ".keras" else "its name does not end in .keras: rename it"


def _holds_network(path: Path) -> bool:
    with archive_of(path) as archive:
        return "config.json" in archive.NameToInfo


@contextmanager
def _quiet_keras() -> Iterator[None]:
    """Silence Keras's warning that `.h5` is a legacy format."""
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def is_model_file(path: Path) -> bool:
    """Return whether a path means a model file, judged by its suffix, else by its content."""
    if path.suffix.lower() in MODEL_SUFFIXES:
        return True
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with path.open("rb") as file:
            if file.read(len(_HDF5_BEGINS)) == _HDF5_BEGINS:
                return True
        return zipfile.is_zipfile(path) and _holds_network(path)
    except (OSError, ModelError):
        return False
