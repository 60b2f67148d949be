"""Corrections: pictures of which somebody said what they are, kept as a folder of classes that `train` reads.

Off unless a folder is given. The same picture is kept once, under what was said of it last.
"""

import hashlib
import io
from pathlib import Path

from starlette.exceptions import HTTPException

from tellapart.data.decoding.header import open_header
from tellapart.errors import ConfigError
from tellapart.files import make_folder, write_whole

MOST_BYTES = 1_000_000_000
"""Of all pictures kept."""

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tiff"}
"""Pillow's name of a format -> the suffix under which it is kept."""


class Corrections:
    """A folder of corrections. Used by one thread at a time."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        """Make the folder where it is missing.

        Raises:
            ConfigError: it is a file.
            SaveError: it cannot be made.
        """
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"{folder} is a file. Corrections are kept in a folder.")
        make_folder(folder)
        self._folder, self._most_bytes = folder, most_bytes
        self._bytes = self._counted()

    def keep(self, content: bytes, label: str, class_names: tuple[str, ...]) -> Path:
        """Keep a picture.

        Args:
            content: a file that was decoded.
            label: what it shows.
            class_names: of the model.

        Returns:
            Its file, FOLDER/label/NAME.

        Raises:
            HTTPException: 422, no such class, or a format that is not kept; 413, the folder is full.
            SaveError: it cannot be written.
        """
        if label not in class_names:
            raise HTTPException(422, f"{label[:100]!r} is none of the model's classes; /models lists them.")
        if not is_folder_name(label):
            raise HTTPException(
                422, f"{label[:100]!r} cannot be the name of a folder, so no corrections to it are kept."
            )
        suffix = SUFFIXES.get(open_header(io.BytesIO(content)).format or "")
        if suffix is None:
            raise HTTPException(422, f"Corrections are files of {', '.join(SUFFIXES)}.")
        name = hashlib.sha256(content).hexdigest()[:24] + suffix
        earlier = list(self._folder.glob(f"*/{name}"))
        if not earlier and self._bytes + len(content) > self._most_bytes:
            self._bytes = self._counted()  # somebody may have emptied it
        if not earlier and self._bytes + len(content) > self._most_bytes:
            raise HTTPException(
                413, "The folder of corrections is full. Whoever runs the server can empty it."
            )
        path = self._folder / label / name
        make_folder(path.parent)
        write_whole(path, lambda place: _write(place, content))
        for other in earlier:
            if other != path:
                other.unlink(missing_ok=True)
        self._bytes += 0 if earlier else len(content)
        return path

    def _counted(self) -> int:
        """Return the bytes of all pictures in the folder."""
        return sum(path.stat().st_size for path in self._folder.glob("*/*") if path.is_file())


def is_folder_name(label: str) -> bool:
    """Return whether a class can be a folder: one part of a path, printable, not hidden."""
    return label.isprintable() and not set(label) & set('/\\:*?"<>|') and not label.startswith((".", " "))


def _write(place: Path, content: bytes) -> None:
    place.write_bytes(content)
