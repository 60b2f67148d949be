"""Levels: pixels of more than 8 bits, or floating-point ones, brought to 0..255.

What is black and what is white is taken from the file where it says so: TIFF's bits per sample and its tags for the
smallest and largest sample, PNG's significant bits, a PGM's maximum. Where it does not, it is read from the pixels, and
a note says so: 12-bit levels in a 16-bit file, which no larger level betrays, would come out nearly black.

Ranges are those that files usually have (8, 10, 12, 14 or 16 bits; 0 to 1; 0 to 255), so that pictures of one camera
keep their differences in brightness; only what fits none is spread from its own darkest to its own brightest pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.data.types import Pixels
from tellapart.errors import PictureError

if TYPE_CHECKING:
    from PIL import Image

DEEP_MODES = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
"""Pillow's modes of pixels with more than 8 bits, all gray."""

_USUAL_BITS = (8, 10, 12, 14)
"""Of cameras and scanners, below 16."""

_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT, _SMALLEST, _LARGEST = 258, 262, 339, 340, 341
"""Tags of TIFF."""

_UNSIGNED, _WHITE_IS_ZERO = 1, 0
_BRIGHT_ENOUGH = 1 / 16
"""Share of a usual range that a floating-point picture's brightest pixel must reach for it to be that range."""


class LevelRange(NamedTuple):
    """Which levels are black and white."""

    black: float
    white: float
    note: str = ""
    """What was assumed, where the file does not say it; the same for all pictures of a kind."""

    def to_bytes(self, levels: NDArray[Any]) -> Pixels:
        """Return 0..255, rounded; what lies beyond black and white becomes these, and what is no number black."""
        share = (levels.astype(np.float64) - self.black) * (255 / (self.white - self.black))
        return np.nan_to_num(np.rint(share), nan=0.0).clip(0, 255).astype(np.uint8)


def levels_of(image: Image.Image, rows: slice = slice(None)) -> NDArray[Any]:
    """Return the levels of an image in one of DEEP_MODES, (h, w); 32 bits without a sign as they were meant."""
    width, height = image.size
    top, bottom, _ = rows.indices(height)
    levels = np.asarray(image if rows == slice(None) else image.crop((0, top, width, bottom)))
    is_unsigned = image.mode == "I" and _tag(image, _BITS) == 32 and _is_unsigned(image)
    return levels.view(np.uint32) if is_unsigned else levels


def range_of(image: Image.Image, encoded: bytes | None = None) -> LevelRange:
    """Return which levels of an image are black and white.

    Args:
        image: loaded, in one of DEEP_MODES.
        encoded: its file, where there is one.

    Raises:
        PictureError: not one pixel is a number.
    """
    levels = levels_of(image)
    finite = levels[np.isfinite(levels)] if image.mode == "F" else levels
    if not finite.size:
        raise PictureError("floating-point pixels, none of which is a number.")
    lowest, highest = finite.min().item(), finite.max().item()
    found = _stated_range(image, encoded, highest)
    if found is None:
        found = (
            _float_range(lowest, highest) if image.mode == "F" else integer_range(lowest, highest, image.mode)
        )
    if _tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO:
        return found._replace(black=found.white, white=found.black)
    return found


def integer_range(lowest: int, highest: int, mode: str = "I;16") -> LevelRange:
    """Return the range of whole levels that nothing is stated about.

    Args:
        lowest: level of all pixels.
        highest: level of all pixels; 0 in a black picture, of which nothing is assumed.
        mode: Pillow's.
    """
    if lowest < 0 or highest > 0xFFFF:
        kind = "32-bit" if mode == "I" else "16-bit"
        note = f"{kind} levels, each picture scaled from its darkest to its brightest pixel"
        return LevelRange(lowest, max(highest, lowest + 1), note)
    bits = next((bits for bits in _USUAL_BITS if highest < 1 << bits), 16)
    if bits == 16 or highest == 0:
        return LevelRange(0, 0xFFFF)
    white = (1 << bits) - 1
    return LevelRange(
        0, white, f"16-bit levels of which only {bits} bits are used, read with {white:,} as white"
    )


def _float_range(lowest: float, highest: float) -> LevelRange:
    for white in (1, 255):
        if lowest >= 0 and white * _BRIGHT_ENOUGH < highest <= white:
            return LevelRange(0, white, f"floating-point levels, read with 0 as black and {white} as white")
    note = "floating-point levels, each picture scaled from its darkest to its brightest pixel"
    return LevelRange(lowest, highest if highest > lowest else lowest + 1, note)


def _stated_range(image: Image.Image, encoded: bytes | None, highest: float) -> LevelRange | None:
    if image.format == "PPM" and image.mode != "F":  # Pillow has scaled it by the file's maximum
        return LevelRange(0, 0xFFFF)
    smallest, largest = _tag(image, _SMALLEST), _tag(image, _LARGEST)
    if smallest is not None and largest is not None and smallest < largest:
        return LevelRange(float(smallest), float(largest))
    bits = _tag(image, _BITS) if image.format == "TIFF" else _significant_bits(image, encoded)
    if bits is not None and bits < 16 and highest < 1 << bits:
        return LevelRange(0, (1 << bits) - 1)
    return None


def _tag(image: Image.Image, number: int) -> Any:
    """Return a TIFF tag's first value; None where there is none."""
    value = getattr(image, "tag_v2", {}).get(number)
    return value[0] if isinstance(value, tuple) and value else value


def _is_unsigned(image: Image.Image) -> bool:
    return _tag(image, _SAMPLE_FORMAT) in (None, _UNSIGNED)


def _significant_bits(image: Image.Image, encoded: bytes | None) -> int | None:
    """Return how many bits a PNG says are significant, in its chunk sBIT, which stands before the pixels."""
    if image.format != "PNG" or encoded is None:
        return None
    place = 8  # behind the signature; each chunk: 4 bytes of length, 4 of type, the content, 4 of checksum
    while place + 9 <= len(encoded):
        length, kind = int.from_bytes(encoded[place : place + 4], "big"), encoded[place + 4 : place + 8]
        if kind == b"sBIT" and length:
            return encoded[place + 8] or None
        if kind == b"IDAT":
            return None
        place += 12 + length
    return None
