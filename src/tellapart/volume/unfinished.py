"""The unfinished file: a folder beside the place of the file, from which a killed job goes on.

    predictions.csv.partial/
        pictures.jsonl              the list of pictures, written first
        job.json                    what is predicted, by which model; written second: from here on there is a job
        part-0000012-3-0-1a2b3c4d   rows of chunk 12, of which 3 could not be read, 0 of them named; CRC-32
        joined, joined.json         the whole file, and its size and CRC-32, before it gets its place

Each file is written whole or not at all (`files.write_whole`), so at every moment the folder can be gone on from. The
job's file says what may be continued: rows of two models, or of other settings, never come into one file.
"""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tellapart.errors import ConfigError, SaveError
from tellapart.files import make_folder, move_files, remove_litter, write_text, write_whole
from tellapart.runs.lock import is_of_lock, locked
from tellapart.text import described
from tellapart.untrusted.regular_file import read_regular
from tellapart.volume.formats import Format

LISTING, JOB, WHOLE, JOINED = "pictures.jsonl", "job.json", "joined", "joined.json"
LARGEST_RECORD = 100_000_000
"""Bytes of a job's file."""

_PART = re.compile(r"part-(\d{7,})-(\d+)-(\d+)-([0-9a-f]{8})")
_OURS = frozenset({LISTING, JOB, WHOLE, JOINED})
_AT_ONCE = 1 << 20


class Part(NamedTuple):
    """A part that has been written."""

    path: Path
    unreadable: int
    """Its pictures that could not be read."""

    named_unreadable: int
    """Those of them that were given by their own path, not by that of a folder."""


class Joined(NamedTuple):
    """What is recorded of the whole file."""

    bytes: int
    crc32: int
    predicted: int
    unreadable: int
    named_unreadable: int


@dataclass(frozen=True, slots=True)
class Job:
    """What is predicted."""

    identity: Mapping[str, Any]
    """What must be equal for the job to go on: model, pictures, settings, versions. Words -> plain values."""

    pictures: int
    """In the list."""

    listing_crc32: int
    began: str
    """Local time."""


class Unfinished:
    """The folder of a file that is not finished."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out.with_name(f"{out.name}.partial")

    @property
    def listing(self) -> Path:
        """Place of the list of pictures."""
        return self.folder / LISTING

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder, and keep other processes out of it within the block.

        Raises:
            ConfigError: another process is at work there.
            SaveError: it cannot be made.
        """
        try:
            make_folder(self.folder)
        except OSError as reason:
            raise SaveError(
                f"{self.folder} cannot be made ({reason.strerror or reason}). Choose another place with --out."
            ) from reason
        try:
            with locked(self.folder):
                remove_litter(self.folder)
                yield
                if not (self.folder / JOB).exists():
                    self.remove()
        finally:
            self._remove_empty()

    def job(self) -> Job | None:
        """Return the job that the folder holds; None where it holds none yet.

        Raises:
            SaveError: its file is damaged.
        """
        try:
            content = read_regular(self.folder / JOB, LARGEST_RECORD)
        except FileNotFoundError:
            return None
        try:
            job = Job(**json.loads(content))
            if _crc(self.listing) != job.listing_crc32:
                raise ValueError(f"{LISTING} is damaged")
            return job
        except (OSError, ValueError, TypeError) as reason:
            raise SaveError(
                f"{self.folder} cannot be gone on from ({reason}). Delete that folder to predict all pictures anew, "
                "or choose another place with --out."
            ) from reason

    def begin(self, identity: Mapping[str, Any], pictures: int) -> Job:
        """Record a job whose list of pictures is there."""
        job = Job(identity, pictures, _crc(self.listing), time.strftime("%Y-%m-%d %H:%M:%S"))
        write_text(self.folder / JOB, json.dumps(asdict(job), indent=1))
        return job

    def refuse_other(self, job: Job, identity: Mapping[str, Any]) -> None:
        """Raise where a job is not the one that is asked for now.

        Raises:
            ConfigError: it differs in something.
        """
        differing = [name for name in {**job.identity, **identity} if _differ(job.identity, identity, name)]
        if not differing:
            return
        told = "; ".join(
            f"{name}: then {described(job.identity.get(name))}, now {described(identity.get(name))}"
            for name in differing
        )
        raise ConfigError(
            f"{self.folder} holds a part of {self.out.name}, begun {job.began} otherwise. {told}. To go on with it, "
            f"run the command as it was then; to begin anew, delete {self.folder} or choose another place with --out."
        )

    def parts(self) -> dict[int, Part]:
        """Return the parts that are there: chunk -> part. A damaged one is removed, to be made again."""
        found = {}
        for path in self.folder.iterdir():
            if match := _PART.fullmatch(path.name):
                if _crc(path) == int(match[4], 16):
                    found[int(match[1])] = Part(path, int(match[2]), int(match[3]))
                else:
                    path.unlink()
        return found

    def write_part(self, chunk: int, content: bytes, unreadable: int, named_unreadable: int) -> Part:
        """Write the rows of a chunk.

        Raises:
            SaveError: there is no room; what was written before stays.
        """
        name = f"part-{chunk:07d}-{unreadable}-{named_unreadable}-{zlib.crc32(content):08x}"
        write_whole(self.folder / name, lambda place: _write_bytes(place, content))
        return Part(self.folder / name, unreadable, named_unreadable)

    def join(self, form: Format, parts: Sequence[Part], pictures: int) -> None:
        """Put the whole file in its place; the parts stay until `remove`.

        Raises:
            SaveError: there is no room.
        """
        whole = self.folder / WHOLE
        write_whole(whole, lambda place: form.join([part.path for part in parts], place))
        unreadable = sum(part.unreadable for part in parts)
        named = sum(part.named_unreadable for part in parts)
        record = Joined(whole.stat().st_size, _crc(whole), pictures - unreadable, unreadable, named)
        write_text(self.folder / JOINED, json.dumps(record._asdict()))
        move_files([(whole, self.out)])

    def joined(self) -> Joined | None:
        """Return the record of the file in its place; None where that file was not joined from here."""
        with suppress(OSError, ValueError, TypeError):
            record = Joined(**json.loads(read_regular(self.folder / JOINED, 1000)))
            if (self.out.stat().st_size, _crc(self.out)) == (record.bytes, record.crc32):
                return record
        return None

    def remove(self) -> None:
        """Remove all of a job but the lock; last the record by which `joined` knows the file. What others put into the
        folder stays.
        """
        ours = [
            place for place in self.folder.iterdir() if place.name in _OURS or _PART.fullmatch(place.name)
        ]
        for place in sorted(ours, key=lambda place: place.name == JOINED):
            place.unlink()

    def _remove_empty(self) -> None:
        """Remove the folder where it holds nothing but a lock that nobody holds."""
        with suppress(OSError):
            places = list(self.folder.iterdir())
            if all(map(is_of_lock, places)):
                for place in places:
                    place.unlink()
                self.folder.rmdir()


def _differ(then: Mapping[str, Any], now: Mapping[str, Any], name: str) -> bool:
    return then.get(name) != now.get(name)


def _write_bytes(place: Path, content: bytes) -> None:
    place.write_bytes(content)


def _crc(path: Path) -> int:
    total = 0
    with path.open("rb") as content:
        while piece := content.read(_AT_ONCE):
            total = zlib.crc32(piece, total)
    return total
