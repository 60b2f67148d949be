"""`load_data`: labeled images as arrays, in the form that `keras.datasets` gives them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.dataset import Dataset, Split
from tellapart.data.images import ArrayImages
from tellapart.data.open import open_dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.data.sources.catalog import find_known
from tellapart.data.split import divide
from tellapart.data.store import load_split
from tellapart.errors import DataError
from tellapart.events import Progress
from tellapart.recipes.forms import size_from
from tellapart.text import counted

Arrays = tuple[NDArray[np.uint8], NDArray[Any]]
"""Images and labels."""

KERAS_LABELS: dict[str, Callable[[NDArray[np.int64]], NDArray[Any]]] = {
    "cifar10": lambda labels: labels[:, None].astype(np.uint8),
    "cifar100": lambda labels: labels[:, None],
    "mnist": lambda labels: labels.astype(np.uint8),
    "fashion-mnist": lambda labels: labels.astype(np.uint8),
    "digits": lambda labels: labels.astype(np.uint8),
}
"""Known set -> its labels (N,) int64 in the shape and type that `keras.datasets` gives them; digits, which it does not
have, as MNIST's."""

TEST_SHARE = 0.2
"""Of images that come without a test split, those held out for it: as many as `train` holds out."""


def load_data(
    data: Any,
    *,
    labels: Any = None,
    size: int | tuple[int, int] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Arrays, Arrays]:
    """Load labeled images as arrays: `(x_train, y_train), (x_test, y_test) = tellapart.load_data("cifar10")`.

    Known sets come exactly as from `keras.datasets`: the same shapes, types and order.

        set               x_train                     y_train                x_test, y_test
        "cifar10"         (50000, 32, 32, 3) uint8    (50000, 1) uint8       10,000
        "cifar100"        (50000, 32, 32, 3) uint8    (50000, 1) int64       10,000
        "mnist"           (60000, 28, 28) uint8       (60000,) uint8         10,000
        "fashion-mnist"   (60000, 28, 28) uint8       (60000,) uint8         10,000
        "digits"          (1438, 8, 8) uint8          (1438,) uint8          359; not in keras.datasets

    Of your own data, x is (N, height, width, 3) uint8, also where files are gray; only gray arrays give (N, height,
    width). y is (N,) int64: the class's place in `tellapart.open_dataset(data).class_names`. Pictures of a validation
    split are not returned. Unreadable ones are left out, with a warning.

    Args:
        data: a known set's name, downloaded where it is not on this machine, or whatever else `open_dataset` opens.
        labels: as for `open_dataset`.
        size: pixels, 64 or (height, width), to which every picture is brought as in training; needed where own
            pictures differ in size. Default: their own size.
        seed: of the test pictures, a fifth of each class, where the data has no test split.
        progress: called with (bytes done, bytes in all) while downloading.

    Raises:
        ConfigError: a size is out of range.
        DataError: it cannot be used as it is; pictures of different sizes, and no size given.
        DownloadError: a known set could not be fetched.
    """
    dataset = open_dataset(data, labels=labels, download=True, progress=progress)
    dataset = divide(dataset, validation=0.0, test=TEST_SHARE, seed=seed)
    preprocessing = None if size is None else _preprocessing(dataset, size)
    known = find_known(data) if isinstance(data, str) else None
    as_labels = KERAS_LABELS.get("" if known is None else known.name, lambda labels: labels)
    train, test = (_arrays(dataset, dataset.splits[name], preprocessing) for name in ("train", "test"))
    return (train[0], as_labels(train[1])), (test[0], as_labels(test[1]))


def _preprocessing(dataset: Dataset, size: Any) -> Preprocessing:
    height, width = size_from(size)
    channels = 3 if dataset.image_shape is None else dataset.image_shape[2]
    return Preprocessing(height=height, width=width, channels=channels, reading="fast")


def _arrays(dataset: Dataset, split: Split, preprocessing: Preprocessing | None) -> Arrays:
    """Return a split's images, (N, H, W, 3) or (N, H, W), and labels (N,), in arrays of their own."""
    if preprocessing is None and isinstance(split.images, ArrayImages):
        images, labels = split.images.gathered(), split.labels
    else:
        images, labels = _read(dataset, split, preprocessing)
    shown = images[..., 0] if images.shape[-1] == 1 else images
    return np.array(shown, order="C"), labels.copy()


def _read(dataset: Dataset, split: Split, preprocessing: Preprocessing | None) -> Arrays:
    if preprocessing is None and dataset.image_shape is None:
        raise DataError(
            f"{dataset.where}: the pictures differ in size, and an array has one. Give it: "
            "tellapart.load_data(data, size=64) or size=(48, 64)."
        )
    if preprocessing is None:
        height, width, channels = dataset.image_shape or (0, 0, 0)
        preprocessing = Preprocessing(height=height, width=width, channels=channels)
    store = load_split(split, preprocessing)
    if store.unreadable:
        count = counted(len(store.unreadable), "unreadable picture")
        warnings.warn(f"Left out {count} ({store.unreadable[0].reason})", stacklevel=4)
    return np.asarray(store.images[:]), store.labels
