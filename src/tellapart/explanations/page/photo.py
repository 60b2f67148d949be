"""The photo on the first screen, and a heat map as a see-through picture that is laid over it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.data.preprocess import Box, Placement
from tellapart.pages.data_url import webp_url

LARGEST_SIDE = 1024
"""Pixels of the photo's longer side on the page, at most."""

SMALL_SIDE = 64
"""Pixels of the longer side up to which a picture is shown enlarged, with its pixels visible."""

NEARLY_WHOLE = 0.9
"""Share of a photo's area from which the part that the network sees is shown instead of the photo."""

SMOOTH_SIDE = 256
"""Pixels of the shorter side to which a coarser map is smoothly enlarged."""

FOR, AGAINST = (24, 110, 255), (235, 45, 35)
"""Colors over a photo: stronger than those of the small maps, whose picture is gray and light."""


def is_small(height: int, width: int) -> bool:
    """Return whether an image of this size is shown with its pixels visible."""
    return max(height, width) <= SMALL_SIDE


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as the page shows it."""

    url: str
    """A data URL."""

    width: int
    """Of the image in the URL, pixels."""

    height: int

    seen: Box
    """Where the part that the network sees lies on it: left, top, width, height, as shares of 1."""

    is_small: bool
    """Whether its pixels are to be seen one by one."""

    @property
    def style(self) -> str:
        """Where the part that the network sees lies, as CSS."""
        edges = zip(("left", "top", "width", "height"), self.seen, strict=True)
        return "; ".join(f"{edge}: {100 * share:.4f}%" for edge, share in edges)

    @property
    def is_seen_whole(self) -> bool:
        """Whether the network sees everything that is shown."""
        return self.seen == (0, 0, 1, 1)


def photo_of(original: NDArray[np.uint8], placement: Placement) -> Photo:
    """Return a picture for the page: its own pixels, or fewer.

    Args:
        original: (h, w, 1 or 3).
        placement: what the network sees of it.
    """
    height, width = original.shape[:2]
    left, top, right, bottom = placement.source
    is_seen_whole = (right - left) * (bottom - top) >= NEARLY_WHOLE * width * height
    shown = placement.source if is_seen_whole else (0, 0, width, height)
    sides = shown[2] - shown[0], shown[3] - shown[1]
    scale = min(1, LARGEST_SIDE / max(sides))
    size = max(1, round(sides[0] * scale)), max(1, round(sides[1] * scale))
    whole = Image.fromarray(original[..., 0] if original.shape[2] == 1 else original)
    image = whole.resize(size, Image.Resampling.LANCZOS, box=shown, reducing_gap=3.0).convert("RGB")
    has_visible_pixels = is_small(*size)
    url = webp_url(image, lossless=True) if has_visible_pixels else webp_url(image, quality=88)
    seen = (left / width, top / height, (right - left) / width, (bottom - top) / height)
    return Photo(url, *size, (0, 0, 1, 1) if is_seen_whole else seen, has_visible_pixels)


def overlay(heat: NDArray[np.float32], target: Box, is_smooth: bool, side: int | None = None) -> str:
    """Return a heat map as a data URL: blue for, red against, the more opaque the larger its value.

    Args:
        heat: (H, W), of the network's image.
        target: the part of that image that shows the photo, and not padding.
        is_smooth: enlarge a coarse map smoothly; otherwise each of its pixels stays one.
        side: pixels of a smooth one's shorter side. Default: those of the map, at least SMOOTH_SIDE.
    """
    left, top, right, bottom = map(round, target)
    share = (heat[top:bottom, left:right] / _full_strength(np.abs(heat))).clip(-1, 1)
    if is_smooth:
        share = _resized(share, side or max(SMOOTH_SIDE, min(share.shape)))
    color = np.where(share[..., None] < 0, AGAINST, FOR)
    pixels = np.concatenate([color, np.round(255 * np.abs(share))[..., None]], -1).astype(np.uint8)
    return webp_url(Image.fromarray(pixels, "RGBA"), lossless=True)


def _full_strength(sizes: NDArray[np.float32]) -> float:
    """Return the size that is drawn opaque: all but a few pixels stay below, which would leave the others invisible."""
    return float(np.quantile(sizes, 0.99)) or max(float(sizes.max()), 1e-12)


def _resized(share: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    height, width = share.shape
    scale = side / min(height, width)
    size = round(width * scale), round(height * scale)
    smooth = np.asarray(Image.fromarray(share.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))
    return smooth.clip(-1, 1)
