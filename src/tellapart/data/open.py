"""Opening labeled pictures: a name, a folder, a file or arrays become one Source.

Opening reads names, labels and array bytes; picture files stay closed until somebody asks for pixels.

Knows nothing of the size a network wants, of augmentation or of batches.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.dataset import SPLIT_NAMES, Dataset, Split
from tellapart.data.images import ArrayImages, EncodedImages, FileImages, Images
from tellapart.data.sources import arrays
from tellapart.data.sources import folder as folders
from tellapart.data.sources.catalog import KNOWN_SETS, KnownSet, find_known
from tellapart.data.sources.csv_labels import read_labels_file
from tellapart.data.sources.formats import Layout, find_layout, read_npz
from tellapart.data.sources.known import find_place, open_known
from tellapart.data.split import draw
from tellapart.errors import DataError, PictureError
from tellapart.events import Progress
from tellapart.files import unreadable_is_bad_data
from tellapart.paths import in_which_folder, is_web_address, nearly, no_such_picture

__all__ = ["SPLIT_NAMES", "Dataset", "Split", "open_dataset"]

_SHAPE_SAMPLE = 2_000
"""Headers read to find out whether all pictures of a folder have one size; spread evenly over the files."""


def open_dataset(
    data: Any,
    *,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    download: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """Labeled pictures from wherever they are.

    Args:
        data: the name of a known set; the path of a folder of pictures, of a folder or archive in an official
            layout, or of an `.npz`; or arrays: (x, y), ((x_train, y_train), (x_test, y_test)), a dict.
        labels: for a folder without class folders, the path of a CSV file (file, label); for an array of
            pictures given alone, its labels.
        class_names: of labels 0, 1, 2, ... in arrays.
        download: fetch a known set that is not on this machine.
        progress: called with (bytes done, bytes in all) while downloading.

    Raises:
        DataError: it cannot be used as it is; the message says what was met, what is accepted, what to do.
        DownloadError: a known set could not be fetched.
        MissingExtraError: parquet files, and pyarrow is not installed.
    """
    if isinstance(data, str) and (known := find_known(data)) is not None:
        with unreadable_is_bad_data(known.name):
            return _from_known(known, download, progress)
    if isinstance(data, (str, os.PathLike)):
        with unreadable_is_bad_data(data):
            return _from_path(Path(data).expanduser(), labels, class_names)
    pairs, own_names = arrays.named_pairs(data if labels is None else (data, labels))
    return _from_pairs("arrays", "arrays in memory", pairs, class_names or own_names)


def _from_known(known: KnownSet, download: bool, progress: Progress | None) -> Dataset:
    raw, where = open_known(known, download=download, progress=progress)
    splits = {split: _numbered_split(split, part.labels, part.images) for split, part in raw.splits.items()}
    if known.default_test_share:
        splits = _with_default_test(splits["train"], known)
    return Dataset(known.name, known.class_names, splits, known.mirrors, known.image_shape, where)


def _with_default_test(train: Split, known: KnownSet) -> dict[str, Split]:
    """The set has no official test split; the catalog's draw stands for it, the same for everybody."""
    count = round(known.default_test_share * len(train))
    drawn = draw(train.ids, train.labels, count, known.default_test_seed)
    kept = np.setdiff1d(np.arange(len(train)), drawn)
    return {"train": train.take(kept), "test": train.take(drawn)}


def _from_path(path: Path, labels: Any, class_names: Sequence[str] | None) -> Dataset:
    if not path.exists():
        raise DataError(_nothing_there(path))
    if labels is not None:
        return _from_labels_file(path, Path(labels))
    if path.suffix == ".npz" and path.is_file():
        held = read_npz(path)
        with _said_of(path):
            pairs, own_names = arrays.named_pairs(held)
        return _from_pairs(path.stem, str(path), pairs, class_names or own_names)
    layout = find_layout(path)
    if layout is not None:
        return _from_layout(path, layout)
    if path.is_dir():
        return _from_known_inside(path) or _from_folder(path)
    raise DataError(
        f"{path} is a single file. Accepted: a folder of class folders, an .npz, a .parquet, an official "
        f"archive, or a known set ({', '.join(KNOWN_SETS)})."
    )


def _from_known_inside(path: Path) -> Dataset | None:
    """A folder that holds an official folder or archive, such as a download folder."""
    inside = {
        known.name: found for known in KNOWN_SETS.values() if (found := find_place(known, path)) is not None
    }
    if not inside:
        return None
    if len(inside) > 1:
        raise DataError(
            f"{path} holds several sets: {', '.join(inside)}. Give the path of one of them, or set "
            "TELLAPART_DATA to this folder and give its name."
        )
    place, layout = next(iter(inside.values()))
    return _from_layout(place, layout)


def _from_layout(path: Path, layout: Layout) -> Dataset:
    raw = layout.read(path)
    known = _meant(path, layout)
    names = raw.class_names or (known.class_names if known else None)
    labels, class_names = arrays.checked_labels(
        {split: part.labels for split, part in raw.splits.items()}, names
    )
    splits = {split: _numbered_split(split, labels[split], part.images) for split, part in raw.splits.items()}
    name = known.name if known else path.stem
    return _checked(
        Dataset(name, class_names, splits, True, _common_shape(splits), str(path)),
        known.mirrors if known else None,
    )


def _meant(path: Path, layout: Layout) -> KnownSet | None:
    """The known set that a path holds: by its layout where only one set has it, else by the folder's name."""
    if len(layout.known) == 1:
        return KNOWN_SETS[layout.known[0]]
    words = [part.lower().replace("_", "-") for part in path.resolve().parts[-2:]]
    if any("fashion" in word for word in words):
        return KNOWN_SETS["fashion-mnist"]
    return next((KNOWN_SETS[name] for name in layout.known if name in words), None)


def _from_folder(root: Path) -> Dataset:
    found = folders.scan_folder(root)
    splits = {
        split: Split(
            tuple(path.relative_to(root).as_posix() for path, _ in files),
            np.array([label for _, label in files], np.int64),
            FileImages(tuple(path for path, _ in files)),
        )
        for split, files in found.splits.items()
        if files
    }
    shape = _common_shape(splits)
    ignored = tuple(_relative(path, root) for path in found.ignored)
    return _checked(Dataset(_folder_name(root), found.class_names, splits, True, shape, str(root), ignored))


def _relative(path: Path, root: Path) -> str:
    """As an id; a folder with a stroke behind it."""
    return path.relative_to(root).as_posix() + "/" * path.is_dir()


def _from_labels_file(root: Path, labels_path: Path) -> Dataset:
    if not root.is_dir():
        raise DataError(f"{root} is no folder; --labels names the pictures of a folder.")
    lines = read_labels_file(labels_path, root)
    by_split = {
        split: rows for split in SPLIT_NAMES if (rows := [line for line in lines if line.split == split])
    }
    labels, names = arrays.checked_labels(
        {split: [line.label for line in rows] for split, rows in by_split.items()}, None
    )
    splits = {
        split: Split(
            tuple(os.path.relpath(line.path, root).replace(os.sep, "/") for line in rows),
            labels[split],
            FileImages(tuple(line.path for line in rows)),
        )
        for split, rows in by_split.items()
    }
    where = f"{root}, labeled by {labels_path}"
    return _checked(Dataset(_folder_name(root), names, splits, True, _common_shape(splits), where))


def _from_pairs(
    name: str, where: str, pairs: Mapping[str, arrays.Pair], class_names: Sequence[str] | None
) -> Dataset:
    with _said_of(where):
        images = {split: arrays.checked_images(x, f"x of {split}") for split, (x, _) in pairs.items()}
        labels, names = arrays.checked_labels({split: y for split, (_, y) in pairs.items()}, class_names)
    for split, array in images.items():
        if len(array) != len(labels[split]):
            raise DataError(
                f"{where}: {split}: x has {len(array)} pictures and y has {len(labels[split])} labels. "
                "Give each picture one label, in the same order."
            )
    splits = {
        split: _numbered_split(split, labels[split], ArrayImages(array)) for split, array in images.items()
    }
    return _checked(Dataset(name, names, splits, True, _common_shape(splits), where))


@contextmanager
def _said_of(where: object) -> Iterator[None]:
    """Say in front of a DataError where the arrays came from."""
    try:
        yield
    except DataError as reason:
        raise DataError(f"{where}: {reason}") from reason


def _numbered_split(name: str, labels: NDArray[np.int64], images: Images) -> Split:
    """Ids are the split's name and the row: `train/00017`."""
    digits = max(5, len(str(len(labels))))
    return Split(tuple(f"{name}/{row:0{digits}d}" for row in range(len(labels))), labels, images)


def _checked(source: Dataset, mirrors: bool | None = None) -> Dataset:
    """Refuse what cannot be learned; settle whether mirroring is safe."""
    train = source.splits.get("train")
    if train is None:
        raise DataError(f"{source.where}: no training pictures (splits: {', '.join(source.splits)}).")
    learned = set(np.unique(train.labels).tolist())
    for name, split in source.splits.items():
        strangers = sorted(set(np.unique(split.labels).tolist()) - learned)
        if strangers:
            named = ", ".join(source.class_names[label] for label in strangers)
            raise DataError(
                f"{source.where}: {named} {'is' if len(strangers) == 1 else 'are'} in {name} and not in "
                f"train. A class can only be told apart if there are training pictures of it."
            )
    if len(learned) < 2:
        only = source.class_names[learned.pop()]
        raise DataError(
            f"{source.where}: one class only ({only}): nothing to tell apart. Add pictures of another class."
        )
    return source.replace(mirrors=_may_mirror(source) if mirrors is None else mirrors)


def _may_mirror(source: Dataset) -> bool:
    """Nobody has said, so be careful: characters, and classes called left and right, are not mirrored.

    Gray arrays with numbered classes are most often characters too.
    """
    if all(len(name) == 1 for name in source.class_names):
        images = source.splits["train"].images
        are_photos = isinstance(images, ArrayImages) and images.array.shape[-1] == 3
        return are_photos and all(name.isdigit() for name in source.class_names)
    words = {word for name in source.class_names for word in re.split(r"[\W_]+", name.lower())}
    return not words & {"left", "right"}


def _common_shape(splits: Mapping[str, Split]) -> tuple[int, int, int] | None:
    """(H, W, C) that all pictures share, as far as evenly spread headers tell; None where one differs."""
    shape: tuple[int, int, int] | None = None
    for split in splits.values():
        for met in _shapes(split.images):
            if shape is not None and met != shape:
                return None
            shape = met
    return shape


def _shapes(images: Images) -> Any:
    if isinstance(images, ArrayImages):
        yield tuple(images.array.shape[1:])
    elif isinstance(images, (FileImages, EncodedImages)):
        from tellapart.data.decode import image_shape

        encoded: Sequence[Any] = images.paths if isinstance(images, FileImages) else images.blobs
        for picture in encoded[:: max(1, len(encoded) // _SHAPE_SAMPLE)]:
            try:
                yield image_shape(picture)
            except PictureError:  # The store will name it.
                continue


def _folder_name(root: Path) -> str:
    return root.resolve().name or "pictures"


def _nothing_there(path: Path) -> str:
    if is_web_address(path):
        return no_such_picture(path)
    meant = nearly(path) + difflib.get_close_matches(str(path).lower(), list(KNOWN_SETS), n=2)
    return (
        f"{path}: no such folder or file{in_which_folder(path)}, and no known set of that name."
        + (f"\nDid you mean {' or '.join(meant)}?" if meant else "")
        + f"\nKnown sets: {', '.join(KNOWN_SETS)}."
    )


def reopening(data: Any, labels: Any = None) -> dict[str, str]:
    """What opens the same data in another process, from any folder: argument, labels. Empty for arrays."""
    if not isinstance(data, str | os.PathLike) or not (
        labels is None or isinstance(labels, str | os.PathLike)
    ):
        return {}
    if isinstance(data, str) and (known := find_known(data)) is not None:
        return {"argument": known.name}
    values = {"argument": str(Path(data).expanduser().resolve())}
    return values if labels is None else {**values, "labels": str(Path(labels).expanduser().resolve())}
