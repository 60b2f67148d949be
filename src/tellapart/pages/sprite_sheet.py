"""Sprite sheet: many small images in one, which keeps a page small."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.pages.data_url import webp_url

SIDE = 48
"""Default length of the longer side, pixels."""

LARGEST = 16_000
"""Pixels of the sheet's width, at most; a side of a WebP image has at most 16,383."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Images of one size, laid out in rows from the top left."""

    url: str
    """A data URL."""

    columns: int
    width: int
    """Of one image, pixels."""

    height: int
    places: dict[str, int]
    """Name of an image -> its place, from 0."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for a page."""
        return {name: getattr(self, name) for name in ("url", "columns", "width", "height", "places")}

    @property
    def positions(self) -> dict[str, str]:
        """Where each image is, as CSS's background-position."""
        rows = -(-len(self.places) // self.columns)
        return {
            name: f"{_share(place % self.columns, self.columns)} {_share(place // self.columns, rows)}"
            for name, place in self.places.items()
        }


def sheet(
    images: dict[str, NDArray[np.uint8]], quality: int = 85, side: int = SIDE, *, doubled: bool = False
) -> Sheet | None:
    """Lay out images of one shape.

    Args:
        images: name -> (H, W, 1 or 3) uint8.
        quality: of the WebP image, 0 to 100.
        side: pixels of the longer side, to which larger images are shrunk.
        doubled: repeat each pixel 2 x 2, because WebP keeps one color per 2 x 2 pixels.

    Returns:
        The sheet; None where there are no images.
    """
    if not images:
        return None
    small = [_small(image, side) for image in images.values()]
    if doubled:
        small = [
            image.resize((2 * image.width, 2 * image.height), Image.Resampling.NEAREST) for image in small
        ]
    width, height = small[0].size
    columns = max(1, min(len(small), math.isqrt(len(small) - 1) + 1, LARGEST // width))
    whole = Image.new("RGB", (columns * width, -(-len(small) // columns) * height))
    for place, image in enumerate(small):
        whole.paste(image, (place % columns * width, place // columns * height))
    places = {name: place for place, name in enumerate(images)}
    return Sheet(webp_url(whole, quality=quality), columns, width, height, places)


def _share(place: int, count: int) -> str:
    return f"{100 * place / max(1, count - 1):.4f}%"


def _small(pixels: NDArray[np.uint8], side: int) -> Image.Image:
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    image.thumbnail((side, side))
    return image
