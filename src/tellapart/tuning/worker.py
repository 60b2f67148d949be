"""Worker: a process that takes trials, known to be alive by a lock that the system lets go of when it ends."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tellapart.errors import ConfigError
from tellapart.files import make_folder
from tellapart.runs.lock import locked, refuse_held
from tellapart.tuning.folder import TuningFolder


@contextmanager
def at_work(folder: TuningFolder) -> Iterator[str]:
    """Be a worker in this block; yields its name."""
    name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
    place = folder.workers / name
    with ExitStack() as held:
        with folder.locked():
            make_folder(place)
            held.enter_context(locked(place))
        held.callback(shutil.rmtree, place, ignore_errors=True)
        yield name


def is_alive(folder: TuningFolder, name: str | None) -> bool:
    """Return whether a worker is at work; what a killed one left is removed. Asked under the folder's lock.

    Args:
        folder: of the tuning.
        name: of the worker; None: it was killed before it could write its name down.
    """
    place = folder.workers / str(name)
    if name is None or not place.is_dir():
        return False
    try:
        refuse_held(place)
    except ConfigError:
        return True
    shutil.rmtree(place, ignore_errors=True)
    return False
