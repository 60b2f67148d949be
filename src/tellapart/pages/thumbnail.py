"""Thumbnails: pictures as a card shows them, a few kilobytes each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.pages.card import Picture
from tellapart.pages.data_url import webp_url
from tellapart.text import short_name

SIDE = 96
"""Pixels of the longer side on the page."""

SMALL_SIDE = 48
"""Pixels up to which a picture is shown with its pixels visible."""

MOST = 12
"""Pictures on a card."""


def thumbnail(
    pixels: NDArray[np.uint8] | Image.Image, caption: str, side: int = SIDE, over: str = ""
) -> Picture:
    """Return a picture for a card.

    Args:
        pixels: (H, W, 1 or 3), or a PIL image.
        caption: what stands below it.
        side: pixels of the longer side on the page.
        over: data URL of a picture of the same proportions that is laid over it.
    """
    image = pixels if isinstance(pixels, Image.Image) else _image(pixels)
    is_pixels = max(image.size) <= SMALL_SIDE
    how: Mapping[str, Any] = {"lossless": True} if is_pixels else {"quality": 80}
    scale = side / max(image.size)
    width = max(1, round(image.width * scale))
    if not is_pixels:
        image = image.convert("RGB")
        image.thumbnail((2 * side, 2 * side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return Picture(webp_url(image.convert("RGB"), **how), short_name(caption, 80), width, over, is_pixels)


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
