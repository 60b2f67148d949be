"""Album: every picture of a data set read once, and what the checks need of each: never all its pixels.

A picture leaves its size, its kind of pixels, a digest, a few measures, a thumbnail and, where there is a network,
its features; so an album takes some kilobytes a picture, however large the pictures are.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.checks.measures import Measures, measure
from tellapart.checks.principal import principal
from tellapart.data.dataset import Dataset
from tellapart.data.decode import DecodedImage, image_mode, load_image, read_image
from tellapart.data.images import Images
from tellapart.data.multi_label import in_words, names_of
from tellapart.data.preprocess import Preprocessing
from tellapart.data.store import SMALLEST_SIDE
from tellapart.data.types import Pixels
from tellapart.errors import PictureError
from tellapart.events import Progress
from tellapart.inference.feature_net import FeatureNet
from tellapart.pages.card import Readable
from tellapart.text import counted
from tellapart.untrusted.large_images import large_images_alone

THUMBNAIL = Preprocessing(height=32, width=32, policy="stretch")
"""How pictures are brought to the size at which they are compared."""

WHOLE = Preprocessing(height=512, width=512, policy="pad", reading="exact")
"""How pictures are read: all their pixels, but of a JPEG that is too large for that no less than this needs."""

CHUNK = 256
"""Pictures that are in memory at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Album(Readable):
    """All pictures of a data set, split by split, as rows. Rows of unreadable pictures hold zeros."""

    dataset: Dataset
    ids: tuple[str, ...]
    split_of: NDArray[np.int64]
    """(N,) index of each picture's split in `dataset.splits`."""

    labels: NDArray[Any]
    """(N,)."""

    unreadable: dict[int, str]
    """Row -> why it cannot be read or used."""

    shapes: NDArray[np.int32]
    """(N, 2) height and width, pixels."""

    modes: tuple[str, ...]
    """What the pixels are, by row: RGB, L, CMYK, I;16, ...; empty where unreadable."""

    digests: NDArray[np.void]
    """(N,) of the decoded pixels."""

    thumbnails: Pixels
    """(N, 32, 32, 3)."""

    measures: NDArray[np.float32]
    """(N, measures), in the order of `Measures`."""

    features: NDArray[np.float32] | None
    """(N, directions) of a pretrained network, in their main directions; None where it was not asked."""

    def _parts(self) -> list[str]:
        return [counted(len(self.ids), "picture"), f"{len(self.unreadable)} unreadable", self.dataset.name]

    @property
    def split_names(self) -> tuple[str, ...]:
        """The splits, in the order that `split_of` counts them."""
        return tuple(self.dataset.splits)

    @property
    def readable(self) -> NDArray[np.int64]:
        """Rows of the pictures that were read."""
        there = np.ones(len(self.ids), bool)
        there[list(self.unreadable)] = False
        return np.flatnonzero(there)

    def split(self, row: int) -> str:
        """Return the name of a picture's split."""
        return self.split_names[self.split_of[row]]

    def label(self, row: int) -> str:
        """Return the name of a picture's class."""
        return in_words(names_of(self.labels[row], self.dataset.class_names))

    def measure(self, name: str) -> NDArray[np.float32]:
        """Return one of the measures of every picture: (N,)."""
        return self.measures[:, tuple(Measures.__annotations__).index(name)]

    def place(self, row: int) -> tuple[Images, int]:
        """Return where a picture is read from: the images of its split, and its index in them."""
        index = int(self.split_of[row])
        return self.dataset.splits[self.split_names[index]].images, row - int((self.split_of < index).sum())


class Look(NamedTuple):
    """How features are computed."""

    net: FeatureNet
    preprocessing: Preprocessing
    precision: str


def read_album(dataset: Dataset, look: Look | None = None, progress: Progress | None = None) -> Album:
    """Read every picture of every split.

    Args:
        dataset: as opened.
        look: computes features; None: there are none.
        progress: called with (pictures read, pictures in all).
    """
    splits = list(dataset.splits.values())
    count = sum(map(len, splits))
    pages = _Pages(count)
    start = 0
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for split in splits:
            for rows in _chunks(len(split)):
                task = _task(split.images, look)
                pages.fill(start, list(threads.map(task, rows)), look)
                start += len(rows)
                if progress is not None:
                    progress(start, count)
    sizes = [len(split) for split in splits]
    return Album(
        dataset,
        tuple(identifier for split in splits for identifier in split.ids),
        np.repeat(np.arange(len(splits)), sizes),
        np.concatenate([split.labels for split in splits]),
        pages.unreadable,
        pages.shapes,
        tuple(pages.modes),
        pages.digests,
        pages.thumbnails,
        pages.measures,
        None if pages.features is None else principal(pages.features, pages.readable),
    )


class _Entry(NamedTuple):
    """What is kept of one picture."""

    shape: tuple[int, int]
    mode: str
    digest: bytes
    thumbnail: Pixels
    measures: Measures
    view: Pixels | None
    """As the network reads it."""


class _Pages:
    """Arrays that an album is read into."""

    def __init__(self, count: int) -> None:
        self.unreadable: dict[int, str] = {}
        self.shapes = np.zeros((count, 2), np.int32)
        self.modes = [""] * count
        self.digests = np.zeros(count, "V16")
        self.thumbnails = np.zeros((count, *THUMBNAIL.shape), np.uint8)
        self.measures = np.zeros((count, len(Measures.__annotations__)), np.float32)
        self.features: NDArray[np.float16] | None = None

    @property
    def readable(self) -> NDArray[np.int64]:
        """Rows of the pictures that were read."""
        return np.setdiff1d(np.arange(len(self.modes)), list(self.unreadable))

    def fill(self, start: int, entries: list[_Entry | str], look: Look | None) -> None:
        """Take what was read of some pictures, or why they could not be read."""
        views: list[Pixels] = []
        rows: list[int] = []
        for row, entry in enumerate(entries, start):
            if isinstance(entry, str):
                self.unreadable[row] = entry
                continue
            self.shapes[row], self.modes[row] = entry.shape, entry.mode
            self.digests[row] = np.void(entry.digest)
            self.thumbnails[row], self.measures[row] = entry.thumbnail, entry.measures
            if entry.view is not None:
                rows.append(row)
                views.append(entry.view)
        if look is not None and views:
            self._keep_features(rows, look.net(np.stack(views), precision=look.precision))

    def _keep_features(self, rows: list[int], features: NDArray[np.float32]) -> None:
        if self.features is None:
            self.features = np.zeros((len(self.modes), features.shape[1]), np.float16)
        self.features[rows] = features


def _chunks(count: int) -> Iterator[range]:
    return (range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK))


def _task(images: Images, look: Look | None) -> Callable[[int], _Entry | str]:
    return lambda row: _entry(images, row, look)


def _entry(images: Images, row: int, look: Look | None) -> _Entry | str:
    """Read one picture; return why, where that fails."""
    with large_images_alone():
        try:
            decoded, mode = _decoded(images.source(row)), _mode(images, row)
        except PictureError as reason:
            place = images.source(row)
            return str(reason).removeprefix(f"{place}: " if isinstance(place, Path) else "<bytes>: ")
        (height, width), pixels = decoded.size, decoded.pixels
        if min(height, width) < SMALLEST_SIDE:
            return f"too small: {height} x {width} pixels, less than {SMALLEST_SIDE} x {SMALLEST_SIDE}"
        digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
        digest.update(np.ascontiguousarray(pixels).data)
        view = None if look is None else look.preprocessing.apply(pixels)
        thumbnail = THUMBNAIL.apply(pixels)
        return _Entry((height, width), mode, digest.digest(), thumbnail, measure(pixels, thumbnail), view)


def _decoded(source: Any) -> DecodedImage:
    return read_image(source, WHOLE) if isinstance(source, bytes) else load_image(source, 0, WHOLE)[1]


def _mode(images: Images, row: int) -> str:
    source = images.source(row)
    if isinstance(source, np.ndarray):
        return "L" if source.shape[-1] == 1 else "RGB"
    return image_mode(source)
