"""Little memory: what a library allocates for a file from a stranger, before it can be asked how much that is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

_one_at_a_time = Lock()


@contextmanager
def little_memory(most_bytes: int) -> Iterator[None]:
    """Let the process take no more memory than it has and `most_bytes`, within the block, on Linux.

    It holds for all threads, so keep the block to one call that takes microseconds.

    Args:
        most_bytes: beyond the memory addressed at the beginning.
    """
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        yield
        return
    with _one_at_a_time:
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = pages * resource.getpagesize() + most_bytes
        resource.setrlimit(
            resource.RLIMIT_AS, (most if soft == resource.RLIM_INFINITY else min(most, soft), hard)
        )
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
