"""Places: bytes of files by address, on this machine, on web servers, and wherever fsspec reaches.

A range of a file is read at a time, tried again where a network fails. `PLACES` says who reads which protocol.
"""

from __future__ import annotations

import glob
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tellapart import __version__
from tellapart.errors import DataError, MissingExtraError, TellapartError
from tellapart.untrusted.regular_file import open_regular

WAITS_SECONDS = (0.2, 1.0, 3.0)
"""Before each further attempt to read over a network."""

TIMEOUT_SECONDS = 10
"""Without a byte from a web server: all attempts end before the other processes of a training give up."""

EXTRA_OF = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
    "az": ("adlfs", "azure"),
    "abfs": ("adlfs", "azure"),
    "abfss": ("adlfs", "azure"),
}
"""Protocol -> the package that reads it, and the extra that installs it."""


class FileState(NamedTuple):
    """A file as it is now."""

    size: int
    stamp: str
    """Differs once the file was written anew, where its place tells."""


class Place(Protocol):
    """Reads files of one protocol; used from several threads. What fails raises OSError."""

    def state(self, address: str) -> FileState:
        """Return a file's size and state."""
        ...

    def read(self, address: str, start: int, stop: int) -> bytes:
        """Return the bytes from `start` to `stop`, fewer where the file ends before."""
        ...

    def matching(self, pattern: str) -> list[str]:
        """Return the addresses of files that a pattern with `*`, `?` or `[...]` means."""
        ...


class LocalPlace:
    """Files of this machine, by path or `file://` address."""

    def state(self, address: str) -> FileState:
        """Return a file's size, and when it was written."""
        state = os.stat(local_path(address))
        return FileState(state.st_size, str(state.st_mtime_ns))

    def read(self, address: str, start: int, stop: int) -> bytes:
        """Return a range of a file."""
        with open_regular(local_path(address)) as file:
            file.seek(start)
            return file.read(stop - start)

    def matching(self, pattern: str) -> list[str]:
        """Return paths."""
        prefix = "file://" if pattern.startswith("file://") else ""
        return [prefix + Path(path).as_posix() for path in glob.glob(str(local_path(pattern)))]


class WebPlace:
    """Files of http and https servers that know ranges."""

    def state(self, address: str) -> FileState:
        """Ask for a file's size and version."""
        with self._response(address, {}, "HEAD") as response:
            size = response.headers.get("Content-Length")
            if size is None:
                raise OSError("the server does not say how large it is")
            stamp = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
            return FileState(int(size), stamp)

    def read(self, address: str, start: int, stop: int) -> bytes:
        """Ask for a range of a file."""
        if stop <= start:
            return b""
        with self._response(address, {"Range": f"bytes={start}-{stop - 1}"}, "GET") as response:
            if response.status != 206 or not response.headers.get("Content-Range", "").startswith(
                f"bytes {start}-"
            ):
                raise _UnfitError("the server sends whole files only (it does not know the Range header)")
            content: bytes = response.read(stop - start)
        return content

    def matching(self, pattern: str) -> list[str]:
        """Refuse: web servers list no files."""
        raise DataError(
            f"{pattern}: a web server lists no files. Give names in braces, such as train-{{000000..000099}}.tar, or "
            "the folder of a shards.json."
        )

    def _response(self, address: str, headers: dict[str, str], method: str) -> Any:
        headers = {"User-Agent": f"tellapart/{__version__}", "Accept-Encoding": "identity", **headers}
        request = urllib.request.Request(address, headers=headers, method=method)
        try:
            return urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
        except urllib.error.HTTPError as reason:
            kind = OSError if reason.code >= 500 or reason.code == 429 else _UnfitError
            raise kind(f"HTTP {reason.code} {reason.reason}") from None
        except ValueError as reason:
            raise _UnfitError(str(reason)) from None


class StorePlace:
    """Files of an object store, or of whatever else fsspec reads."""

    def __init__(self, protocol: str) -> None:
        """Find the package.

        Raises:
            MissingExtraError: it is not installed.
            DataError: fsspec knows no such protocol.
        """
        import fsspec

        package, extra = EXTRA_OF.get(protocol, ("", ""))
        try:
            self.system: Any = fsspec.filesystem(protocol)
        except ImportError as reason:
            if package:
                raise MissingExtraError(package, extra, f"Reading {protocol}://") from None
            raise DataError(f"{protocol}:// cannot be read here: {reason}.") from None
        except ValueError as reason:
            raise DataError(f"{protocol}:// is no protocol that fsspec knows ({reason}).") from None

    def state(self, address: str) -> FileState:
        """Return a file's size and version."""
        facts = self.system.info(address)
        stamps = (facts.get(name) for name in ("ETag", "etag", "md5Hash", "LastModified", "mtime", "created"))
        return FileState(int(facts["size"]), next((str(stamp) for stamp in stamps if stamp is not None), ""))

    def read(self, address: str, start: int, stop: int) -> bytes:
        """Return a range of a file."""
        content: bytes = self.system.cat_file(address, start=start, end=stop)
        return content

    def matching(self, pattern: str) -> list[str]:
        """Return addresses."""
        return [self.system.unstrip_protocol(path) for path in self.system.glob(pattern)]


class _UnfitError(OSError):
    """No further attempt would help."""


PLACES: dict[str, Callable[[], Place]] = {
    "": LocalPlace,
    "file": LocalPlace,
    "http": WebPlace,
    "https": WebPlace,
}
"""Protocol -> who reads it; others go to fsspec."""

_opened: dict[str, Place] = {}


def protocol_of(address: str) -> str:
    """Return the protocol of an address, lower case; empty for a path."""
    head, sign, _ = address.partition("://")
    return head.lower() if sign and head.isalnum() else ""


def place_of(address: str) -> Place:
    """Return who reads an address.

    Raises:
        MissingExtraError: an optional package is missing.
        DataError: nobody reads this protocol.
    """
    protocol = protocol_of(address)
    if protocol not in _opened:
        _opened[protocol] = PLACES[protocol]() if protocol in PLACES else StorePlace(protocol)
    return _opened[protocol]


def state_of(address: str) -> FileState:
    """Return a file's size and state.

    Raises:
        OSError: it cannot be read, after all attempts.
    """
    state: FileState = _attempted(address, lambda place: place.state(address))
    return state


def read_range(address: str, start: int, stop: int) -> bytes:
    """Return the bytes of a file from `start` to `stop`, fewer where it ends before.

    Raises:
        OSError: it cannot be read, after all attempts.
    """
    content: bytes = _attempted(address, lambda place: place.read(address, start, stop))
    return content


def matching(pattern: str) -> list[str]:
    """Return the addresses of files that a pattern with wildcards means.

    Raises:
        OSError: its folder cannot be read, after all attempts.
        DataError: it lies on a web server, which lists no files.
    """
    found: list[str] = _attempted(pattern, lambda place: place.matching(pattern))
    return found


def _attempted(address: str, ask: Callable[[Place], Any]) -> Any:
    place = place_of(address)
    waits = () if isinstance(place, LocalPlace) else WAITS_SECONDS
    for wait in (*waits, None):
        try:
            return ask(place)
        except (FileNotFoundError, PermissionError, IsADirectoryError, _UnfitError, TellapartError):
            raise
        except Exception as reason:  # each store's package has errors of its own
            if wait is None:
                words = getattr(reason, "reason", None) or getattr(reason, "strerror", None) or reason
                raise OSError(f"{words or type(reason).__name__}{_after(waits)}") from reason
        time.sleep(wait)
    raise AssertionError("unreachable")


def _after(waits: tuple[float, ...]) -> str:
    return f", in {len(waits) + 1} attempts" if waits else ""


def local_path(address: str) -> Path:
    """Return the path of an address on this machine."""
    return Path(os.path.expanduser(address.removeprefix("file://")))


def folder_and_name(address: str) -> tuple[str, str]:
    """Return the address of a file's folder, without a slash at its end, and the file's name."""
    folder, _, name = address.rpartition("/")
    return folder, name


def in_folder(folder: str, name: str) -> str:
    """Return the address of a file in a folder."""
    return f"{folder.rstrip('/')}/{name}"
