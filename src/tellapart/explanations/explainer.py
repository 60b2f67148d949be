"""Explanations of one network's predictions; what several images share is computed once."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.classifier.classifier import Classifier
from tellapart.data.decode import load_image
from tellapart.errors import ConfigError
from tellapart.events import Progress
from tellapart.explanations.channels.channels import ModelFilters
from tellapart.explanations.examples.training_examples import Training
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.page import FORM
from tellapart.explanations.recorder import Recorder
from tellapart.explanations.subject import Subject
from tellapart.runs.saved_run import SavedRun, load_run


class Explainer:
    """Explains one network's answers."""

    def __init__(
        self, classifier: Classifier, run: str | Path | None = None, looking: Progress | None = None
    ) -> None:
        """An explainer.

        Args:
            classifier: whose answers.
            run: the folder of the training that made it, for what only its pictures and checkpoints can tell.
            looking: called with (training pictures looked at, in all), where that takes a while.

        Raises:
            ConfigError: this is no run folder.
        """
        self.classifier = classifier
        self._looking = looking
        self._folder = run

    @cached_property
    def recorder(self) -> Recorder:
        """Of the network."""
        return Recorder(self.classifier.model, self.classifier.net.head)

    @cached_property
    def run(self) -> SavedRun | None:
        """Of the training.

        Raises:
            ConfigError: it made another network.
        """
        if self._folder is None:
            return None
        found = load_run(self._folder)
        if found.classifier is not None and not _same_weights(found.classifier, self.classifier):
            raise ConfigError(
                f"{self._folder} is the run of another network than the one that is asked. Load the network from "
                "that run, or leave the run away."
            )
        return found

    @cached_property
    def _filters(self) -> ModelFilters:
        """Of the network, for all pictures."""
        train = None if self.run is None else self.run.stores.get("train")
        return ModelFilters(self.recorder, self.classifier.card.preprocessing.shape, train)

    @cached_property
    def _training(self) -> Training | None:
        """Of the run, likewise."""
        return None if self.run is None else Training(self.run, self.classifier)

    def explain(self, picture: Any, classes: Sequence[str] = ()) -> Explanation:
        """Of one picture.

        Args:
            picture: a file's path, or a uint8 array (H, W), (H, W, 1) or (H, W, 3) of any size.
            classes: to be asked about besides the likeliest: why this one, and not that one.

        Raises:
            ConfigError: no such class.
            PictureError: the file is not a picture.
        """
        named = (classes,) if isinstance(classes, str) else classes
        asked = tuple(_index_of(name, self.classifier.class_names) for name in named)
        name, original = load_image(picture)
        image = self.classifier.card.preprocessing.apply(original)
        subject = Subject(self.classifier, self.recorder, name, original, image)
        return Explanation(subject, FORM, self._filters, self._training, asked, self._looking)


def _same_weights(first: Classifier, second: Classifier) -> bool:
    if first is second:
        return True
    pairs = first.model.get_weights(), second.model.get_weights()
    if [one.shape for one in pairs[0]] != [one.shape for one in pairs[1]]:
        return False
    return all(np.array_equal(a, b) for a, b in zip(*pairs, strict=True))


def _index_of(name: str, names: tuple[str, ...]) -> int:
    if name not in names:
        raise ConfigError(f"The model has no class {name!r}. It tells apart: {', '.join(names)}.")
    return names.index(name)
