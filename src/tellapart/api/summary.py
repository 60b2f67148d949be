"""`summary`: a network layer by layer."""

import json
import os
from dataclasses import replace
from pathlib import Path

from tellapart.classifier.classifier import Classifier
from tellapart.classifier.model_file import read_card
from tellapart.classifier.resolve import model_file
from tellapart.errors import ModelError
from tellapart.exporters.made import exports_made
from tellapart.profiling.summary import Description, describe, describe_model
from tellapart.recipes.recipes import RECIPES
from tellapart.text import described


def summary(
    model: Classifier | str | Path,
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    classes: int | None = None,
) -> Description:
    """Describe the network of a saved model or of a recipe.

    Args:
        model: a recipe's name; or a classifier, a run folder, a model file, or the name of a built-in model.
        size: (height, width) of a recipe's images, in pixels. Default: (32, 32).
        channels: of a recipe's images, 3 or 1. Default: 3.
        classes: that a recipe's network tells apart. Default: 10.

    Returns:
        Layers with shapes, parameters and FLOPs; a recipe's settings or a model's card, with what was proven of each
        export that lies beside the model.

    Raises:
        ConfigError: sizes given for a saved model, which has its own; or out of range.
        ModelError: there is no such model.
    """
    if isinstance(model, Classifier):
        return describe_model(model.model, model.card)
    if not isinstance(model, str | os.PathLike):
        raise ModelError(
            f"summary takes a recipe's name ({', '.join(RECIPES)}), a classifier, a run folder, a model file or the "
            f"name of a built-in model; got {described(model)}."
        )
    description = describe(os.fspath(model), size=size, channels=channels, classes=classes)
    if description.training is not None:
        return description
    exports = _exports(os.fspath(model))
    return replace(description, facts={**description.facts, "exports": exports}) if exports else description


def _exports(model: str) -> dict[str, str]:
    """Return a line for each export of a saved model that lies beside it."""
    file = model_file(model)
    card = read_card(file)
    return {} if card is None else exports_made(file, json.loads(card.to_json()))
