"""One job: pictures of files and folders into one file of predictions, whatever happens on the way."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from math import prod
from pathlib import Path
from typing import Any

from tellapart import __version__
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.prediction import Prediction
from tellapart.data.reading_notes import ReadingNote, UnreadableImage
from tellapart.errors import ConfigError, DataError
from tellapart.pages.card import Readable
from tellapart.runtime.precision import resolve_checked
from tellapart.text import counted
from tellapart.volume.columns import Columns
from tellapart.volume.formats import Format, format_of
from tellapart.volume.listing import Listing, read_listing, write_listing
from tellapart.volume.model_identity import model_digest
from tellapart.volume.pipeline import AnsweredChunk, Asking, Chunk, answered, available_cores
from tellapart.volume.unfinished import Job, Part, Unfinished

PICTURES_AT_ONCE = 500
"""Of a chunk, at most: those that `predict` gives the network together, so that both give the same numbers."""

BYTES_AT_ONCE = 200 << 20
"""Of a chunk's pixels, at most."""

MOST_NAMED = 100
"""Paths that a job's record lists one by one."""

KINDS_OF_NOTES = 100
"""Kinds of notes on how pictures were read that are kept, one picture of each."""


@dataclass(frozen=True, slots=True)
class PredictionFile(Readable):
    """A file of predictions that has been written."""

    path: Path
    predicted: int
    """Pictures with a prediction."""

    unreadable: int
    """Pictures that could not be read; their rows say why."""

    continued_from: int
    """Pictures that an earlier call, which was stopped, had done."""

    lacks_named: bool = False
    """Whether a picture that was given by its own path could not be read."""

    notes: tuple[ReadingNote, ...] = ()
    """How pictures were read whose files do not define their levels: one of each kind, of this call."""

    def _parts(self) -> list[str]:
        failed = [f"{self.unreadable:,} could not be read"] if self.unreadable else []
        return [f"{counted(self.predicted, 'prediction')} in {self.path}", *failed]

    def exit_code(self) -> int:
        """Return that of bad data where a file named by itself could not be read, or none could; otherwise 0."""
        return DataError.exit_code if self.lacks_named or not self.predicted else 0


@dataclass(frozen=True, slots=True)
class Reports:
    """Who hears how a job goes on."""

    found: Callable[[int], None] = lambda _: None
    """Called with the pictures found so far, while they are listed."""

    listed: Callable[[Listing], None] = lambda _: None
    """Called once the pictures of a new job are listed."""

    done: Callable[[int, int], None] = lambda _done, _total: None
    """Called with (pictures whose rows are safe on the disk, pictures in all)."""

    notice: Callable[[str], None] = lambda _: None
    """Called with a sentence, without its full stop, that people want to know beforehand."""


def predict_into(
    asking: Asking,
    paths: Sequence[Path],
    out: Path,
    workers: int | None = None,
    reports: Reports | None = None,
) -> PredictionFile:
    """Predict pictures into a file; where a call with the same arguments was stopped, go on from there.

    The finished file is byte for byte that of a job that was never stopped, on the same machine with as many threads.

    Args:
        asking: the classifier, and what is wanted of it.
        paths: of picture files and folders; those in folders are listed once, when the job begins.
        out: the file to write, ending in one of `formats.FORMATS`.
        workers: threads that decode. Default: one for each core.
        reports: hears how it goes on.

    Raises:
        ConfigError: `out` exists, or is partly done with another model or other settings; `workers` is out of range.
        DataError: a folder without pictures.
        MissingExtraError: parquet, and pyarrow is not installed.
        SaveError: there is no room; the same call goes on once there is.
    """
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise ConfigError(f"workers is a number of threads that decode, 1 or more; got {workers!r}.")
    form = format_of(out)(Columns.of(asking.classifier, asking.top))
    unfinished, reports = Unfinished(out), reports or Reports()
    if out.exists() and not unfinished.folder.exists():
        raise ConfigError(_taken(out))
    with unfinished.held():
        identity = _identity(asking, paths)
        job = unfinished.job()
        if out.exists():
            return _already_joined(unfinished, job, identity)
        if job is None:
            job = _begun(unfinished, paths, identity, reports)
        else:
            unfinished.refuse_other(job, identity)
        work = _Work(asking, form, unfinished, job, frozenset(_named(paths)), reports)
        work.do(workers or available_cores())
        if out.exists():  # meanwhile, by somebody else
            raise ConfigError(_taken(out))
        unfinished.join(form, work.in_order, job.pictures)
        unfinished.remove()
    return work.result()


def _taken(out: Path) -> str:
    return f"{out} already exists and is not overwritten. Choose another --out FILE."


def _already_joined(unfinished: Unfinished, job: Job | None, identity: Mapping[str, Any]) -> PredictionFile:
    """Clean up behind a job that was killed when its file had just got its place.

    Raises:
        ConfigError: the file is of another job.
    """
    joined = unfinished.joined()
    if joined is None or (job is not None and job.identity != identity):
        raise ConfigError(_taken(unfinished.out))
    unfinished.remove()
    pictures = joined.predicted + joined.unreadable
    return PredictionFile(
        unfinished.out, joined.predicted, joined.unreadable, pictures, bool(joined.named_unreadable)
    )


def _begun(unfinished: Unfinished, paths: Sequence[Path], identity: dict[str, Any], reports: Reports) -> Job:
    """List the pictures and record the job."""
    unfinished.remove()
    listing = write_listing(unfinished.listing, paths, unfinished.folder, reports.found)
    reports.listed(listing)
    return unfinished.begin(identity, listing.pictures)


def _named(paths: Sequence[Path]) -> Iterator[str]:
    """Yield the paths that are no folders."""
    return (str(path) for path in paths if not path.is_dir())


def _identity(asking: Asking, paths: Sequence[Path]) -> dict[str, Any]:
    """Return all that the rows depend on, in words for messages."""
    names = [str(path) for path in paths]
    relative = any(not path.is_absolute() for path in paths)
    return {
        "model": model_digest(asking.classifier),
        "pictures": names if len(names) <= MOST_NAMED else _digest_of(names),
        "current folder": os.getcwd() if relative else None,
        "--top": asking.top,
        "--precision": resolve_checked(asking.precision),
        "tellapart": __version__,
        "torch": metadata.version("torch"),
        "pictures at once": _at_once(asking.classifier),
    }


def _digest_of(names: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update(name.encode("utf-8", "surrogateescape") + b"\0")
    return f"{len(names):,}, sha256 {digest.hexdigest()}"


def _at_once(classifier: Classifier) -> int:
    return max(1, min(PICTURES_AT_ONCE, BYTES_AT_ONCE // prod(classifier.card.preprocessing.shape)))


class _Work:
    """The part of a job that is left to do."""

    def __init__(
        self,
        asking: Asking,
        form: Format,
        unfinished: Unfinished,
        job: Job,
        named: frozenset[str],
        reports: Reports,
    ) -> None:
        self.asking, self.form, self.unfinished, self.job = asking, form, unfinished, job
        self.named, self.reports = named, reports
        self.at_once = _at_once(asking.classifier)
        self.parts = unfinished.parts()
        self.notes: dict[str, ReadingNote] = {}
        self.done = sum(min(self.at_once, job.pictures - number * self.at_once) for number in self.parts)
        self.continued_from = self.done

    def do(self, workers: int) -> None:
        """Predict the chunks that have no part yet; rows are written while the next ones are predicted."""
        if self.parts:
            began = f"of {self.job.pictures:,} pictures, as listed {self.job.began}"
            self.reports.notice(f"Going on after {self.continued_from:,} {began}")
        self.reports.done(self.continued_from, self.job.pictures)
        listed = enumerate(read_listing(self.unfinished.listing, self.at_once))
        chunks = (Chunk(number, paths) for number, paths in listed if number not in self.parts)
        try:
            with closing(answered(self.asking, chunks, workers)) as answers, ThreadPoolExecutor(1) as writing:
                pending: Future[None] | None = None
                for each in answers:
                    self._wait(pending)
                    pending = writing.submit(self._write, each)
                self._wait(pending)
        finally:  # also where it is stopped: a part may have been written meanwhile
            self.reports.done(self.done, self.job.pictures)

    def _wait(self, pending: Future[None] | None) -> None:
        if pending is not None:
            pending.result()
            self.reports.done(self.done, self.job.pictures)

    def _write(self, each: AnsweredChunk) -> None:
        unreadable = [answer.id for answer in each.answers if isinstance(answer, UnreadableImage)]
        named = len(self.named.intersection(unreadable))
        content = self.form.part(each.answers)
        self.parts[each.chunk.number] = self.unfinished.write_part(
            each.chunk.number, content, len(unreadable), named
        )
        self.done += len(each.answers)
        for answer in each.answers:
            if isinstance(answer, Prediction) and answer.note and len(self.notes) < KINDS_OF_NOTES:
                self.notes.setdefault(answer.note, ReadingNote(answer.picture, answer.note))

    @property
    def in_order(self) -> list[Part]:
        """The parts of all chunks."""
        return [self.parts[number] for number in sorted(self.parts)]

    def result(self) -> PredictionFile:
        """Return what was written."""
        unreadable = sum(part.unreadable for part in self.parts.values())
        return PredictionFile(
            self.unfinished.out,
            self.job.pictures - unreadable,
            unreadable,
            self.continued_from,
            any(part.named_unreadable for part in self.parts.values()),
            tuple(self.notes.values()),
        )
