"""The photo that lessons show."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CAT = Path(__file__).parents[1] / "photos" / "cat.jpg"


def cat(side: int, channels: int = 3) -> NDArray[np.uint8]:
    """Return the cat, resized.

    Args:
        side: of the result, in pixels.
        channels: 3, or 1 for gray.

    Returns:
        (side, side, channels) uint8.
    """
    image = Image.open(CAT).convert("RGB" if channels == 3 else "L")
    small = image.resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(small).reshape(side, side, channels)
