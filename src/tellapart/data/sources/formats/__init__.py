"""Formats: readers of the layouts in which known sets are published, and how to recognize each.

`find_layout` looks at a folder or a file and returns the entry of `LAYOUTS` that fits. Readers check what they
read and raise DataError with the file's name.

Knows nothing of ids, of splits to be carved, or of the size a network wants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tellapart.data.sources.formats.cifar import (
    read_cifar10_binary,
    read_cifar10_python,
    read_cifar100_binary,
    read_cifar100_python,
)
from tellapart.data.sources.formats.idx import holds_idx, read_idx, read_idx_folder
from tellapart.data.sources.formats.parquet import holds_parquet, read_parquet
from tellapart.data.sources.formats.raw import RawSet, RawSplit, is_archive

__all__ = [
    "LAYOUTS",
    "Layout",
    "RawSet",
    "RawSplit",
    "find_layout",
    "read_cifar10_binary",
    "read_cifar10_python",
    "read_cifar100_binary",
    "read_cifar100_python",
    "read_idx",
    "read_idx_folder",
    "read_parquet",
]


@dataclass(frozen=True, slots=True)
class Layout:
    """One official layout; an entry of LAYOUTS."""

    title: str
    fits: Callable[[Path], bool]
    read: Callable[..., RawSet]
    """Takes the place; and Labels, where `has_columns`."""

    known: tuple[str, ...]
    """Names of the known sets that are published in it."""

    has_columns: bool = False
    """Whether somebody may choose the columns of images and labels."""


def _files_or_archive(archive: str, *names: str) -> Callable[[Path], bool]:
    """Return a test for a folder with all these files, or the archive of that name."""

    def fits(path: Path) -> bool:
        if is_archive(path):
            return path.name == archive and path.is_file()
        return all((path / name).is_file() for name in names)

    return fits


LAYOUTS = (
    Layout(
        "CIFAR-10 binary",
        _files_or_archive("cifar-10-binary.tar.gz", "data_batch_1.bin"),
        read_cifar10_binary,
        ("cifar10",),
    ),
    Layout(
        "CIFAR-10 python",
        _files_or_archive("cifar-10-python.tar.gz", "data_batch_1"),
        read_cifar10_python,
        ("cifar10",),
    ),
    Layout(
        "CIFAR-100 binary",
        _files_or_archive("cifar-100-binary.tar.gz", "train.bin", "test.bin"),
        read_cifar100_binary,
        ("cifar100",),
    ),
    Layout(
        "CIFAR-100 python",
        _files_or_archive("cifar-100-python.tar.gz", "train", "test", "meta"),
        read_cifar100_python,
        ("cifar100",),
    ),
    Layout("idx (MNIST)", holds_idx, read_idx_folder, ("mnist", "fashion-mnist")),
    Layout(
        "parquet",
        lambda path: path.suffix == ".parquet" if path.is_file() else holds_parquet(path),
        read_parquet,
        ("cifar10", "cifar100", "mnist", "fashion-mnist"),
        has_columns=True,
    ),
)


def find_layout(path: Path) -> Layout | None:
    """Return the layout of this very folder or file, or None."""
    if not path.exists():
        return None
    return next((layout for layout in LAYOUTS if layout.fits(path)), None)
