"""Lessons: the guide's pages in the order in which they are read."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FACTS = Path(__file__).parent / "facts"


@dataclass(frozen=True, slots=True)
class Lesson:
    """One page."""

    name: str
    """Of its page, its template, its module, its facts and what makes them."""

    title: str
    moves: str
    """What there is to move on it; the index says so."""

    modules: tuple[str, ...] = ()
    """That it imports, besides those which every lesson may import: file names under `assets`."""

    @property
    def facts(self) -> dict[str, Any]:
        """The numbers that tellapart computed for it; empty where it has none."""
        path = FACTS / f"{self.name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


LESSONS = (
    Lesson("dog-or-cat", "Is it a dog or a cat?", "a photo made smaller until nobody can tell"),
    Lesson(
        "pictures",
        "Pictures are numbers",
        "a picture's pixels, one by one",
        modules=("packing.js", "explain/picture.js"),
    ),
    Lesson(
        "neurons",
        "Neurons and networks",
        "a neuron's weights",
        modules=("guide/plane.js", "guide/network.js"),
    ),
    Lesson("convolution", "Convolution", "a window over a picture, and its kernel"),
    Lesson("activations", "Activation functions", "a number on five curves at once"),
    Lesson("pooling", "Pooling", "a window and its winner"),
    Lesson("dropout", "Dropout and overfitting", "the share that is dropped"),
    Lesson(
        "dense",
        "Flattening and dense layers",
        "a cell on its way into the row",
        modules=("guide/flattening.js",),
    ),
    Lesson("softmax", "Softmax, and what 98% means", "logits and a temperature"),
    Lesson("loss", "Loss: how wrong is it?", "the probability of the truth"),
    Lesson(
        "descent",
        "Gradient descent and RMSprop",
        "five optimizers rolling down one landscape",
        ("guide/optimizers.js",),
    ),
    Lesson(
        "augmentation",
        "Augmentation",
        "your own picture, shifted and mirrored",
        ("guide/moving.js",),
    ),
    Lesson(
        "training",
        "Training, live",
        "a network on the digits: run, pause, step",
        ("guide/trainings.js",),
    ),
    Lesson("why-63", "Why the tutorial stopped at 63%", "200 epochs, one after the other"),
    Lesson("better", "Better models", "accuracy against time"),
    Lesson("put-right", "What to read otherwise today", "its sentences and ours"),
)
"""The tutorial's concepts in its own order, and then what it leaves out."""


def named(name: str) -> Lesson:
    """The lesson of that name.

    Raises:
        KeyError: there is none.
    """
    return {lesson.name: lesson for lesson in LESSONS}[name]
