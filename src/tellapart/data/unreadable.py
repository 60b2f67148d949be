"""What the system will not let us read is bad data, and said as such: the path, the reason, the next step."""

from collections.abc import Iterator
from contextlib import contextmanager

from tellapart.errors import DataError, TellapartError


@contextmanager
def unreadable_is_bad_data(place: object) -> Iterator[None]:
    """Turn the system's refusals into DataError; what tellapart itself raises passes.

    Args:
        place: to name where the system names no path.
    """
    try:
        yield
    except TellapartError:
        raise
    except OSError as reason:
        raise DataError(
            f"{reason.filename or place}: cannot be read ({reason.strerror or reason}). Give yourself the "
            "right to read it and to enter the folders above it, or give another path."
        ) from reason
