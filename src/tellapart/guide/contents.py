"""The guide's lessons, in reading order."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FACTS = Path(__file__).parent / "facts"


@dataclass(frozen=True, slots=True)
class Lesson:
    """One page of the guide."""

    name: str
    """The name of its page, template, script, facts and Python module."""

    title: str
    moves: str
    """What a reader can move on it, as the index says."""

    modules: tuple[str, ...] = ()
    """Scripts that it imports besides those of every lesson: file names under `assets`."""

    @property
    def facts(self) -> dict[str, Any]:
        """The numbers that tellapart computed for it; empty if it has none."""
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
    Lesson("pooling", "Pooling", "a window and its maximum"),
    Lesson("dropout", "Dropout and overfitting", "the dropout rate"),
    Lesson(
        "dense",
        "Flattening and dense layers",
        "a number on its way into the vector",
        modules=("guide/flattening.js",),
    ),
    Lesson("softmax", "Softmax, and what 98% means", "logits and a temperature"),
    Lesson("loss", "Loss: how wrong is it?", "the probability of the true class"),
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
    Lesson("why-63", "Why the tutorial stopped at 63%", "200 epochs, one by one"),
    Lesson("better", "Better models", "accuracy against time"),
    Lesson("put-right", "Corrections to the tutorial", "the tutorial's statements and ours"),
)
"""The tutorial's concepts in its order, then what it leaves out."""


def named(name: str) -> Lesson:
    """Return the lesson of that name.

    Raises:
        KeyError: there is none.
    """
    return {lesson.name: lesson for lesson in LESSONS}[name]
