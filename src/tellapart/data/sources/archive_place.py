"""Archive place: the images in a zip or tar file, read in place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tellapart.data.images import Images
from tellapart.data.sources.blobs import BlobImages
from tellapart.data.sources.walk import is_hidden, is_image_name
from tellapart.errors import DataError
from tellapart.untrusted.picture_archive import contents_of_packed_tar, members_of, read_member

_PLAIN, _PACKED = (".zip", ".tar"), (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz")

SUFFIXES = (*_PLAIN, *_PACKED)
"""Of archives of pictures."""

_FOREIGN = (".7z", ".rar", ".zst", ".lzma")
"""Of archives that are not read."""


def is_archive_name(name: str) -> bool:
    """Return whether a file is named like an archive of pictures."""
    return name.lower().endswith(SUFFIXES)


def is_foreign_archive(name: str) -> bool:
    """Return whether a file is named like an archive that is not read."""
    return name.lower().endswith(_FOREIGN) and not is_archive_name(name)


class ArchivePlace:
    """Images within an archive; keys are the names of members."""

    def __init__(self, path: Path) -> None:
        """List an archive.

        Raises:
            DataError: it is damaged, or holds what is refused.
        """
        self.path, self.where = path, str(path)
        lower = path.name.lower()
        self.name = (
            path.name[: -len(next(suffix for suffix in SUFFIXES if lower.endswith(suffix)))] or "pictures"
        )
        self._contents: dict[str, bytes] = {}
        if lower.endswith(_PACKED):
            self._contents = contents_of_packed_tar(path, _is_used)
            self.names: tuple[str, ...] = tuple(self._contents)
        else:
            self._members = {name: member for name, member in members_of(path).items() if _is_used(name)}
            self.names = tuple(self._members)

    def exact(self, name: str) -> str | None:
        """Return the member of this name."""
        plain = name.removeprefix("./")
        return plain if plain in (self._contents or self._members) else None

    def listed(self) -> Sequence[str]:
        """Return the names of all images."""
        return [name for name in self.names if is_image_name(name)]

    def images(self, keys: Sequence[str]) -> Images:
        """Return these members."""
        return BlobImages(tuple(keys), self.content, tuple(f"{self.path.name}/{key}" for key in keys))

    def content(self, name: str) -> bytes:
        """Return a member's bytes.

        Raises:
            DataError: there is none, or it is damaged.
        """
        if name in self._contents:
            return self._contents[name]
        if self._contents or name not in self._members:
            raise DataError(f"{name} is not in {self.path.name}")
        return read_member(self.path, self._members[name])


def _is_used(name: str) -> bool:
    return not any(is_hidden(part) for part in name.split("/"))
