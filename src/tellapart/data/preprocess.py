"""PixelPath: the one way from a decoded picture to the size and channels that a network reads.

It is saved inside the model, so training, evaluation and prediction see the same pixels.

Knows nothing of files, and never touches a picture that already fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

from tellapart.data.types import Pixels
from tellapart.errors import ConfigError, DataError

Policy = Literal["crop", "pad", "stretch"]
POLICIES: tuple[str, ...] = get_args(Policy)

LARGEST_SIDE = 16_384
"""Pixels. A larger side is a slip of the keyboard, not a picture size."""

PADDING_GRAY = 127
"""What `pad` fills with: constant, so it carries nothing to learn from, and near the mean, so it is close to
zero after centring. Repeating the edge would draw streaks that exist in no photo."""

_REDUCING_GAP = 3.0
"""A picture more than three times too large is first shrunk by whole factors (a box mean), then resampled:
several times faster on camera photos, within a level or two of resampling every pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """How every picture is brought to one size. Saved inside the model.

    Resampling is bicubic with antialiasing (Pillow widens the kernel when shrinking): sharper than bilinear
    when pictures grow, with less ringing than Lanczos around the hard edges of drawings and digits.
    """

    height: int
    """Pixels."""

    width: int
    """Pixels."""

    channels: int = 3
    """3 for red, green, blue; 1 for gray."""

    policy: Policy = "crop"
    """crop: the largest centered part of the right shape. pad: the whole picture, the rest mid-gray.
    stretch: the whole picture, out of proportion where it must be."""

    def __post_init__(self) -> None:
        for name, side in (("height", self.height), ("width", self.width)):
            if not isinstance(side, int) or isinstance(side, bool) or not 1 <= side <= LARGEST_SIDE:
                raise ConfigError(f"{name} is a whole number of pixels, 1 to {LARGEST_SIDE}; got {side!r}.")
        if self.channels not in (1, 3) or isinstance(self.channels, bool):
            raise ConfigError(f"channels is 3 (color) or 1 (gray); got {self.channels!r}.")
        if self.policy not in POLICIES:
            raise ConfigError(f"policy is one of {', '.join(POLICIES)}; got {self.policy!r}.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return (self.height, self.width, self.channels)

    def apply(self, picture: Pixels) -> Pixels:
        """Bring one picture to this path's shape.

        Args:
            picture: (h, w, 3 or 1) uint8.

        Returns:
            (height, width, channels) uint8; `picture` itself where it already has that shape.

        Raises:
            DataError: `picture` is not such an array.
        """
        if (
            picture.dtype != np.uint8
            or picture.ndim != 3
            or picture.shape[2] not in (1, 3)
            or not picture.size
        ):
            raise DataError(
                f"A picture is uint8 (height, width, 3 or 1), not empty; got {picture.dtype} {picture.shape}."
            )
        # Gray before resizing: a third of the work. Color after it, for the same reason.
        picture = _gray(picture) if self.channels == 1 else picture
        picture = _resize(picture, self.height, self.width, self.policy)
        return np.repeat(picture, 3, axis=2) if picture.shape[2] < self.channels else picture

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Preprocessing:
        """The path that `to_dict` described.

        Raises:
            ConfigError: a field is missing, unknown or out of range.
        """
        fields = {"height", "width", "channels", "policy"}
        if not isinstance(saved, Mapping) or set(saved) != fields:
            met = ", ".join(map(str, saved)) if isinstance(saved, Mapping) else repr(saved)
            raise ConfigError(f"A pixel path has exactly the fields {', '.join(sorted(fields))}; got {met}.")
        return cls(**saved)


def _gray(picture: Pixels) -> Pixels:
    """ITU-R 601 luma rounded as Pillow does; (h, w, 3) -> (h, w, 1). Equal channels come out unchanged."""
    if picture.shape[2] == 1:
        return picture
    red, green, blue = (picture[..., channel].astype(np.uint32) for channel in range(3))
    luma = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16  # (h, w)
    return luma.astype(np.uint8)[..., None]


def _resize(picture: Pixels, height: int, width: int, policy: str) -> Pixels:
    if picture.shape[:2] == (height, width):
        return picture
    if policy == "pad":
        return _pad(picture, height, width)
    box = _center_box(picture, height, width) if policy == "crop" else None
    return _resample(picture, height, width, box)


def _center_box(picture: Pixels, height: int, width: int) -> tuple[float, float, float, float]:
    """The largest centered part of `picture` with the proportions height : width, in its own pixels.

    The same pixels as resizing the shorter side and cutting the middle out, in one step and without rounding
    the size in between.
    """
    old_height, old_width = picture.shape[:2]
    scale = max(height / old_height, width / old_width)
    left, top = (old_width - width / scale) / 2, (old_height - height / scale) / 2
    left, top = max(left, 0.0), max(top, 0.0)
    return (left, top, old_width - left, old_height - top)


def _pad(picture: Pixels, height: int, width: int) -> Pixels:
    old_height, old_width = picture.shape[:2]
    scale = min(height / old_height, width / old_width)
    inner_height = min(height, max(1, round(old_height * scale)))
    inner_width = min(width, max(1, round(old_width * scale)))
    if (inner_height, inner_width) != (old_height, old_width):
        picture = _resample(picture, inner_height, inner_width, None)
    padded = np.full((height, width, picture.shape[2]), PADDING_GRAY, np.uint8)
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    padded[top : top + inner_height, left : left + inner_width] = picture
    return padded


def _resample(
    picture: Pixels, height: int, width: int, box: tuple[float, float, float, float] | None
) -> Pixels:
    from PIL import Image

    flat = picture[..., 0] if picture.shape[2] == 1 else picture
    image = Image.fromarray(np.ascontiguousarray(flat))
    resized = image.resize((width, height), Image.Resampling.BICUBIC, box=box, reducing_gap=_REDUCING_GAP)
    return np.asarray(resized, np.uint8).reshape(height, width, picture.shape[2])
