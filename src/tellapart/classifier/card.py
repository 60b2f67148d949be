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
"""Version of the card; raised when an older reader could misread a new card."""


@dataclass(frozen=True, slots=True)
class ModelCard:
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

    energy_limit: float | None = None
    """Energy above which an image is unfamiliar (`explanations.ood`); None: not known."""

    named: bool = True
    """False where the file holds no class names, so that numbers stand for them."""

    def to_json(self) -> str:
        """Return the card as the text that a model file holds."""
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
        """Read a card back.

        Raises:
            ModelError: the text is damaged, or of a later tellapart.
        """
        try:
            values = json.loads(text)
            if values["format"] != FORMAT:
                raise ModelError(
                    f"The model was saved in format {values['format']}; this version of tellapart reads format "
                    f"{FORMAT}. Install a newer tellapart."
                )
            preprocessing = Preprocessing.from_dict(values["preprocessing"])
            tta_views = values["tta_views"]
            if tta_views not in (1, 2, 6):
                raise ValueError(f"tta_views {tta_views!r}")
            temperature = values.get("temperature")
            if temperature is not None and not 0 < temperature < float("inf"):
                raise ValueError(f"temperature {temperature!r}")
            names = tuple(map(str, values["class_names"]))
            limit = values.get("energy_limit")
            limit = None if limit is None else float(limit)
            return cls(names, preprocessing, values["origin"], tta_views, temperature, limit)
        except (KeyError, TypeError, ValueError, ConfigError) as reason:
            if isinstance(reason, ModelError):
                raise
            raise ModelError(f"The model card ({ENTRY}) is damaged: {reason}.") from reason


def card_of_plain_model(model: Any, path: Path) -> ModelCard:
    """Return the card of a Keras model that tellapart did not save.

    Raises:
        ModelError: it does not map one image to one row of class scores.
    """
    shapes = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    image, output = (shape if isinstance(shape, tuple) else () for shape in shapes)
    if len(image) != 4 or len(output) != 2 or None in image[1:] or image[3] not in (1, 3):
        raise ModelError(
            f"{path} is not an image classifier that tellapart can use: it maps {shapes[0]} to {shapes[1]}. "
            "Accepted: images (batch, height, width, 1 or 3) of a fixed size to scores (batch, classes)."
        )
    names = tuple(str(index) for index in range(max(2, output[1])))
    preprocessing = Preprocessing(height=image[1], width=image[2], channels=image[3])
    return ModelCard(names, preprocessing, {"file": path.name}, named=False)
