"""WebDataset: tar files of samples, each a few members of one name, such as `0001.jpg` and `0001.cls`.

A single tar file, a folder of them, or `shard-{000..012}.tar`. They are read in place, in any order.

Source: https://github.com/webdataset/webdataset, "The WebDataset Format"
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from tellapart.data.dataset import SPLIT_NAMES, Dataset, Split
from tellapart.data.sources.archive_place import ArchivePlace
from tellapart.data.sources.assemble import assemble
from tellapart.data.sources.blobs import BlobImages
from tellapart.data.sources.folder import folder_name
from tellapart.data.sources.label_choice import Labels
from tellapart.data.sources.labels import checked_labels
from tellapart.data.sources.sample_members import LABEL_ENDINGS, image_among, label_of, sample_parts
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.data.sources.split_words import SPLIT_OF_WORD, split_of
from tellapart.data.sources.walk import is_hidden, is_image_name
from tellapart.errors import DataError
from tellapart.text import counted, natural_key
from tellapart.untrusted.picture_archive import beginning_of_tar

_SUFFIXES = (".tar", ".tar.gz", ".tgz")

_LOOKED_AT = 20
"""Members by which a tar file is recognized."""

_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}|\{([^{}]*,[^{}]*)\}")

MOST_SHARDS = 100_000


@dataclass(frozen=True, slots=True)
class _Sample:
    """One image with its label."""

    shard: ArchivePlace
    image: str
    label: str

    @property
    def id(self) -> str:
        """What it is called, in all shards."""
        return f"{self.shard.path.name}/{self.image}"


def expanded(name: str) -> list[str]:
    """Return the names that braces stand for: `a-{00..02}.tar`, `{train,val}.tar`.

    Raises:
        DataError: they are more than MOST_SHARDS.
    """
    match = _BRACES.search(name)
    if match is None:
        return [name]
    if match[3] is not None:
        inner = match[3].split(",")
    else:
        first, last = int(match[1]), int(match[2])
        if abs(last - first) > MOST_SHARDS:
            raise DataError(f"{name}: {abs(last - first) + 1:,} files; at most {MOST_SHARDS:,} are read.")
        inner = [f"{number:0{len(match[1])}d}" for number in range(first, last + 1)]
    return [whole for part in inner for whole in expanded(name[: match.start()] + part + name[match.end() :])]


def _shards(path: Path) -> list[Path]:
    """Return the tar files that a path means; none where it means something else."""
    if path.is_file():
        return [path] if path.name.lower().endswith(_SUFFIXES) else []
    if not path.exists():
        braces = _BRACES.search(path.name) and path.name.lower().endswith(_SUFFIXES)
        return [Path(name) for name in expanded(str(path))] if braces else []
    folders = [path, *(path / name for name in os.listdir(path) if split_of(name) and (path / name).is_dir())]
    inside = ((folder, name) for folder in folders for name in os.listdir(folder))
    shards = [
        folder / name for folder, name in inside if name.lower().endswith(_SUFFIXES) and not is_hidden(name)
    ]
    return sorted(shards, key=lambda shard: natural_key(shard.as_posix()))


def _accepts(request: OpenRequest) -> bool:
    path = request.path
    if path is None or request.choice.file is not None or request.choice.pattern is not None:
        return False
    shards = _shards(path)
    return bool(shards) and (not path.exists() or _holds_samples(shards[0]))


def _holds_samples(shard: Path) -> bool:
    """Return whether a label lies beside an image of the same name, among the first members of a tar file."""
    parts = [sample_parts(name) for name in beginning_of_tar(shard, _LOOKED_AT)]
    images = {key for key, ending in parts if is_image_name(f"x.{ending}")}
    return any(key in images for key, ending in parts if ending in (*LABEL_ENDINGS, "json"))


def _open(request: OpenRequest) -> Dataset:
    path = request.existing_path
    shards = _shards(path)
    if missing := [shard for shard in shards if not shard.is_file()]:
        raise DataError(
            f"{path}: {len(missing):,} of {counted(len(shards), 'file')} missing, such as {missing[0]}."
        )
    by_split: dict[str, list[_Sample]] = {}
    unlabeled = 0
    for shard in shards:
        place = ArchivePlace(shard)
        for sample in _samples(place, request.choice):
            if sample.label:
                by_split.setdefault(split_of_shard(shard), []).append(sample)
            else:
                unlabeled += 1
    count = sum(map(len, by_split.values()))
    if unlabeled > count:
        raise DataError(
            f"{path}: {unlabeled:,} of {unlabeled + count:,} samples have no label. A label is a .cls, .txt or "
            ".json file with the picture's name. For JSON, choose the field with --label-column."
        )
    notices = (f"Left out {counted(unlabeled, 'sample')} without a label",) if unlabeled else ()
    return _dataset(path, {name: by_split[name] for name in SPLIT_NAMES if name in by_split}, notices)


def _dataset(path: Path, by_split: Mapping[str, Sequence[_Sample]], notices: tuple[str, ...]) -> Dataset:
    labels, names = checked_labels(
        {split: [sample.label for sample in samples] for split, samples in by_split.items()}, None
    )
    splits = {}
    for split, samples in by_split.items():
        ids = tuple(sample.id for sample in samples)
        splits[split] = Split(ids, labels[split], BlobImages(tuple(samples), _content, ids))
    name = folder_name(path) if path.is_dir() else path.name.partition(".")[0].partition("{")[0].rstrip("-_")
    return assemble(name or "shards", names, splits, str(path), notices=notices)


def _content(sample: _Sample) -> bytes:
    return sample.shard.content(sample.image)


def _samples(place: ArchivePlace, choice: Labels) -> Iterator[_Sample]:
    members: dict[str, dict[str, str]] = {}
    for name in place.names:
        key, ending = sample_parts(name)
        members.setdefault(key, {})[ending] = name
    for of_sample in members.values():
        image = image_among(of_sample)
        if image is not None:
            yield _Sample(place, image, label_of(of_sample, place.content, place.where, choice.label_column))


def split_of_shard(shard: PurePath) -> str:
    """Return the split that a shard's folder or its name means: `val/0.tar`, `imagenet-train-0001.tar`."""
    words = re.split(r"[\W\d_]+", shard.name.lower())
    by_name = next((SPLIT_OF_WORD[word] for word in words if word in SPLIT_OF_WORD), None)
    return by_name or split_of(shard.parent.name) or "train"


WEBDATASET = Source(
    title="tar files of samples (WebDataset)", accepts=_accepts, open=_open, options=("label_column",)
)
