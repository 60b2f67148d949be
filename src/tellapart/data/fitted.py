"""From an image, wherever it lies, to the pixels that a network gets: the one way of every command.

Training, validation, evaluation, prediction and explanation all come through here, so that the same file gives the same
bytes to each. `check` looks at all pixels, by the same decoding.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from tellapart.data.decode import DecodedImage, load_image
from tellapart.data.preprocess import Preprocessing
from tellapart.data.types import Pixels
from tellapart.errors import DataError


class FittedImage(NamedTuple):
    """An image after its preprocessing."""

    name: str
    """The file's path, or what an array is called."""

    pixels: Pixels
    """(height, width, channels) uint8, of the preprocessing's shape."""

    size: tuple[int, int]
    """Height and width of the whole upright image."""

    note: str = ""
    """How its levels were interpreted, where its file does not define them."""


def fitted(image: Any, preprocessing: Preprocessing, index: int = 0) -> FittedImage:
    """Load an image and bring it to a network's size.

    Args:
        image: a file's path or content, a uint8 array (H, W), (H, W, 1) or (H, W, 3), or a PIL image.
        preprocessing: the network's.
        index: the number in the name of what is no file.

    Raises:
        PictureError: the file cannot be decoded.
        DataError: the array has another type or shape.
    """
    name, decoded = load_image(image, index, preprocessing)
    return FittedImage(name, preprocessing.apply(decoded.pixels), decoded.size, decoded.note)


def shown(image: Any, preprocessing: Preprocessing, side: int) -> DecodedImage:
    """Load an image for people to look at, as large as it is, or of a large JPEG at least `side` pixels.

    Args:
        image: as in `fitted`.
        preprocessing: the network's; what it shows is no smaller than that needs.
        side: pixels of the longer side.
    """
    wanted = max(side, preprocessing.height, preprocessing.width)
    display = Preprocessing(height=wanted, width=wanted, policy="pad", reading="fast")
    return load_image(os.fspath(image) if isinstance(image, os.PathLike) else image, 0, display)[1]


CARD_SIDE = 192
"""Pixels of the longer side of a picture on a card, at least."""


def for_card(image: Any) -> Pixels | None:
    """Return a picture's pixels for a card, of a large JPEG reduced ones; None where it cannot be read.

    Args:
        image: as in `fitted`.
    """
    display = Preprocessing(height=CARD_SIDE, width=CARD_SIDE, policy="pad", reading="fast")
    try:
        return load_image(image, 0, display)[1].pixels
    except (DataError, OSError):
        return None
