"""The folder of a tuning: what is searched, the store, and a run folder for each trial.

    tuning.toml    data, space, the untuned recipe's settings, and where the trials are stored
    study.db       the trials, by default
    trials/000     the run folder of each trial; 000 is that of the untuned recipe
    workers/       a locked folder for each process that is at work
    tuning.html    the page

Processes agree by the lock of this folder: who holds it may take the next trial.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.errors import ConfigError, DataError, SaveError
from tellapart.files import make_folder
from tellapart.pages.card import Readable
from tellapart.paths import in_which_folder, similar_paths
from tellapart.runs.sealed_settings import read_sealed, write_sealed
from tellapart.text import described, file_name

SETTINGS = "tuning.toml"

TUNINGS = "tunings"
"""Where tunings lie by default."""

SECONDS_TO_WAIT = 300.0
"""For the lock; another process holds it for a moment, or while it scores the test pictures."""


@dataclass(frozen=True, slots=True)
class TuningFolder(Readable):
    """Paths of one tuning."""

    path: Path

    def _parts(self) -> list[str]:
        return [str(self.path)]

    @property
    def exists(self) -> bool:
        """Whether a tuning was begun here."""
        return (self.path / SETTINGS).is_file()

    @property
    def page(self) -> Path:
        """The page."""
        return self.path / "tuning.html"

    @property
    def database(self) -> Path:
        """Where the trials are stored by default."""
        return self.path / "study.db"

    @property
    def workers(self) -> Path:
        """A folder for each process at work."""
        return self.path / "workers"

    def trial(self, number: int) -> Path:
        """Return the run folder of a trial."""
        return self.path / "trials" / f"{number:03d}"

    def read(self) -> dict[str, Any]:
        """Return tuning.toml.

        Raises:
            ConfigError: it is damaged.
        """
        return read_sealed(self.path / SETTINGS)

    def write(self, settings: Mapping[str, Any]) -> None:
        """Write tuning.toml.

        Raises:
            SaveError: it could not be written.
        """
        write_sealed(self.path / SETTINGS, settings)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the folder in this block; the system lets go of it when the process ends, however it ends.

        Raises:
            ConfigError: another process held it all the time.
            SaveError: no file can be written there.
        """
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.path / ".lock", timeout=SECONDS_TO_WAIT):
                yield
        except Timeout as reason:
            raise ConfigError(
                f"{self.path} has been in use by another process for {SECONDS_TO_WAIT:.0f} seconds. Wait for its end, "
                "and run the command again."
            ) from reason
        except PermissionError as reason:
            raise SaveError(
                f"{self.path} cannot be locked ({reason.strerror}). Make the folder writable."
            ) from reason


def folder_to_begin(out: str | Path | None, data_name: str, recipe: str) -> TuningFolder:
    """Make the folder of a new tuning: `out`, or a dated one in TUNINGS.

    Raises:
        SaveError: it cannot be created.
    """
    name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{file_name(data_name)}-{recipe}"
    path = Path(TUNINGS) / name if out is None else Path(out)
    try:
        make_folder(path)
    except OSError as reason:
        raise SaveError(
            f"{path} cannot be created ({reason.strerror or reason}). Choose another folder with --out."
        ) from reason
    return TuningFolder(path)


def refuse_other_folder(out: Any) -> None:
    """Refuse a folder for a new tuning that holds something else.

    Raises:
        ConfigError: it does, or is no path.
    """
    if out is None:
        return
    if not isinstance(out, str | Path) or not str(out):
        raise ConfigError(f"out is the path of the tuning's folder; got {described(out)}.")
    path = Path(out)
    taken = path.exists() and not (path.is_dir() and _is_of_tuning(path))
    if taken:
        raise ConfigError(
            f"{path} already exists and holds something else than a tuning. Choose another --out."
        )


def _is_of_tuning(path: Path) -> bool:
    return (path / SETTINGS).is_file() or all(place.name.startswith(".") for place in path.iterdir())


def existing_tuning(path: Any) -> TuningFolder:
    """Return the folder of a tuning that was begun.

    Raises:
        ConfigError: this is no path, or no tuning was begun there.
        DataError: there is no such folder.
    """
    if not isinstance(path, str | Path) or not str(path):
        raise ConfigError(f"A tuning is given by its folder; got {described(path)}.")
    folder = TuningFolder(Path(path))
    if not folder.path.is_dir():
        similar = similar_paths(folder.path)
        advice = f" Did you mean {similar[0]}?" if similar else " `tellapart tune DATA` makes one."
        raise DataError(f"{path}: no such folder{in_which_folder(folder.path)}.{advice}")
    if not folder.exists:
        raise ConfigError(f"{path} holds no tuning: it has no {SETTINGS}. `tellapart tune DATA` makes one.")
    return folder
