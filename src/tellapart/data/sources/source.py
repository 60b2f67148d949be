"""What a kind of source is: a test that recognizes a request, and a function that opens it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.data.dataset import Dataset
from tellapart.data.sources.label_choice import Labels, as_labels
from tellapart.events import Progress
from tellapart.pages.card import Readable
from tellapart.paths import with_home


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRequest(Readable):
    """The arguments of `open_dataset`."""

    data: Any
    labels: Any = None
    class_names: Sequence[str] | None = None
    download: bool = False
    progress: Progress | None = None

    for_training: bool = True
    """Whether training pictures are needed."""

    known_classes: Sequence[str] = ()
    """Classes of the model that the pictures are for."""

    @property
    def choice(self) -> Labels:
        """`labels` and everything that was said about them."""
        return as_labels(self.labels)

    @property
    def path(self) -> Path | None:
        """`data` as a path, `~` expanded; None for arrays."""
        return with_home(self.data) if isinstance(self.data, str | os.PathLike) else None

    @property
    def existing_path(self) -> Path:
        """The path of a request that was accepted because something lies there."""
        assert self.path is not None
        return self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Readable):
    """A kind of source for `register_source`."""

    title: str
    """What it is, for people."""

    accepts: Callable[[OpenRequest], bool]
    """Function of the request that says whether it is of this kind, by `request.data` as somebody gave it, a text, a
    path or arrays. It looks at names and suffixes; it opens no image."""

    open: Callable[[OpenRequest], Dataset]
    """Function of the request that returns a Dataset, as `dataset_of` builds it; DataError: its content cannot be used.
    The request has `data`, `path` (of `data`; None: arrays), `choice` (a Labels) and `class_names`."""

    options: tuple[str, ...] = ()
    """The fields of Labels that it uses, besides `names`, which names any source's classes. Others are refused where
    somebody gives them."""

    takes_class_names: bool = False
    """Whether `open` uses the request's `class_names`; for other sources they are refused."""

    by_name: bool = False
    """Whether `data` is a name that the source knows, no path: it is recorded as it is."""
