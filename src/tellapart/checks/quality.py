"""Quality: pictures that show little, by their measures, and what kinds of pixels there are."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tellapart.checks.album import Album
from tellapart.checks.findings import Finding
from tellapart.text import counted

BLANK = 6
"""Levels of 255 between the darkest and the brightest 2% of a picture, below which it shows nothing."""

DARK, BRIGHT = 50, 205
"""Levels: 98% of a dark picture is darker, 98% of an overexposed one brighter."""

BLURRED = 0.085
"""Sharpness of a photo of 400 pixels under a Gaussian blur of 5 pixels; of 600 photos of cats and dogs none is below
0.11."""

SMALLEST_FOR_BLUR = 96
"""Pixels of the shorter side, below which a picture is small rather than blurred."""

TINY = 0.25
"""Share of the median side below which a picture is tiny."""

TINY_SIDE = 64
"""Pixels from which on no picture is tiny."""

MODES = {
    "RGB": "color",
    "L": "gray",
    "1": "black and white",
    "LA": "gray with transparency",
    "RGBA": "color with transparency",
    "P": "palette",
    "PA": "palette with transparency",
    "CMYK": "CMYK",
    "YCbCr": "color",
    "I": "gray, 16 or 32 bits",
    "I;16": "gray, 16 bits",
    "I;16B": "gray, 16 bits",
    "I;16L": "gray, 16 bits",
    "F": "gray, floating point",
}
"""Pillow's name -> in words."""


def blank_pictures(album: Album) -> NDArray[np.bool_]:
    """Return which pictures show nothing: (N,)."""
    blank = album.measure("high") - album.measure("low") < BLANK
    blank[list(album.unreadable)] = False
    return blank


def findings_of_quality(album: Album) -> Iterator[Finding]:
    """Yield unreadable, blank, dark, overexposed, blurred and tiny pictures, and mixed kinds of pixels."""
    if album.unreadable:
        yield Finding(
            kind="unreadable",
            seen=f"{counted(len(album.unreadable), 'picture')} cannot be read or used",
            groups=tuple((row,) for row in sorted(album.unreadable)),
            notes=dict(album.unreadable),
        )
    blank = blank_pictures(album)
    there = np.zeros(len(album.ids), bool)
    there[album.readable] = True
    shown = there & ~blank
    sides = album.shapes.min(1)
    usual = float(np.median(sides[there])) if there.any() else 0.0
    yield from _of("blank", "of a single color", blank, album.measure("mean"))
    yield from _of("dark", "nearly black", shown & (album.measure("high") < DARK), album.measure("mean"))
    bright = shown & (album.measure("low") > BRIGHT)
    yield from _of("bright", "nearly white", bright, -album.measure("mean"))
    sharpness = album.measure("sharpness")
    blurred = shown & (sharpness < BLURRED) & (sides >= SMALLEST_FOR_BLUR)
    yield from _of("blurred", "without sharp edges", blurred, sharpness)
    tiny = there & (sides < min(TINY_SIDE, TINY * usual))
    words = f"with a side below {min(TINY_SIDE, TINY * usual):.0f} pixels (median: {usual:.0f})"
    yield from _of("tiny", words, tiny, sides)
    yield from _of_modes(album)


def _of(kind: str, words: str, which: NDArray[np.bool_], order: NDArray[np.generic]) -> Iterator[Finding]:
    rows = np.flatnonzero(which)
    if len(rows):
        rows = rows[np.argsort(order[rows], kind="stable")]
        seen = f"{counted(len(rows), 'picture')} {words}"
        yield Finding(kind=kind, seen=seen, groups=tuple((int(row),) for row in rows))


def _of_modes(album: Album) -> Iterator[Finding]:
    counts = modes_in(album)
    if len(counts) < 2:
        return
    commonest = next(iter(counts))
    other = [int(row) for row in album.readable if in_words(album.modes[row]) != commonest]
    listed = ", ".join(f"{count:,} {mode}" for mode, count in counts.items())
    yield Finding(
        kind="modes",
        seen=listed,
        groups=tuple((row,) for row in other),
        notes={row: in_words(album.modes[row]) for row in other},
    )


def modes_in(album: Album) -> dict[str, int]:
    """Return how many pictures have which kind of pixels, in words, the commonest first."""
    return dict(Counter(in_words(album.modes[row]) for row in album.readable).most_common())


def in_words(mode: str) -> str:
    """Return what Pillow's name of a kind of pixels means."""
    return MODES.get(mode, mode)
