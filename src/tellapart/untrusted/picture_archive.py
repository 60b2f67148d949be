"""Archives of pictures from strangers: what is in a zip or tar file, and single members of it, read in place.

Nothing is unpacked to the disk. Names that lead out of the archive, links and encrypted members are refused; a member
is never unpacked further than the size that its entry states, and that has a limit.
"""

from __future__ import annotations

import bz2
import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

from tellapart.errors import DataError
from tellapart.untrusted.regular_file import open_regular

MOST_MEMBERS = 2_000_000

LARGEST_DIRECTORY = 400_000_000
"""Bytes of a zip file's list of members."""

LARGEST_MEMBER = 300_000_000
"""Bytes of a member, unpacked."""

LARGEST_STREAM = 4_000_000_000
"""Bytes of a compressed tar file, unpacked: its pictures are held in memory, since nobody can jump within it."""

_LARGEST_HEADER = 1_000_000
"""Bytes of a name or another extra header of a tar member."""

_LOCAL_HEADER = 30
_DAMAGED = (
    OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, tarfile.TarError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """One file within an archive."""

    name: str
    """With slashes; relative."""

    offset: int
    """Of its bytes; in a zip file of the header before them."""

    packed: int
    """Bytes in the archive."""

    size: int
    """Bytes unpacked."""

    checksum: int | None = None
    """CRC-32; None: it is stored as it is, in a tar file."""


def members_of(path: Path) -> dict[str, Member]:
    """Return the files in a zip file or an uncompressed tar file, by name.

    Raises:
        DataError: it is damaged, or was made to harm whoever unpacks it.
    """
    listed = _members_of_zip if path.suffix.lower() == ".zip" else _members_of_tar
    members: dict[str, Member] = {}
    try:
        for member in listed(path):
            if len(members) >= MOST_MEMBERS:
                raise refused(path, f"it has more than {MOST_MEMBERS:,} files")
            members[member.name] = member
    except DataError:
        raise
    except _DAMAGED as reason:
        raise _damaged(path, reason) from reason
    return members


def read_member(path: Path, member: Member) -> bytes:
    """Return a member's bytes.

    Raises:
        DataError: it is damaged or too large.
    """
    if member.size > LARGEST_MEMBER:
        raise DataError(f"{member.size:,} bytes; at most {LARGEST_MEMBER:,} are read")
    try:
        with open_regular(path) as file:
            file.seek(member.offset)
            content = file.read(member.size) if member.checksum is None else _unpacked(file, member)
    except _DAMAGED as reason:
        raise _damaged(path, reason) from reason
    if len(content) != member.size:
        raise _damaged(path, EOFError(f"{member.name} is cut off"))
    return content


def contents_of_packed_tar(path: Path, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """Return the wanted files of a tar file that is compressed as a whole, by name.

    Raises:
        DataError: it is damaged, too large for memory, or was made to harm whoever unpacks it.
    """
    contents: dict[str, bytes] = {}
    try:
        with open_regular(path) as raw, _decompressed(path, raw) as unpacked:
            bounded = cast("IO[bytes]", _Bounded(unpacked, path))
            with tarfile.open(fileobj=bounded, mode="r:") as tar:
                for name, info in _files_of(tar, path):
                    if wanted(name) and (file := tar.extractfile(info)) is not None:
                        contents[name] = file.read()
    except DataError:
        raise
    except _DAMAGED as reason:
        raise _damaged(path, reason) from reason
    return contents


def beginning_of_tar(path: Path, count: int) -> list[str]:
    """Return the names of the first files of a tar file, compressed or not; none where it cannot be read."""
    try:
        with open_regular(path) as raw:
            is_packed = raw.read(2) in (b"\x1f\x8b", b"BZ")
            raw.seek(0)
            file: Any = _Bounded(_decompressed(path, raw), path) if is_packed else raw
            headers = cast("IO[bytes]", _SmallReads(file, _LARGEST_HEADER, "a header"))
            with tarfile.open(fileobj=headers, mode="r:") as tar:
                return [info.name for info in islice(tar, count) if info.isfile()]
    except (*_DAMAGED, DataError):
        return []


def _members_of_zip(path: Path) -> Iterator[Member]:
    with open_regular(path) as file:
        beginning: Any = _SmallReads(file, LARGEST_DIRECTORY, "its list of files")
        with zipfile.ZipFile(beginning) as archive:
            for entry in archive.infolist():
                if entry.is_dir():
                    continue
                if entry.flag_bits & 1:
                    raise DataError(
                        f"{path}: encrypted: it needs a password. Unpack it, and give the folder."
                    )
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise DataError(
                        f"{path}: {entry.filename} is compressed in a way that is not read in place (method "
                        f"{entry.compress_type}). Unpack it, and give the folder."
                    )
                is_link = stat.S_ISLNK(entry.external_attr >> 16)
                name = _checked_name(entry.filename, path, is_link=is_link)
                yield Member(name, entry.header_offset, entry.compress_size, entry.file_size, entry.CRC)


def _unpacked(file: IO[bytes], member: Member) -> bytes:
    header = file.read(_LOCAL_HEADER)
    if len(header) < _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
        raise ValueError(f"no file begins where {member.name} should")
    method = int.from_bytes(header[8:10], "little")
    file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
    packed = file.read(min(member.packed, LARGEST_MEMBER + 1))
    content = packed if method == zipfile.ZIP_STORED else _inflated(packed, member.size)
    if len(content) == member.size and zlib.crc32(content) != member.checksum:
        raise ValueError(f"the checksum of {member.name} is wrong")
    return content


def _inflated(packed: bytes, size: int) -> bytes:
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, max(size, 1))


def _members_of_tar(path: Path) -> Iterator[Member]:
    with open_regular(path) as file:
        headers = cast("IO[bytes]", _SmallReads(file, _LARGEST_HEADER, "a header"))
        with tarfile.open(fileobj=headers, mode="r:") as tar:
            for name, info in _files_of(tar, path):
                yield Member(name, info.offset_data, info.size, info.size)


def _files_of(tar: tarfile.TarFile, path: Path) -> Iterator[tuple[str, tarfile.TarInfo]]:
    for number, info in enumerate(tar):
        tar.members = []  # type: ignore[attr-defined]  # which would hold all of them
        if number >= MOST_MEMBERS:
            raise refused(path, f"it has more than {MOST_MEMBERS:,} members")
        if info.issparse():
            raise refused(path, f"{info.name} is sparse: {info.size:,} bytes of which few are there")
        if info.isdir():
            continue
        is_link = not info.isfile()
        yield _checked_name(info.name, path, is_link=is_link), info


def _checked_name(name: str, path: Path, *, is_link: bool) -> str:
    """Return a member's name, without `./` before it.

    Raises:
        DataError: it leads out of the archive, or is a link or a device.
    """
    parts = [part for part in name.replace("\\", "/").split("/") if part != "."]
    if is_link:
        raise DataError(
            f"{path}: {name[:200]} is a link (or a device), which is not followed inside an archive. If you trust "
            "the archive, unpack it and give the folder."
        )
    if ".." in parts or parts[0] == "" or parts[0].endswith(":") or "\0" in name:
        raise refused(path, f"its member {name[:200]!r} leads out of the archive")
    return "/".join(parts)


def _decompressed(path: Path, raw: IO[bytes]) -> Any:
    beginning = raw.read(6)
    raw.seek(0)
    if beginning[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=raw)
    if beginning[:3] == b"BZh":
        return bz2.BZ2File(raw)
    raise DataError(
        f"{path}: a tar file compressed in a way that is not read in place. Unpack it and give the folder, or pack it "
        "as .tar, .tar.gz or .zip."
    )


class _SmallReads:
    """A file of which no more than a limit is read at once: archives state how long their lists are."""

    def __init__(self, file: IO[bytes], most: int, what: str) -> None:
        self.file, self.most, self.what = file, most, what

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        content = self.file.read(self.most + 1 if size < 0 else min(size, self.most + 1))
        if len(content) > self.most:
            raise ValueError(f"{self.what} has more than {self.most:,} bytes")
        return content


class _Bounded:
    """The bytes of a compressed archive, of which nothing beyond LARGEST_STREAM is unpacked."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self.file, self.path = file, path

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        self._refuse_beyond(self.file.tell() + size)
        return self.file.read(size)

    def seek(self, place: int, *_: int) -> int:
        """Go on at another place."""
        self._refuse_beyond(place)
        return self.file.seek(place)

    def tell(self) -> int:
        """Return the place."""
        return self.file.tell()

    def _refuse_beyond(self, place: int) -> None:
        if place > LARGEST_STREAM:
            raise DataError(
                f"{self.path}: would unpack to more than {LARGEST_STREAM:,} bytes, and a compressed tar file must be "
                "held in memory. Unpack it and give the folder, or pack it as .tar or .zip, which are read in place."
            )


def _damaged(path: Path, reason: BaseException) -> DataError:
    if isinstance(reason, OSError) and reason.errno is not None:
        return DataError(f"{path}: cannot be read ({reason.strerror}).")
    return DataError(
        f"{path}: a damaged archive ({reason}). Download it again, or unpack what is left of it."
    )


def refused(path: Path, why: str) -> DataError:
    """Return the error for an archive that only bad intent or a broken program could have made."""
    return DataError(f"{path} is refused: {why}.")
