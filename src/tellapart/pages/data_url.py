"""Data URLs: images written into the page itself."""

import base64
import io
from typing import Any

from PIL import Image


def webp_url(image: Image.Image, **how: Any) -> str:
    """Return an image as a WebP data URL.

    Args:
        image: RGB or RGBA.
        how: Pillow's settings for WebP: `quality`, 0 to 100, or `lossless`.
    """
    file = io.BytesIO()
    image.save(file, "WEBP", method=4, **how)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
