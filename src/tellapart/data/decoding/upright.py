"""Upright pixels: a loaded image of any mode as 8 bits of red, green and blue over white, turned as the camera says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tellapart.data.decoding.header import orientation_of
from tellapart.data.decoding.levels import DEEP_MODES, LevelRange, levels_of, range_of
from tellapart.data.decoding.profiles import lab_to_srgb, to_srgb
from tellapart.data.types import Pixels

if TYPE_CHECKING:
    from PIL import Image

CONVERTED_AT_ONCE = 250_000
"""Pixels."""


def upright_rgb(image: Image.Image, encoded: bytes | None = None) -> tuple[Pixels, str]:
    """Turn a loaded image upright, and to 8 bits of red, green and blue over white.

    Some rows at a time: conversions copy what they are given.

    Args:
        image: loaded.
        encoded: its file, where there is one.

    Returns:
        (H, W, 3), and a note where its levels had to be interpreted.
    """
    width, height = image.size
    orientation = orientation_of(image)
    upright = np.empty((width, height, 3) if orientation >= 5 else (height, width, 3), np.uint8)
    stored = as_stored(upright, orientation)
    levels = range_of(image, encoded) if image.mode in DEEP_MODES else None
    rows = max(1, CONVERTED_AT_ONCE // max(width, 1))
    for top in range(0, height, rows):
        part = slice(top, min(top + rows, height))
        stored[part] = _rgb(image, part, levels)
    return upright, "" if levels is None else levels.note


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """Return pixels as the camera stored them, (h, w, 3), upright."""
    if orientation == 1:
        return pixels
    height, width, channels = pixels.shape
    upright = np.empty((width, height, channels) if orientation >= 5 else pixels.shape, np.uint8)
    as_stored(upright, orientation)[:] = pixels
    return upright


def as_stored(upright: Pixels, orientation: int) -> Pixels:
    """Return a view of an upright image in which its pixels lie as the camera stored them."""
    view = upright.swapaxes(0, 1) if orientation >= 5 else upright
    if orientation in (3, 4, 6, 7):
        view = view[::-1]
    return view[:, ::-1] if orientation in (2, 3, 7, 8) else view


def _rgb(image: Image.Image, rows: slice, levels: LevelRange | None) -> Pixels:
    """Return some rows as 8 bits of red, green and blue over white."""
    from PIL import Image

    profile = image.info.get("icc_profile")
    if levels is not None:
        gray = Image.fromarray(levels.to_bytes(levels_of(image, rows)))
        return np.asarray(to_srgb(gray, profile).convert("RGB"))
    part = image.crop((0, rows.start, image.size[0], rows.stop))
    if part.mode == "LAB":
        return np.asarray(lab_to_srgb(part))
    if part.has_transparency_data:
        colors = part.convert("RGBA")
        over_white = Image.new("RGBA", part.size, (255, 255, 255, 255))
        if profile:
            alpha = colors.getchannel("A")
            colors = to_srgb(colors.convert("RGB"), profile)
            colors.putalpha(alpha)
        return np.asarray(Image.alpha_composite(over_white, colors).convert("RGB"))
    colors = part if part.mode in ("L", "CMYK") else part.convert("RGB")
    return np.asarray(to_srgb(colors, profile).convert("RGB"))
