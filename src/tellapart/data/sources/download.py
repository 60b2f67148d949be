"""One file from the network to its place: part file, resume, checksum, rename.

The final name appears only once every byte is there and the checksum agrees. What an interruption leaves is
a `.part` file, which the next attempt continues.

Knows nothing of data sets, only of addresses, a size and a checksum.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import BinaryIO

from tellapart.errors import DownloadError
from tellapart.events import Progress
from tellapart.files import sync_folder

_CHUNK_BYTES = 1 << 18
_ATTEMPTS_PER_URL = 3
"""A connection that broke after some bytes is tried again at the same address."""


class _FailedError(Exception):
    """One address did not give the file; the message is the reason. `again`: whether a retry may help."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again


def download(
    urls: Sequence[str],
    *,
    sha256: str,
    size: int,
    destination: str | os.PathLike[str],
    progress: Progress | None = None,
    timeout_seconds: float = 30,
) -> Path:
    """Fetch one file from the first address that gives it whole.

    Args:
        urls: http or https addresses of the same bytes, in the order to try them.
        sha256: of the whole file, hexadecimal.
        size: of the whole file, bytes.
        destination: the file's final path; folders above it are made. A file with the right bytes is kept.
        progress: called with (bytes done, bytes in all), the bytes of a continued part included.
        timeout_seconds: without a byte before an address counts as failed.

    Returns:
        `destination`.

    Raises:
        DownloadError: no address gave the right bytes, or the disk is full; it lists each address with its
            reason, and the next step.
    """
    destination = Path(destination)
    part = destination.with_name(destination.name + ".part")
    if destination.is_file() and destination.stat().st_size == size and _sha256(destination) == sha256:
        return destination
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise DownloadError(
            f"{destination.parent}: cannot be written ({reason.strerror or reason})."
        ) from reason
    _check_room(part, size)
    reasons = []
    for url in urls:
        try:
            _from_one_address(url, part, sha256, size, progress, timeout_seconds)
        except _FailedError as failed:
            reasons.append(f"  {url}\n    {failed}")
            continue
        os.replace(part, destination)
        sync_folder(destination.parent)
        return destination
    raise DownloadError(
        f"{destination.name}: the download failed.\n"
        + "\n".join(reasons)
        + f"\nTry again later; or fetch it by hand ({size:,} bytes, sha256 {sha256})\n"
        f"and put it at {destination}, or set TELLAPART_DATA to the folder that holds it."
    )


def _from_one_address(
    url: str, part: Path, sha256: str, size: int, progress: Progress | None, timeout_seconds: float
) -> None:
    """Fill and check the part file.

    Raises:
        _FailedError: this address cannot.
    """
    for attempt in range(1, _ATTEMPTS_PER_URL + 1):
        continued_from = _bytes_in(part)
        try:
            if continued_from != size:
                _fill(url, part, size, progress, timeout_seconds)
            _check(part, sha256)
        except _FailedError as failed:
            got_further = _bytes_in(part) > continued_from
            # Wrong bytes may come from the part that another address began: worth one try from the start.
            if attempt < _ATTEMPTS_PER_URL and failed.again and (got_further or continued_from):
                continue
            raise
        return


def _fill(url: str, part: Path, size: int, progress: Progress | None, timeout_seconds: float) -> None:
    """Append to the part file until it has `size` bytes."""
    if _bytes_in(part) > size:
        part.unlink()
    start = _bytes_in(part)
    headers = {"User-Agent": f"tellapart/{metadata.version('tellapart')}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    if not url.startswith(("http://", "https://")):
        raise _FailedError("not an http or https address")
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=timeout_seconds
        ) as response:
            if start and not _continues_at(response, start):
                start = 0  # The server sends the whole file: begin again.
            offered = int(response.headers.get("Content-Length") or size - start) + start
            if offered != size:  # Another file, or a login page: not worth a byte.
                raise _FailedError(f"the file there has {offered:,} bytes, not {size:,}")
            with open(part, "ab" if start else "wb") as file:
                _copy(response, file, start, size, progress)
                file.flush()
                os.fsync(file.fileno())
    except urllib.error.HTTPError as reason:
        if reason.code == 416 and start:  # Range not satisfiable: what is here does not fit what is there.
            part.unlink()
            raise _FailedError("the server refused to continue the file (HTTP 416)", again=True) from None
        raise _FailedError(f"HTTP {reason.code} {reason.reason}") from None
    except (OSError, http.client.HTTPException) as reason:
        if isinstance(reason, OSError) and reason.errno in (errno.ENOSPC, errno.EDQUOT):
            part.unlink(missing_ok=True)
            raise DownloadError(
                f"{part.parent}: the disk is full; {part.name} was removed. Make room."
            ) from reason
        words = getattr(reason, "reason", None) or str(reason) or type(reason).__name__
        raise _FailedError(f"the connection failed: {words}", again=True) from None
    if (got := _bytes_in(part)) != size:
        raise _FailedError(f"the connection closed after {got:,} of {size:,} bytes", again=True)


def _continues_at(response: http.client.HTTPResponse, start: int) -> bool:
    """Return whether the server honored the Range header, from exactly that byte."""
    content_range = response.headers.get("Content-Range", "")
    return response.status == 206 and content_range.startswith(f"bytes {start}-")


def _copy(
    response: http.client.HTTPResponse, file: BinaryIO, done: int, size: int, progress: Progress | None
) -> None:
    while chunk := response.read(_CHUNK_BYTES):
        done += len(chunk)
        if done > size:
            file.truncate(0)
            raise _FailedError(f"the file there is larger than the {size:,} bytes it should have")
        file.write(chunk)
        if progress is not None:
            progress(done, size)


def _check(part: Path, sha256: str) -> None:
    actual = _sha256(part)
    if actual != sha256:
        part.unlink()
        raise _FailedError(
            f"wrong checksum: sha256 {actual}, expected {sha256}. What arrived was deleted", again=True
        )


def _check_room(part: Path, size: int) -> None:
    needed = size - _bytes_in(part)
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise DownloadError(
            f"{part.parent}: {needed:,} bytes are needed and {free:,} are free. Make room, or set "
            "XDG_CACHE_HOME to a folder on a larger disk."
        )


def _bytes_in(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
