"""Sheet: many small pictures as one, so that a page holds them cheaply."""

import base64
import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 48
"""Pixels of the longer side, unless somebody says otherwise."""

LARGEST = 16_000
"""Pixels. A WebP picture's side is at most 16,383."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Pictures in rows from the left and from the top."""

    url: str
    """A data URL."""

    columns: int
    width: int
    """Of one picture, pixels."""

    height: int
    places: dict[str, int]
    """What a picture is called -> its place, counted from 0."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a page."""
        return {name: getattr(self, name) for name in ("url", "columns", "width", "height", "places")}

    @property
    def positions(self) -> dict[str, str]:
        """Where each picture lies, as CSS's background-position."""
        rows = -(-len(self.places) // self.columns)
        return {
            name: f"{_share(place % self.columns, self.columns)} {_share(place // self.columns, rows)}"
            for name, place in self.places.items()
        }


def sheet(
    pictures: dict[str, NDArray[np.uint8]], quality: int = 85, side: int = SIDE, *, doubled: bool = False
) -> Sheet | None:
    """Lay out pictures of one shape.

    Args:
        pictures: by name; (H, W, 1 or 3) uint8.
        quality: of the WebP picture, 0 to 100.
        side: pixels; larger pictures are made smaller, so that their longer side has this.
        doubled: whether each pixel is then made four: WebP keeps one color for two pixels by two.

    Returns:
        The sheet; None where there are no pictures.
    """
    if not pictures:
        return None
    small = [_small(picture, side) for picture in pictures.values()]
    if doubled:
        small = [one.resize((2 * one.width, 2 * one.height), Image.Resampling.NEAREST) for one in small]
    width, height = small[0].size
    columns = max(1, min(len(small), math.isqrt(len(small) - 1) + 1, LARGEST // width))
    whole = Image.new("RGB", (columns * width, -(-len(small) // columns) * height))
    for place, picture in enumerate(small):
        whole.paste(picture, (place % columns * width, place // columns * height))
    file = io.BytesIO()
    whole.save(file, "WEBP", quality=quality, method=4)
    url = "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
    return Sheet(url, columns, width, height, {name: place for place, name in enumerate(pictures)})


def _share(place: int, count: int) -> str:
    return f"{100 * place / max(1, count - 1):.4f}%"


def _small(picture: NDArray[np.uint8], side: int) -> Image.Image:
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).convert("RGB")
    image.thumbnail((side, side))
    return image
