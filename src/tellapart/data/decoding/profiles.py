"""Color profiles: colors of Adobe RGB, Display P3, CMYK or gray scales, as their files define them, become sRGB.

By Little CMS, relative to the white of each, with black point compensation, as image editors do. Whether a profile
changes anything is found by trying it on a grid of colors, once for each profile: photos with a profile of sRGB, of
whatever make, keep their pixels and cost nothing. A damaged profile, or one for another kind of pixels, is ignored.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tellapart.data.types import Pixels

if TYPE_CHECKING:
    from PIL import Image

LARGEST_PROFILE = 4_000_000
"""Bytes; those of printers have about two million."""

PROFILES_KEPT = 32

SAME_COLOR = 2
"""Levels by which sRGB profiles of different makes differ at most."""

_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
"""Pillow's mode -> the signature that a profile for such pixels has."""

_GRID = 9
"""Levels of red, green and blue that are tried, each."""


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an image in sRGB, mode RGB; the image itself where its profile changes nothing.

    Args:
        image: mode RGB, L or CMYK; any other comes back as it is.
        profile: the file's ICC profile; None where it has none.
    """
    transform = _transform_of(profile, image.mode) if profile and image.mode in _SPACES else None
    return image if transform is None else transform.apply(image)


def pixels_to_srgb(pixels: Pixels, profile: bytes | None) -> Pixels:
    """Return red, green and blue pixels, (h, w, 3), in sRGB."""
    from PIL import Image

    if not profile or _transform_of(profile, "RGB") is None:
        return pixels
    return np.asarray(to_srgb(Image.fromarray(pixels), profile))


def lab_to_srgb(image: Image.Image) -> Image.Image:
    """Return an image of mode LAB as RGB."""
    from PIL import ImageCms

    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )
    return transform.apply(image)


@lru_cache(PROFILES_KEPT)
def _transform_of(profile: bytes, mode: str) -> Any:
    """Return a transform to RGB; None where the profile is ignored, or changes nothing."""
    from PIL import ImageCms

    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile[:LARGEST_PROFILE]))
        if opened.profile.xcolor_space != _SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(
            opened,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return transform if mode == "CMYK" or _changes_colors(transform, mode) else None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _changes_colors(transform: Any, mode: str) -> bool:
    from PIL import Image

    steps = np.linspace(0, 255, _GRID).astype(np.uint8)
    colors = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
    tried = Image.fromarray(colors if mode == "RGB" else np.arange(256, dtype=np.uint8)[None])
    before, after = (np.asarray(image.convert("RGB"), np.int16) for image in (tried, transform.apply(tried)))
    return bool(np.abs(after - before).max() > SAME_COLOR)
