"""Color of 16 bits each: Pillow keeps the high byte, which is nearly black where only 12 bits are used.

Its unpackers for the other order of bytes give the low ones, so a dark picture is decoded a second time with these.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.decoding.header import open_header
from tellapart.data.decoding.levels import LevelRange, integer_range
from tellapart.data.types import Pixels

if TYPE_CHECKING:
    from PIL import Image

_OTHER_BYTES = {";16L": ";16B", ";16B": ";16L", ";16N": ";16B"}
"""Order of bytes -> the one that gives the low byte instead of the high; native order is little-endian wherever wheels
of our libraries exist."""

_USED = 64
"""High bytes of 14 bits are below it."""


def raw_mode(image: Image.Image) -> str:
    """Return how the pixels of an unloaded image are stored, as Pillow calls it; empty where they are not tiled."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def brightened(image: Image.Image, stored: str, encoded: bytes) -> tuple[Image.Image, str]:
    """Return a dark image of 16 bits a color with as many bits as it uses, and a note; any other as it is.

    Args:
        image: loaded, mode RGB or RGBA.
        stored: its `raw_mode`, before it was loaded.
        encoded: its file.
    """
    from PIL import Image

    ending = stored[-4:]
    if image.mode not in ("RGB", "RGBA") or ending not in _OTHER_BYTES:
        return image, ""
    high = np.asarray(image)
    if high[..., :3].max(initial=0) >= _USED:
        return image, ""
    low = _decoded_again(encoded, stored, stored[:-4] + _OTHER_BYTES[ending])
    levels = high.astype(np.uint16) * np.uint16(256) + low
    found = integer_range(0, int(levels[..., :3].max(initial=0)))
    return Image.fromarray(_scaled(levels, high, found), image.mode), found.note


def _decoded_again(encoded: bytes, stored: str, raw: str) -> NDArray[np.uint8]:
    opened: Any = open_header(io.BytesIO(encoded))
    with opened as image:
        image.tile = [tile._replace(args=_replaced(tile.args, stored, raw)) for tile in image.tile]
        image.load()
        return np.asarray(image)


def _replaced(arguments: Any, stored: str, raw: str) -> Any:
    if isinstance(arguments, tuple):
        return tuple(raw if argument == stored else argument for argument in arguments)
    return raw if arguments == stored else arguments


def _scaled(levels: NDArray[np.uint16], high: Pixels, found: LevelRange) -> Pixels:
    """Return the colors scaled, and the alpha of a fourth channel as it was."""
    scaled = found.to_bytes(levels)
    scaled[..., 3:] = high[..., 3:]
    return scaled
