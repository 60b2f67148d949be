"""Repeats: from pairs of pictures that show one shot to findings: leaks between splits, conflicting labels, copies."""

from collections.abc import Iterator

import numpy as np

from tellapart.checks.album import Album
from tellapart.checks.duplicates import Pair, groups_of
from tellapart.checks.findings import Finding
from tellapart.text import counted

ORDER = ("train", "validation", "test")


def findings_of_repeats(album: Album, exact: list[Pair], near: list[Pair]) -> Iterator[Finding]:
    """Yield leaks, conflicting labels, and copies within a split; each exact, then near.

    Args:
        album: of the pictures.
        exact: pairs with the same pixels.
        near: pairs that show the same shot otherwise.
    """
    for name, pairs in (("", exact), ("near ", near)):
        groups = _groups(album, pairs)
        crossing = [group for group in groups if len({album.split_of[row] for row in group}) > 1]
        yield from _leak(album, f"{name}leak", crossing, pairs)
        within = [group for group in groups if len({album.split_of[row] for row in group}) == 1]
        if within:
            extra = sum(len(group) - 1 for group in within)
            are = "repeats" if extra == 1 else "repeat"
            verb = f"nearly {are}" if name else are
            seen = f"{counted(extra, 'picture')} {verb} another of the same split"
            yield Finding(kind=f"{name}duplicate", seen=seen, groups=tuple(within), notes=_notes(pairs))
    yield from _conflicts(album, [*exact, *near])


def _leak(album: Album, kind: str, crossing: list[tuple[int, ...]], pairs: list[Pair]) -> Iterator[Finding]:
    if not crossing:
        return
    scored = [row for group in crossing for row in _scored(album, group)]
    counts = {name: sum(album.split(row) == name for row in scored) for name in ORDER[1:]}
    sizes = {name: len(split) for name, split in album.dataset.splits.items()}
    subjects = [f"{count:,} of {sizes[name]:,} {name} pictures" for name, count in counts.items() if count]
    verb = "has" if len(scored) == 1 else "have"
    what = "a copy" if kind == "leak" else "a near copy"
    seen = f"{' and '.join(subjects)} {verb} {what} in another split"
    yield Finding(kind=kind, seen=seen, groups=tuple(crossing), notes=_notes(pairs))


def _scored(album: Album, group: tuple[int, ...]) -> list[int]:
    """Return those of a group's pictures whose score is spoiled: all but those of its first split."""
    first = min((album.split(row) for row in group), key=ORDER.index)
    return [row for row in group if album.split(row) != first]


def _conflicts(album: Album, pairs: list[Pair]) -> Iterator[Finding]:
    differing = [
        pair for pair in pairs if not np.array_equal(album.labels[pair.first], album.labels[pair.second])
    ]
    groups = _groups(album, differing)
    if groups:
        same = sum(len({album.digests[row].tobytes() for row in group}) == 1 for group in groups)
        seen = f"{counted(len(groups), 'picture')} with different labels ({same:,} identical in every pixel)"
        notes = {row: f"labeled {album.label(row)}" for group in groups for row in group}
        yield Finding(kind="conflicting labels", seen=seen, groups=tuple(groups), notes=notes)


def _groups(album: Album, pairs: list[Pair]) -> list[tuple[int, ...]]:
    """Return connected pictures, test pictures first in each group, the most similar groups first."""
    likeness: dict[int, float] = {}
    for pair in pairs:
        for row in (pair.first, pair.second):
            likeness[row] = max(likeness.get(row, 0.0), pair.similarity)
    groups = [
        tuple(sorted(map(int, group), key=lambda row: (-ORDER.index(album.split(row)), row)))
        for group in groups_of(pairs, len(album.ids))
    ]
    return sorted(groups, key=lambda group: (-max(likeness[row] for row in group), group))


def _notes(pairs: list[Pair]) -> dict[int, str]:
    """Return for the later picture of each pair how much it is like the other."""
    return {
        pair.second: "same pixels" if pair.exact else f"similarity {pair.similarity:.2f}"
        for pair in reversed(pairs)
    }
