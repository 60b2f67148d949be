"""The model card: what a network's outputs mean, saved inside its file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ConfigError, ModelError

ENTRY = "tellapart.json"


FORMAT = 1
"""Raised when a reader of today could misread what is written."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a network must be told to be a classifier."""

    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    origin: Mapping[str, Any] = field(default_factory=dict)
    """Where it comes from: recipe, data, version; for people."""

    tta_views: int = 1
    """Forms of each picture that are asked about; see `tellapart.tta_views`."""

    temperature: float | None = None
    """By which logarithms of the answers are divided so that their confidence is right on held-out pictures
    (`tellapart.calibration`); None: fewer than 20 were held out. The answers themselves are not changed by it."""

    energy_limit: float | None = None
    """Energy of a picture from which on it is unlike what was trained on (`tellapart.explanations.ood`); None: not
    known."""

    named: bool = True
    """False where the file told no class names and numbers stand for them."""

    def to_json(self) -> str:
        """As stored."""
        values = {
            "format": FORMAT,
            "class_names": list(self.class_names),
            "preprocessing": self.preprocessing.to_dict(),
            "tta_views": self.tta_views,
            "temperature": self.temperature,
            "energy_limit": self.energy_limit,
            "origin": dict(self.origin),
        }
        return json.dumps(values, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "ModelCard":
        """As read back.

        Raises:
            ModelError: not such a text, or of a later tellapart.
        """
        try:
            values = json.loads(text)
            if values["format"] != FORMAT:
                raise ModelError(
                    f"The model was saved in format {values['format']} and this tellapart reads {FORMAT}: "
                    "install a newer tellapart."
                )
            path = Preprocessing.from_dict(values["preprocessing"])
            tta_views = values["tta_views"]
            if tta_views not in (1, 2, 6):
                raise ValueError(f"tta_views {tta_views!r}")
            temperature = values.get("temperature")
            if temperature is not None and not 0 < temperature < float("inf"):
                raise ValueError(f"temperature {temperature!r}")
            names = tuple(map(str, values["class_names"]))
            limit = values.get("energy_limit")
            return cls(
                names, path, values["origin"], tta_views, temperature, None if limit is None else float(limit)
            )
        except (KeyError, TypeError, ValueError, ConfigError) as reason:
            if isinstance(reason, ModelError):
                raise
            raise ModelError(f"The model's own description ({ENTRY}) is damaged: {reason}.") from reason


def card_of_plain_model(model: Any, path: Path) -> ModelCard:
    """What can be told of a Keras model that tellapart did not save.

    Raises:
        ModelError: it does not map one picture to one row of class scores.
    """
    shapes = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    picture, answer = (shape if isinstance(shape, tuple) else () for shape in shapes)
    if len(picture) != 4 or len(answer) != 2 or None in picture[1:] or picture[3] not in (1, 3):
        raise ModelError(
            f"{path} is not an image classifier that tellapart can use: it maps {shapes[0]} to {shapes[1]}. "
            "Accepted: one picture (batch, height, width, 1 or 3) to one row (batch, classes), sizes fixed."
        )
    names = tuple(str(index) for index in range(max(2, answer[1])))
    preprocessing = Preprocessing(height=picture[1], width=picture[2], channels=picture[3])
    return ModelCard(names, preprocessing, {"file": path.name}, named=False)
