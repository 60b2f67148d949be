"""Answers: what the guide's pages show of a prediction by the built-in ImageNet model."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.api.load import load
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.groups import likeliest_groups, thing_probabilities, things_of

THINGS_SHOWN = 5
"""Of each picture, the likeliest."""


@cache
def answering_model() -> Classifier:
    """Return the model that answers, loaded once."""
    return load("imagenet")


def answers(images: Sequence[NDArray[np.uint8]]) -> list[dict[str, Any]]:
    """Return the likeliest things in images, and which kind of the likeliest.

    Args:
        images: (H, W, 3), of any sizes.

    Returns:
        Of each: `things`, pairs of a name and its probability, to five decimals; `kind`, such a pair for the likeliest
        class of the first thing, or None where that is a class itself.
    """
    model = answering_model()
    names, groups = model.class_names, model.card.groups
    fitted = [model.card.preprocessing.apply(np.ascontiguousarray(image)) for image in images]
    probabilities = model.probabilities(np.stack(fitted))
    things, members = things_of(names, groups)
    by_thing = thing_probabilities(probabilities, things, members)
    order = np.argsort(-by_thing, axis=1, kind="stable")[:, :THINGS_SHOWN]
    return [
        {
            "things": [(things[thing], round(float(row[thing]), 5)) for thing in likeliest],
            "kind": None if group is None else (group.kind, round(group.class_probability, 5)),
        }
        for row, likeliest, group in zip(
            by_thing, order, likeliest_groups(probabilities, names, groups), strict=True
        )
    ]
