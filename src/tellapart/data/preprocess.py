"""Preprocessing: from a decoded image to the size and channels that a network reads.

It is saved inside the model, so training, evaluation and prediction see the same pixels. An image that
already fits is left alone. `reading` keeps the way of earlier models, and that of Keras's loaders, beside the faster
one of new trainings.

Knows nothing of files; scaling to 0..1 is a layer of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from tellapart.data.keras_resizing import METHODS, resized_as_keras
from tellapart.data.types import ImageShape, Pixels
from tellapart.errors import ConfigError, DataError
from tellapart.pages.card import Readable

Policy = Literal["crop", "pad", "stretch"]
POLICIES: tuple[str, ...] = get_args(Policy)

Reading = Literal["exact", "fast", "bilinear", "nearest"]
READINGS: tuple[str, ...] = get_args(Reading)

LARGEST_SIDE = 16_384
"""Pixels. A larger side is a typing error, not an image size."""

PADDING_GRAY = 127
"""The level that `pad` fills with: constant, so it carries nothing to learn from, and near the mean, so it is close to
zero after centering. Repeating the edge would draw streaks that exist in no photo."""

_REDUCING_GAP = 3.0
"""An image more than three times too large is first shrunk by whole factors (a box mean), then resampled:
several times faster on camera photos, within a level or two of resampling every pixel."""


Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in an image's own pixels, with fractions."""


class Placement(NamedTuple):
    """How an image lies in its preprocessed form."""

    source: Box
    """The part of the image that is kept."""

    target: Box
    """Where that part lies in the result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing(Readable):
    """How every image is brought to one size. Saved inside the model.

    Resampling is bicubic with antialiasing (the kernel widens when shrinking): sharper than bilinear when
    enlarging, with less ringing than Lanczos around the hard edges of drawings and digits.
    """

    height: int
    """Pixels."""

    width: int
    """Pixels."""

    channels: int = 3
    """3 for red, green, blue; 1 for gray."""

    policy: Policy = "crop"
    """crop: the largest centered part of the right proportions. pad: the whole image, the rest mid-gray.
    stretch: the whole image, its proportions changed."""

    reading: Reading = "exact"
    """exact: every pixel is decoded, and Pillow resamples. fast: large JPEGs are decoded at 1/2, 1/4 or 1/8, and torch
    resamples in its kernels for bytes, which come within two levels of Pillow's in a fifth of the time; the part that
    `crop` keeps begins at a whole pixel. bilinear, nearest: every pixel is decoded and resized as Keras's loaders do,
    for models that they fed (`keras_resizing`). A model that does not say was trained with exact reading."""

    def __post_init__(self) -> None:
        for name, side in (("height", self.height), ("width", self.width)):
            if not isinstance(side, int) or isinstance(side, bool) or not 1 <= side <= LARGEST_SIDE:
                raise ConfigError(f"{name} is a whole number of pixels, 1 to {LARGEST_SIDE}; got {side!r}.")
        if self.channels not in (1, 3) or isinstance(self.channels, bool):
            raise ConfigError(f"channels is 3 (color) or 1 (gray); got {self.channels!r}.")
        if self.policy not in POLICIES:
            raise ConfigError(f"policy is one of {', '.join(POLICIES)}; got {self.policy!r}.")
        if self.reading not in READINGS:
            raise ConfigError(f"reading is one of {', '.join(READINGS)}; got {self.reading!r}.")

    @property
    def shape(self) -> ImageShape:
        """(height, width, channels)."""
        return (self.height, self.width, self.channels)

    @property
    def in_words(self) -> str:
        """The pictures that a network reads: 224×224 color, cropped."""
        color = "color" if self.channels == 3 else "gray"
        fitted = {"crop": "cropped", "pad": "padded", "stretch": "stretched"}[self.policy]
        return f"{self.height}×{self.width} {color}, {fitted}"

    def apply(self, image: Pixels) -> Pixels:
        """Bring one image to this shape.

        Args:
            image: (h, w, 3 or 1) uint8.

        Returns:
            (height, width, channels) uint8; `image` itself where it already has that shape.

        Raises:
            DataError: `image` is not such an array.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3) or not image.size:
            raise DataError(
                f"A picture is uint8 (height, width, 3 or 1), not empty; got {image.dtype} {image.shape}."
            )
        # Gray before resizing: a third of the work. Color after it, for the same reason.
        image = _gray(image) if self.channels == 1 else image
        image = self._resized(image)
        return np.repeat(image, 3, axis=2) if image.shape[2] < self.channels else image

    def _resized(self, image: Pixels) -> Pixels:
        if image.shape[:2] == (self.height, self.width):
            return image
        if self.reading in METHODS:
            return resized_as_keras(image, self.height, self.width, self.policy, self.reading)
        if self.policy == "pad":
            return self._padded(image)
        box: Box = (0, 0, image.shape[1], image.shape[0])
        if self.policy == "crop":
            box = _center_box(image.shape[0], image.shape[1], self.height, self.width)
        return RESAMPLERS[self.reading](image, self.height, self.width, box)

    def _padded(self, image: Pixels) -> Pixels:
        height, width, channels = image.shape
        left, top, right, bottom = _padded_box(height, width, self.height, self.width)
        if (bottom - top, right - left) != (height, width):
            image = RESAMPLERS[self.reading](image, bottom - top, right - left, (0, 0, width, height))
        padded = np.full((self.height, self.width, channels), PADDING_GRAY, np.uint8)
        padded[top:bottom, left:right] = image
        return padded

    def scale(self, height: int, width: int) -> float:
        """Return by what an image of this height and width is shrunk, below 1, or enlarged."""
        scales = self.height / height, self.width / width
        return min(scales) if self.policy == "pad" else max(scales)

    def placement(self, height: int, width: int) -> Placement:
        """Return which part of an image of this height and width, in pixels, is kept, and where it comes to lie."""
        whole: Box = (0, 0, width, height)
        result: Box = (0, 0, self.width, self.height)
        if self.policy == "crop":
            return Placement(_center_box(height, width, self.height, self.width), result)
        if self.policy == "pad":
            return Placement(whole, _padded_box(height, width, self.height, self.width))
        return Placement(whole, result)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Preprocessing:
        """Return the preprocessing that `to_dict` described.

        Raises:
            ConfigError: a field is missing, unknown or out of range.
        """
        fields = {"height", "width", "channels", "policy"}
        if not isinstance(saved, Mapping) or set(saved) - {"reading"} != fields:
            got = ", ".join(map(str, saved)) if isinstance(saved, Mapping) else repr(saved)
            raise ConfigError(f"Preprocessing has exactly the fields {', '.join(sorted(fields))}; got {got}.")
        return cls(**saved)


def _gray(image: Pixels) -> Pixels:
    """Return ITU-R 601 luma rounded as Pillow does; (h, w, 3) -> (h, w, 1). Equal channels come out unchanged."""
    if image.shape[2] == 1:
        return image
    red, green, blue = (image[..., channel].astype(np.uint32) for channel in range(3))
    luma = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16  # (h, w)
    return luma.astype(np.uint8)[..., None]


def _center_box(old_height: int, old_width: int, height: int, width: int) -> Box:
    """Return the largest centered part with the proportions height : width.

    Gives what resizing the shorter side and cutting the middle out would give, in one step and without rounding
    the size in between.
    """
    scale = max(height / old_height, width / old_width)
    left, top = (old_width - width / scale) / 2, (old_height - height / scale) / 2
    left, top = max(left, 0.0), max(top, 0.0)
    return (left, top, old_width - left, old_height - top)


def _padded_box(old_height: int, old_width: int, height: int, width: int) -> tuple[int, int, int, int]:
    """Return where the whole image lies, as large as it fits, in the middle of height x width."""
    scale = min(height / old_height, width / old_width)
    inner_height = min(height, max(1, round(old_height * scale)))
    inner_width = min(width, max(1, round(old_width * scale)))
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    return left, top, left + inner_width, top + inner_height


def _by_pillow(image: Pixels, height: int, width: int, box: Box) -> Pixels:
    from PIL import Image

    flat = image[..., 0] if image.shape[2] == 1 else image
    pil_image = Image.fromarray(np.ascontiguousarray(flat))
    resized = pil_image.resize((width, height), Image.Resampling.BICUBIC, box=box, reducing_gap=_REDUCING_GAP)
    return np.asarray(resized, np.uint8).reshape(height, width, image.shape[2])


def _by_torch(image: Pixels, height: int, width: int, box: Box) -> Pixels:
    """Resample in torch's kernels for bytes, on this thread alone."""
    import torch

    columns, rows = _whole(box[0], box[2], image.shape[1]), _whole(box[1], box[3], image.shape[0])
    # (h, w, C) in memory, seen as (1, C, h, w): the layout that the kernels are written for
    part = torch.from_numpy(np.ascontiguousarray(image[rows, columns])).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(part, (height, width), mode="bicubic", antialias=True)
    return resized[0].permute(1, 2, 0).contiguous().numpy()


def _whole(begin: float, end: float, side: int) -> slice:
    """Return whole pixels for a centered part of a side."""
    length = min(side, max(1, round(end - begin)))
    begin = (side - length) // 2
    return slice(begin, begin + length)


RESAMPLERS: Mapping[str, Callable[[Pixels, int, int, Box], Pixels]] = {
    "exact": _by_pillow,
    "fast": _by_torch,
}
"""Reading -> (image (h, w, C), height, width, the part that is kept) -> (height, width, C)."""
