"""Some pictures of a data set, read as the training will read them, to measure with."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tellapart.api.listener import Listener
from tellapart.api.prepare import open_backbone, preprocessing_for, refuse_single_images
from tellapart.classifier.backbone_choice import OpenBackbone, choose_backbone
from tellapart.data.dataset import Dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.data.split import divide, draw
from tellapart.data.store import ImageStore, bytes_of, load_split
from tellapart.recipes.config import TrainConfig
from tellapart.runtime.machine import crowding

FIRST = 24
"""Pictures that are read first, to learn how long reading takes."""

MOST = 2000
"""Pictures of a split; more would tell little more."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A divided data set, and some of its pictures in memory."""

    whole: Dataset
    preprocessing: Preprocessing
    stores: Mapping[str, ImageStore]
    """train, and validation where pictures are held out."""

    backbone: OpenBackbone | None
    reading_seconds: float
    """Of one picture; 0 where they are in memory already."""

    crowding: float
    """How many times its processor time work takes on this machine now."""

    def count(self, split: str) -> int:
        """Return the number of pictures of a whole split; 0 where there is none."""
        return len(self.whole.splits[split]) if split in self.whole.splits else 0

    @property
    def all_reading_seconds(self) -> float:
        """Seconds that reading all pictures takes."""
        return self.reading_seconds * sum(map(len, self.whole.splits.values()))

    @property
    def class_counts(self) -> list[int]:
        """Training pictures of each class."""
        labels = self.whole.splits["train"].labels
        return np.bincount(labels, minlength=len(self.whole.class_names)).tolist()


def sampled(dataset: Dataset, config: TrainConfig, seconds: float, listener: Listener) -> Sample:
    """Divide a data set as the training will, open its backbone, and read some pictures.

    Args:
        dataset: as opened.
        config: complete.
        seconds: that reading may take.
        listener: hears of a download.

    Raises:
        DataError: a class has too few pictures, or none can be read.
    """
    held_out = config.validation_share if config.validation == "held out" else 0.0
    keep = 1 if config.head is None else 2
    whole = divide(dataset, validation=held_out, test=config.test_share, seed=config.seed, keep=keep)
    if config.head is not None:
        refuse_single_images(whole, whole.splits["train"].labels)
    preprocessing = preprocessing_for(whole, config)
    backbone = None
    if config.backbone is not None:
        choice = choose_backbone(config.backbone, config.size)
        notice = choice.notice(preprocessing.height, preprocessing.width)
        backbone = open_backbone(choice, preprocessing, listener, notice)
    per_picture = _reading_seconds(whole, preprocessing, config.seed)
    most = MOST if not per_picture else int(min(MOST, max(FIRST, seconds / per_picture)))
    used = ["train", "validation"] if config.validation == "held out" else ["train"]
    stores = {}
    for name in used:
        count = most if name == "train" else min(most, max(FIRST, most // 2))
        stores[name] = _some(whole, name, preprocessing, count, config.seed)
    return Sample(whole, preprocessing, stores, backbone, per_picture, crowding())


def _some(whole: Dataset, name: str, preprocessing: Preprocessing, count: int, seed: int) -> ImageStore:
    """Read some pictures of a split, of each class its share; all where they are in memory already."""
    split = whole.splits[name]
    if bytes_of(split, preprocessing) and len(split) > count:
        split = split.take(draw(split.ids, split.labels, count, seed))
    return load_split(split, preprocessing)


def _reading_seconds(whole: Dataset, preprocessing: Preprocessing, seed: int) -> float:
    """Return how long one picture takes to be read, measured on some."""
    split = whole.splits["train"]
    if not bytes_of(split, preprocessing):
        return 0.0
    count = min(FIRST, len(split))
    rows = np.sort(np.random.default_rng(seed).choice(len(split), count, replace=False))
    some = split.take(rows)
    began = time.monotonic()
    load_split(some, preprocessing)
    return (time.monotonic() - began) / count


def at_most(store: ImageStore, count: int) -> ImageStore:
    """Return so many pictures of a store, from all of it: its rows may be sorted by class."""
    if len(store) <= count:
        return store
    rows = np.linspace(0, len(store) - 1, count).astype(np.int64)
    ids = tuple(store.ids[row] for row in rows)
    return replace(store, images=store.rows(rows), labels=store.labels[rows], ids=ids, file=None)
