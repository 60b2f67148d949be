"""Which start of several processes a run folder belongs to, so that processes that are started again go on with it."""

import os
import platform
from contextlib import suppress
from pathlib import Path

import psutil

from tellapart.files import write_text
from tellapart.runs.folder import RunFolder
from tellapart.untrusted.regular_file import read_regular

LAUNCH = ".launch"
"""The file in a run folder that holds `launch_id`."""


def launch_id() -> str | None:
    """Return what all processes that one `torchrun` starts have in common, those that it starts again too.

    None where this process is alone.
    """
    if "MASTER_ADDR" not in os.environ:
        return None
    given = os.environ.get("TORCHELASTIC_RUN_ID", "none")
    if given != "none":
        return given
    with suppress(psutil.Error):
        parent = psutil.Process(os.getppid())
        return f"{platform.node()}-{parent.pid}-{parent.create_time()}"
    return None


def note_launch(folder: RunFolder) -> None:
    """Remember in a run folder which start of processes made it.

    Raises:
        SaveError: the disk is full.
    """
    if (launch := launch_id()) is not None:
        write_text(folder.path / LAUNCH, launch)


def forget_launch(folder: Path) -> None:
    """Let a run that ended, or was stopped on purpose, belong to no start of processes any more."""
    with suppress(OSError):
        (folder / LAUNCH).unlink()


def begun_by_this_launch(out: str | Path | None) -> RunFolder | None:
    """Return the run folder that this start of processes made before one of them ended; None: there is none.

    Args:
        out: the folder that is asked for; None: a dated one under `runs/`.
    """
    launch = launch_id()
    places = [Path(out)] if out is not None else sorted(Path("runs").glob("*"), reverse=True)
    for place in places if launch is not None else ():
        with suppress(OSError):
            if read_regular(place / LAUNCH, 1000).decode() == launch:
                return RunFolder(place)
    return None
