"""The model card: what a network's outputs mean, saved inside its file."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ModelError
from tellapart.metrics.novelty import METHODS
from tellapart.pages.card import Block, Card, Facts, Readable
from tellapart.text import few_names, percent, short_name

ENTRY = "tellapart.json"


FORMAT, FORMAT_OF_LABELS = 1, 2
"""Version of the card, and of one of several labels a picture; raised when an older reader could misread a new card."""


@dataclass(frozen=True, slots=True)
class NoveltyLimit(Readable):
    """By which score images are told to be unfamiliar, and from where on."""

    method: str
    """A name of `metrics.novelty.METHODS`."""

    limit: float | None
    """Score above which an image counts as unfamiliar; None: too few images to tell."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"novelty method {self.method!r}, known are {', '.join(METHODS)}")

    def is_familiar(self, score: float) -> bool | None:
        """Return whether an image of this score is like the training images; None: too few images to tell."""
        return None if self.limit is None else score <= self.limit

    def count_unfamiliar(self, scores: NDArray[np.float64]) -> int | None:
        """Return how many of the scores (N,) are those of unfamiliar images; None: too few images to tell."""
        return None if self.limit is None else int((scores > self.limit).sum())


ORIGIN_SHOWN = ("recipe", "data", "file", "backbone")
"""Entries of the origin that a card's line names."""


@dataclass(frozen=True, slots=True)
class ModelCard(Readable):
    """What turns a network into a classifier: class names, preprocessing, calibration."""

    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    origin: Mapping[str, Any] = field(default_factory=dict)
    """Recipe, data set and version, for people."""

    tta_views: int = 1
    """Views of each image whose predictions are averaged; see `inference.tta`."""

    temperature: float | None = None
    """Divides the logarithms of the probabilities so that confidences are calibrated on held-out images
    (`metrics.calibration`); None: fewer than 20 were held out. Predictions are not changed by it."""

    novelty: NoveltyLimit | None = None
    """How images unlike the training images are told; None: they are not. Its limit may need the reference that
    lies beside the card (`reference_file`)."""

    groups: Mapping[str, str] = field(default_factory=dict)
    """Class -> the everyday thing that it is a kind of (`classifier.groups`); other classes stand for themselves."""

    multi_label: bool = False
    """Whether a picture may have several of the classes, or none: each output is then the probability of one."""

    thresholds: tuple[float, ...] = ()
    """Of several labels: the probability from which a picture is given each label."""

    thresholds_from: str = ""
    """How they were chosen, in a sentence without its full stop."""

    named: bool = True
    """False where the file holds no class names, so that numbers stand for them."""

    def _parts(self) -> list[str]:
        origin = [
            f"{name} {short_name(str(value))}" for name, value in self.origin.items() if name in ORIGIN_SHOWN
        ]
        return [few_names(self.class_names, "classes"), self.preprocessing.in_words, *origin]

    def card_blocks(self) -> list[Block]:
        """Return what a notebook shows of it, for a card."""
        made = [(name, value) for name, value in self.origin.items() if name != "usage"]
        calibration = "not calibrated" if self.temperature is None else f"temperature {self.temperature:.3g}"
        thresholds = [
            f"{short_name(name)} from {percent(threshold)}"
            for name, threshold in zip(self.class_names, self.thresholds, strict=False)
        ]
        told = None
        if self.novelty is not None:
            told = f"by {self.novelty.method}" + (", no limit" if self.novelty.limit is None else "")
        return [
            Facts(
                [
                    ("labels, several a picture" if self.multi_label else "classes", self.class_names),
                    ("pictures", self.preprocessing.in_words),
                    ("given" if self.multi_label else "confidence", thresholds or calibration),
                    ("copies of each picture averaged", self.tta_views if self.tta_views > 1 else None),
                    ("unfamiliar pictures are told", told),
                    (
                        "kinds of everyday things",
                        f"{len(set(self.groups.values())):,}" if self.groups else None,
                    ),
                    *made,
                ]
            )
        ]

    def _card(self) -> Card:
        return Card("ModelCard", few_names(self.class_names, "classes"), self.card_blocks())

    def to_json(self) -> str:
        """Return the card as the text that a model file holds."""
        values = {
            "format": FORMAT_OF_LABELS if self.multi_label else FORMAT,
            "class_names": list(self.class_names),
            "preprocessing": self.preprocessing.to_dict(),
            "tta_views": self.tta_views,
            "temperature": self.temperature,
            "novelty": None if self.novelty is None else asdict(self.novelty),
            "groups": dict(self.groups),
            "origin": dict(self.origin),
            **(self.of_labels() if self.multi_label else {}),
        }
        return json.dumps(values, indent=2)

    def of_labels(self) -> dict[str, Any]:
        """Return what only a card of several labels a picture has, as plain values."""
        return {
            "multi_label": True,
            "thresholds": list(self.thresholds),
            "thresholds_from": self.thresholds_from,
        }

    @classmethod
    def from_json(cls, text: str) -> "ModelCard":
        """Read a card back.

        Raises:
            ModelError: the text is damaged, or of a later tellapart.
        """
        try:
            values = json.loads(text)
            if values["format"] not in (FORMAT, FORMAT_OF_LABELS):
                raise ModelError(
                    f"The model was saved in format {values['format']!r}; this version of tellapart reads formats "
                    f"{FORMAT} and {FORMAT_OF_LABELS}. Install a newer tellapart."
                )
            return cls(
                class_names=_texts(values["class_names"]),
                preprocessing=Preprocessing.from_dict(values["preprocessing"]),
                origin=_object(values["origin"]),
                tta_views=_views(values["tta_views"]),
                temperature=_finite(values.get("temperature"), above=0),
                novelty=_novelty_of(values),
                groups=_texts_by_text(values.get("groups", {})),
                **(_labels_of(values) if values["format"] == FORMAT_OF_LABELS else {}),
            )
        except ModelError:
            raise
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ) as reason:
            raise ModelError(f"The model card ({ENTRY}) is damaged: {reason}.") from reason


def _texts(values: Any) -> tuple[str, ...]:
    """Return a list of texts as a tuple.

    Raises:
        ValueError: it is none, or a text cannot be written anywhere.
    """
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"expected a list of texts, got {str(values)[:100]}")
    "".join(values).encode("utf-8", "surrogateescape")  # half a character, such as \\ud800, is no text
    return tuple(values)


def _texts_by_text(values: Any) -> dict[str, str]:
    table = _object(values)
    return dict(zip(_texts(list(table)), _texts(list(table.values())), strict=True))


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {str(value)[:100]}")
    return value


def _views(value: Any) -> int:
    if type(value) is not int or value not in (1, 2, 6):
        raise ValueError(f"tta_views {value!r}")
    return value


def _finite(value: Any, above: float = -math.inf) -> float | None:
    """Return a number, or None as it is.

    Raises:
        ValueError: it is neither, or out of range.
    """
    if value is None:
        return None
    if type(value) not in (int, float) or not above < float(value) < math.inf:
        raise ValueError(f"expected a number, got {str(value)[:100]}")
    return float(value)


def _labels_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a card of several labels a picture has besides.

    Raises:
        ValueError: not one threshold from 0 to 1 for each label.
    """
    thresholds, names = values["thresholds"], values["class_names"]
    if values["multi_label"] is not True or not isinstance(thresholds, list) or len(thresholds) != len(names):
        raise ValueError(f"{len(names)} labels and the thresholds {str(thresholds)[:100]}")
    numbers = tuple(_finite(value) for value in thresholds)
    inside = tuple(number for number in numbers if number is not None and 0 <= number <= 1)
    if len(inside) < len(numbers):
        raise ValueError(f"thresholds {str(thresholds)[:100]}")
    (how,) = _texts([values.get("thresholds_from", "")])
    return {"multi_label": True, "thresholds": inside, "thresholds_from": how}


def _novelty_of(values: Mapping[str, Any]) -> NoveltyLimit | None:
    """Read the limit; older cards have one of the energy alone."""
    if (energy_limit := values.get("energy_limit")) is not None:
        return NoveltyLimit("energy", _finite(energy_limit))
    stored = values.get("novelty")
    return None if stored is None else NoveltyLimit(stored["method"], _finite(stored["limit"]))


def image_and_outputs(model: Any, path: Path | str) -> tuple[tuple[Any, ...], int]:
    """Return the shape (H, W, C) of a Keras model's images, of any size where H or W is None, and how many numbers it
    gives for each.

    Raises:
        ModelError: it does not map one image to one row of class scores.
    """
    read, given = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    image, output = (shape if isinstance(shape, tuple) else () for shape in (read, given))
    if len(image) == 4 and len(output) == 2 and output[1] is not None and image[3] in (1, 3):
        return image[1:], output[1]
    problem = f"it maps {read} to {given}"
    if isinstance(given, dict | list):
        problem = f"it has {len(given)} outputs, {given}"
    elif isinstance(read, dict | list):
        problem = f"it has {len(read)} inputs, {read}"
    elif len(image) == 4 and image[1] in (1, 3) and image[3] not in (1, 3):
        problem = f"it reads images with the channels first, {read}"
    raise ModelError(
        f"{path} is not an image classifier that tellapart can use: {problem}. Accepted: images "
        "(batch, height, width, 1 or 3) to one row of scores (batch, classes)."
    )


def card_of_plain_model(model: Any, path: Path) -> ModelCard:
    """Return the card of a Keras model that tellapart did not save, for images of one size: classes are numbers, and
    images are brought to its size as Keras's loaders do.

    Raises:
        ModelError: it does not map one image of a fixed size to one row of class scores.
    """
    (height, width, channels), outputs = image_and_outputs(model, path)
    names = tuple(str(index) for index in range(max(2, outputs)))
    preprocessing = Preprocessing(
        height=height, width=width, channels=channels, policy="stretch", reading="bilinear"
    )
    return ModelCard(names, preprocessing, {"file": path.name}, named=False)


def refuse_other_images(card: ModelCard, shape: Any, path: Path) -> None:
    """Raise unless a network reads images (H, W, C) of the very shape that its card has them brought to.

    Raises:
        ModelError: it reads others, or of any size.
    """
    if tuple(shape) != card.preprocessing.shape:
        raise ModelError(
            f"{path}: its card brings images to {card.preprocessing.shape}, and its network reads {tuple(shape)}. "
            "Use the file as tellapart saved it."
        )
