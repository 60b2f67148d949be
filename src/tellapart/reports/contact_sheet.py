"""Contact sheet: images beside what augmentation makes of them, as one PNG to look at."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.files import write_whole
from tellapart.text import one_line

LARGEST_SIDE, SMALLEST_SIDE = 160, 96
"""Pixels of an image's longer side as drawn; small images are enlarged by whole factors, without smoothing."""

MARGIN, GAP = 14, 4
NAME_WIDTH, HEAD_HEIGHT = 120, 26
INK, PALE, PAPER = "#1f2328", "#59636e", "#ffffff"


def save_contact_sheet(
    originals: NDArray[np.uint8], draws: NDArray[np.uint8], names: tuple[str, ...], path: Path
) -> None:
    """Draw a row for each image: its class, the image, and each draw of it.

    Args:
        originals: (N, H, W, 1 or 3).
        draws: (draws, N, H, W, 1 or 3).
        names: N names of classes.
        path: a `.png`.

    Raises:
        SaveError: the file could not be written.
    """
    from PIL import Image, ImageDraw

    width, height = _drawn_size(*originals.shape[1:3])
    columns = 1 + len(draws)
    size = (
        2 * MARGIN + NAME_WIDTH + columns * (width + GAP) + 3 * GAP,
        2 * MARGIN + HEAD_HEIGHT + len(originals) * (height + GAP),
    )
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    left = MARGIN + NAME_WIDTH
    _write(pen, left, MARGIN, "original", width, PALE)
    _write(
        pen,
        left + width + 3 * GAP,
        MARGIN,
        "augmented, as training draws it",
        width * max(1, len(draws)),
        PALE,
    )
    for row, name in enumerate(names):
        top = MARGIN + HEAD_HEIGHT + row * (height + GAP)
        _write(pen, MARGIN, top + height // 2 - 9, name, NAME_WIDTH - GAP, INK)
        for column, image in enumerate([originals[row], *draws[:, row]]):
            gap = 3 * GAP if column else 0
            sheet.paste(_enlarged(image, width, height), (left + column * (width + GAP) + gap, top))
    write_whole(path, lambda place: sheet.save(place, "PNG", optimize=True))


def _drawn_size(height: int, width: int) -> tuple[int, int]:
    """Return width and height as drawn: enlarged by a whole factor, or shrunk."""
    longer = max(height, width)
    if longer > LARGEST_SIDE:
        return max(1, width * LARGEST_SIDE // longer), max(1, height * LARGEST_SIDE // longer)
    factor = -(-SMALLEST_SIDE // longer)
    return factor * width, factor * height


def _enlarged(image: NDArray[np.uint8], width: int, height: int) -> Any:
    from PIL import Image

    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert("RGB")
    smooth = width < picture.width
    return picture.resize((width, height), Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST)


def _write(pen: Any, left: int, top: int, text: str, width: int, color: str) -> None:
    """Write a line, cut with an ellipsis where it is too long."""
    from PIL import ImageFont

    font, text = ImageFont.load_default(14), one_line(text)
    while pen.textlength(text, font=font) > width and len(text) > 2:
        text = text[:-2].rstrip("…") + "…"
    pen.text((left, top), text, fill=color, font=font)
