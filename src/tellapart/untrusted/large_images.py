"""Large images one at a time: small files may be large images, and there may be a thread for each core."""

import ctypes
import platform
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

LARGE_PIXELS = 24_000_000
"""Height times width; cameras' photos have fewer."""

_one_large_image = threading.Lock()
_thread = threading.local()


@contextmanager
def large_images_alone() -> Iterator[None]:
    """Within the block, this thread decodes a large image only while no other thread has one.

    Which it has until its own block ends, so that at most one lies in memory.
    """
    with ExitStack() as until_the_end:
        _thread.until_the_end = until_the_end
        try:
            yield
        finally:
            _thread.until_the_end = None


def wait_until_alone(pixels: int) -> None:
    """Wait, within such a block, until an image of this height times width may be decoded."""
    until_the_end = getattr(_thread, "until_the_end", None)
    if until_the_end is not None and pixels > LARGE_PIXELS:
        until_the_end.enter_context(_one_large_image)
        until_the_end.callback(_return_freed_memory)


def _return_freed_memory() -> None:
    """Return what glibc keeps for this thread alone: a Pillow image's pieces are too small to be mapped."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
