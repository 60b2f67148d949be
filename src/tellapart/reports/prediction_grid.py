"""Picture grid: test pictures with what the network said of each, as one PNG to look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier.classifier import Prediction
from tellapart.files import write_whole

COLUMNS = 5
PICTURE_SIDE = 160
"""Pixels of the longer side as drawn; small pictures are enlarged without smoothing."""

TEXT_HEIGHT = 64
MARGIN = 14
RIGHT, WRONG = "#1a7f37", "#b42318"
INK, PALE, PAPER = "#1f2328", "#59636e", "#ffffff"


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture of the grid."""

    image: NDArray[np.uint8]
    """(H, W, 1 or 3)."""

    prediction: Prediction
    truth: str

    @property
    def right(self) -> bool:
        """Whether the likeliest class is the true one."""
        return self.prediction.names[0] == self.truth


def save_prediction_grid(shown: Sequence[Shown], path: Path) -> None:
    """Draw pictures five abreast, each with its predicted name, probability and true name.

    Args:
        shown: at least one.
        path: a `.png`.

    Raises:
        SaveError: it could not be written.
    """
    from PIL import Image, ImageDraw

    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    cell_width, cell_height = PICTURE_SIDE + MARGIN, PICTURE_SIDE + TEXT_HEIGHT + MARGIN
    sheet = Image.new("RGB", (columns * cell_width + MARGIN, rows * cell_height + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, item in enumerate(shown):
        left = MARGIN + index % columns * cell_width
        top = MARGIN + index // columns * cell_height
        _draw_one(sheet, draw, item, left, top)
    write_whole(path, lambda place: sheet.save(place, "PNG", optimize=True))


def _draw_one(sheet: Any, draw: Any, item: Shown, left: int, top: int) -> None:
    picture = _enlarged(item.image)
    offset = (PICTURE_SIDE - picture.width) // 2, (PICTURE_SIDE - picture.height) // 2
    sheet.paste(picture, (left + offset[0], top + offset[1]))
    color = RIGHT if item.right else WRONG
    bottom = top + PICTURE_SIDE + 6
    probability = f"{100 * item.prediction.probabilities[0]:.0f}%"
    _line(draw, left, bottom, f"{item.prediction.names[0]} {probability}", color, 17)
    verdict = "right" if item.right else f"is {item.truth}"
    _line(draw, left, bottom + 24, verdict, PALE if item.right else INK, 15)
    share = item.prediction.probabilities[0]
    draw.rectangle((left, bottom + 48, left + PICTURE_SIDE, bottom + 52), fill="#e6e8eb")
    draw.rectangle((left, bottom + 48, left + round(PICTURE_SIDE * share), bottom + 52), fill=color)


def _enlarged(image: NDArray[np.uint8]) -> Any:
    from PIL import Image

    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert("RGB")
    factor = PICTURE_SIDE / max(picture.size)
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    return picture.resize(size, Image.Resampling.NEAREST if factor > 1 else Image.Resampling.LANCZOS)


def _line(draw: Any, left: int, top: int, text: str, color: str, size: int) -> None:
    """One line of text, cut with an ellipsis where it would leave its cell."""
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    while draw.textlength(text, font=font) > PICTURE_SIDE and len(text) > 2:
        text = text[:-2].rstrip("…") + "…"
    draw.text((left, top), text, fill=color, font=font)
