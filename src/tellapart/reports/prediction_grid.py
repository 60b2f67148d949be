"""Prediction grid: test images with their predictions, as one PNG to look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier.prediction import Prediction
from tellapart.data.multi_label import in_words
from tellapart.files import write_whole
from tellapart.pages.card import Card, Picture, Pictures, Readable
from tellapart.pages.thumbnail import thumbnail
from tellapart.text import one_line, percent, short_name

COLUMNS = 5
IMAGE_SIDE = 160
"""Pixels of the longer side as drawn; small images are enlarged without smoothing."""

TEXT_HEIGHT = 64
MARGIN = 14
CORRECT, WRONG = "#1a7f37", "#b42318"
INK, PALE, PAPER, TRACK = "#1f2328", "#59636e", "#ffffff", "#e6e8eb"


@dataclass(frozen=True, slots=True)
class PredictedImage(Readable):
    """A test image with its prediction and its true class."""

    image: NDArray[np.uint8]
    """(H, W, 1 or 3)."""

    prediction: Prediction
    target: str
    """Name of the true class; of several labels, all of them in words, from `multi_label.in_words`."""

    targets: tuple[str, ...] = ()
    """The names of several labels."""

    @property
    def answer(self) -> str:
        """The most probable class; of several labels, those that the image is given."""
        labels = self.prediction.labels
        return self.prediction.names[0] if labels is None else in_words(labels)

    def _parts(self) -> list[str]:
        return [self._verdict(), short_name(self.prediction.picture)]

    def _verdict(self) -> str:
        share = "" if self.prediction.labels is not None else f" {percent(self.prediction.probabilities[0])}"
        answer = f"{short_name(self.prediction.best)}{share}"
        return f"{answer}, correct" if self.is_correct else f"{answer}, true: {short_name(self.target)}"

    def _card(self) -> Card:
        return Card("PredictedImage", self._verdict(), [Pictures([self.thumbnail()])])

    def thumbnail(self) -> Picture:
        """Return it for a card, with what was predicted below it."""
        return thumbnail(self.image, self._verdict())

    @property
    def is_correct(self) -> bool:
        """Whether the most probable class is the true one, or exactly the true labels are given."""
        labels = self.prediction.labels
        return self.answer == self.target if labels is None else set(labels) == set(self.targets)


def save_prediction_grid(shown: Sequence[PredictedImage], path: Path) -> None:
    """Draw images in rows of five, each with its predicted class, probability and true class.

    Args:
        shown: at least one.
        path: a `.png`.

    Raises:
        SaveError: the file could not be written.
    """
    from PIL import Image, ImageDraw

    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    cell_width, cell_height = IMAGE_SIDE + MARGIN, IMAGE_SIDE + TEXT_HEIGHT + MARGIN
    sheet = Image.new("RGB", (columns * cell_width + MARGIN, rows * cell_height + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, item in enumerate(shown):
        left = MARGIN + index % columns * cell_width
        top = MARGIN + index // columns * cell_height
        _draw_cell(sheet, draw, item, left, top)
    write_whole(path, lambda place: sheet.save(place, "PNG", optimize=True))


def _draw_cell(sheet: Any, draw: Any, item: PredictedImage, left: int, top: int) -> None:
    image = _enlarged(item.image)
    offset = (IMAGE_SIDE - image.width) // 2, (IMAGE_SIDE - image.height) // 2
    sheet.paste(image, (left + offset[0], top + offset[1]))
    color = CORRECT if item.is_correct else WRONG
    bottom = top + IMAGE_SIDE + 6
    probability = item.prediction.probabilities[0]
    share = "" if item.prediction.labels is not None else f" {100 * probability:.0f}%"
    _draw_line(draw, left, bottom, f"{item.answer}{share}", color, 17)
    verdict = "correct" if item.is_correct else f"true: {item.target}"
    _draw_line(draw, left, bottom + 24, verdict, PALE if item.is_correct else INK, 15)
    if not share:  # several labels have several probabilities
        return
    draw.rectangle((left, bottom + 48, left + IMAGE_SIDE, bottom + 52), fill=TRACK)
    draw.rectangle((left, bottom + 48, left + round(IMAGE_SIDE * probability), bottom + 52), fill=color)


def _enlarged(image: NDArray[np.uint8]) -> Any:
    from PIL import Image

    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert("RGB")
    factor = IMAGE_SIDE / max(picture.size)
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    return picture.resize(size, Image.Resampling.NEAREST if factor > 1 else Image.Resampling.LANCZOS)


def _draw_line(draw: Any, left: int, top: int, text: str, color: str, size: int) -> None:
    """Draw a line of text, cut with an ellipsis where it would leave its cell."""
    from PIL import ImageFont

    font, text = ImageFont.load_default(size), one_line(text)
    while draw.textlength(text, font=font) > IMAGE_SIDE and len(text) > 2:
        text = text[:-2].rstrip("…") + "…"
    draw.text((left, top), text, fill=color, font=font)
