"""A known set given by its name, such as `cifar10`: found on this machine, or downloaded."""

from __future__ import annotations

import numpy as np

from tellapart.data.dataset import Dataset, Split
from tellapart.data.sources.assemble import numbered_split
from tellapart.data.sources.catalog import KnownSet, find_known
from tellapart.data.sources.known import open_known
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.data.split import draw


def _accepts(request: OpenRequest) -> bool:
    return isinstance(request.data, str) and find_known(request.data) is not None


def _open(request: OpenRequest) -> Dataset:
    known = find_known(request.data)
    assert known is not None
    raw, where = open_known(known, download=request.download, progress=request.progress)
    splits = {split: numbered_split(split, part.labels, part.images) for split, part in raw.splits.items()}
    if known.default_test_share:
        splits = _with_default_test(splits["train"], known)
    return Dataset(
        known.name, known.class_names, splits, known.mirrors, known.image_shape, where, numbered=True
    )


def _with_default_test(train: Split, known: KnownSet) -> dict[str, Split]:
    """Divide a set that has no official test split as the catalog says, the same for everybody."""
    count = round(known.default_test_share * len(train))
    drawn = draw(train.ids, train.labels, count, known.default_test_seed)
    kept = np.setdiff1d(np.arange(len(train)), drawn)
    return {"train": train.take(kept), "test": train.take(drawn)}


KNOWN_NAME = Source(title="the name of a known set", accepts=_accepts, open=_open)
