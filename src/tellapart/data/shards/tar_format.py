"""Tar shards in WebDataset's form: `KEY.jpg` beside `KEY.cls`, one sample after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tellapart.data.shards.index import PIECE_BYTES, PIECE_PICTURES, Shard
from tellapart.data.shards.places import protocol_of, read_range
from tellapart.data.shards.samples import Sample
from tellapart.data.sources.sample_members import image_among, label_of, sample_parts
from tellapart.untrusted.tar_members import TarEntry, entries

READ_LOCALLY, READ_REMOTELY = 1 << 16, 8 << 20
"""Bytes that are read at a time while a shard is listed."""


class ListedPiece(NamedTuple):
    """A part of a shard, with its samples; the pictures themselves are empty."""

    start: int
    size: int
    samples: tuple[tuple[Sample, int], ...]
    """Each with the bytes of its picture; 0: it is read with the part alone."""

    unlabeled: int


def list_tar(address: str, size: int, label_column: str | None) -> Iterator[ListedPiece]:
    """Yield the parts of a shard.

    Args:
        address: of the shard.
        size: its bytes.
        label_column: the ending, or the field of the JSON, that holds the label.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, or holds what is refused.
    """
    ahead = READ_REMOTELY if protocol_of(address) not in ("", "file") else READ_LOCALLY
    read = _buffered(address, size, ahead)
    start, stop, unlabeled = 0, 0, 0
    samples: list[tuple[Sample, int]] = []
    for members in _grouped(entries(read, size, whole=True)):
        if samples and (members[0].start - start >= PIECE_BYTES or len(samples) >= PIECE_PICTURES):
            yield ListedPiece(start, members[0].start - start, tuple(samples), unlabeled)
            start, unlabeled = members[0].start, 0
            samples = []
        stop = members[-1].stop
        image, label = _image_and_label(members, read, address, label_column)
        if image is not None and label:
            samples.append((Sample(sample_parts(image.name)[0], b"", label, image.data), image.size))
        unlabeled += image is not None and not label
    if samples or unlabeled:
        yield ListedPiece(start, stop - start, tuple(samples), unlabeled)


def samples_of_tar(shard: Shard, number: int, content: bytes, label_column: str | None) -> list[Sample]:
    """Return the labeled pictures of a part.

    Args:
        shard: that it belongs to.
        number: of the part.
        content: its bytes.
        label_column: as in `list_tar`.

    Raises:
        ValueError: it is damaged, or holds what is refused.
    """

    def read(start: int, stop: int) -> bytes:
        return content[start:stop]

    samples = []
    for members in _grouped(entries(read, len(content))):
        image, label = _image_and_label(members, read, shard.name, label_column)
        if image is not None and label:
            pixels = content[image.data : image.data + image.size]
            samples.append(
                Sample(sample_parts(image.name)[0], pixels, label, shard.pieces[number].start + image.data)
            )
    return samples


def _grouped(members: Iterator[TarEntry]) -> Iterator[list[TarEntry]]:
    """Yield the members of each sample, which lie together."""
    together: list[TarEntry] = []
    present = ""
    for member in members:
        key = sample_parts(member.name)[0]
        if together and key != present:
            yield together
            together = []
        present = key
        together.append(member)
    if together:
        yield together


def _image_and_label(
    members: list[TarEntry], read: Callable[[int, int], bytes], where: str, label_column: str | None
) -> tuple[TarEntry | None, str]:
    by_name = {member.name: member for member in members}
    of_sample = {sample_parts(name)[1]: name for name in by_name}
    image = image_among(of_sample)
    if image is None:
        return None, ""

    def content(name: str) -> bytes:
        member = by_name[name]
        return read(member.data, member.data + member.size)

    return by_name[image], label_of(of_sample, content, where, label_column)


def _buffered(address: str, size: int, ahead: int) -> Callable[[int, int], bytes]:
    """Return a function that reads ranges which mostly follow each other."""
    begin, held = 0, b""

    def read(start: int, stop: int) -> bytes:
        nonlocal begin, held
        if not (begin <= start and stop <= begin + len(held)):
            begin, held = start, read_range(address, start, min(max(stop, start + ahead), size))
        return held[start - begin : stop - begin]

    return read
