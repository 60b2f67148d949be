"""Keras's own downloads: their progress, and their failures as ours.

Keras fetches the weights of its applications itself, checks them and keeps them; it prints to stdout, which is for
results, and fails with exceptions of many kinds.
"""

import contextlib
import http.client
import io
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

from tellapart.errors import DownloadError, TellapartError
from tellapart.events import Progress

SECONDS_BETWEEN_LOOKS = 0.2


@contextlib.contextmanager
def fetching(name: str, file: Path, parameters: int, progress: Progress | None = None) -> Iterator[None]:
    """Let Keras fetch and load weights within the block.

    Args:
        name: of the network, for messages.
        file: where Keras keeps the weights.
        parameters: how many numbers of four bytes they are.
        progress: called with (bytes there, bytes in all).

    Raises:
        DownloadError: they could not be fetched, or arrived damaged.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()), _watched(file, 4 * parameters, progress):
            yield
    except TellapartError:
        raise
    except Exception as reason:
        if not _is_of_download(reason):
            raise
        raise DownloadError(
            f"The weights of {name} could not be downloaded: {_in_words(reason)}. Without network, give a file that "
            f"you have, --backbone {name}=FILE.h5, or put it at {file}; or leave out --backbone: lite0 is installed."
        ) from reason


def _is_of_download(reason: Exception) -> bool:
    """Return whether Keras or h5py raised this because of what arrived, or because nothing did."""
    is_network = isinstance(reason, OSError | http.client.HTTPException)
    return is_network or type(reason) is Exception or "corrupted" in str(reason)


def _in_words(reason: Exception) -> str:
    text = " ".join(str(reason).split()).removeprefix("URL fetch failure on ").replace(": None -- ", ": ")
    return text.rstrip(".") or type(reason).__name__


@contextlib.contextmanager
def _watched(file: Path, size: int, progress: Progress | None) -> Iterator[None]:
    """Report how a file grows within the block; nothing where it is there already."""
    if progress is None or file.exists():
        yield
        return
    done = Event()

    def watch() -> None:
        while not done.wait(SECONDS_BETWEEN_LOOKS):
            if file.exists():
                progress(min(file.stat().st_size, size), size)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
