"""Explainer: explains one network's predictions; what several images share is computed once."""

import difflib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier.classifier import Classifier
from tellapart.data.fitted import fitted, shown
from tellapart.errors import ConfigError
from tellapart.events import Progress
from tellapart.explanations.channels.channels import ModelFilters
from tellapart.explanations.examples.training_examples import ExampleSearch
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.page import FORM
from tellapart.explanations.page.photo import LARGEST_SIDE
from tellapart.explanations.recorder import Recorder
from tellapart.explanations.subject import Subject
from tellapart.inference.stored_net import StoredNet
from tellapart.runs.saved_run import SavedRun, load_run


class Explainer:
    """Explains one network's predictions."""

    def __init__(
        self, classifier: Classifier, run: str | Path | None = None, scan_progress: Progress | None = None
    ) -> None:
        """Create an explainer; nothing is computed yet.

        Args:
            classifier: the network.
            run: the folder of the training that made it, for its training images and checkpoints.
            scan_progress: called with (training images done, in all) while these are run through the network.

        Raises:
            ConfigError: this is no run folder.
        """
        self.classifier = classifier
        self._scan_progress = scan_progress
        self._folder = run

    @cached_property
    def recorder(self) -> Recorder:
        """A recorder of the network."""
        net = self.classifier.net
        if isinstance(net.net, StoredNet):
            return Recorder.of_stored(net.net, net.head, lambda: self.classifier.model)
        return Recorder(self.classifier.model, net.head)

    @cached_property
    def run(self) -> SavedRun | None:
        """The training that made the network.

        Raises:
            ConfigError: it made another network.
        """
        if self._folder is None:
            return None
        run = load_run(self._folder)
        if run.classifier is not None and not _same_weights(run.classifier, self.classifier):
            raise ConfigError(
                f"{self._folder} is the run of another network: its weights differ from those of the model to "
                "explain. Load the model from that run folder, or leave out the run."
            )
        return run

    @cached_property
    def _filters(self) -> ModelFilters:
        train = None if self.run is None else self.run.stores.get("train")
        return ModelFilters(self.recorder, self.classifier.card.preprocessing.shape, train)

    @cached_property
    def _training(self) -> ExampleSearch | None:
        return None if self.run is None else ExampleSearch(self.run, self.classifier)

    def explain(
        self, picture: Any, classes: Sequence[str] = (), quick: bool = False, name: str | None = None
    ) -> Explanation:
        """Return the explanation of one image's prediction.

        Args:
            picture: a file's path, or a uint8 array (H, W), (H, W, 1) or (H, W, 3) of any size.
            classes: to compare besides the likeliest: why this one, and not that one.
            quick: whether to give the prediction and one heat map alone, within seconds.
            name: what to call the picture; None: as its file is called.

        Raises:
            ConfigError: no such class; or classes to compare where one map is all there is.
            PictureError: the file is not a picture.
        """
        names = (classes,) if isinstance(classes, str) else classes
        named = tuple(
            _index_of(name, self.classifier.class_names, self.classifier.card.groups) for name in names
        )
        if quick and named:
            raise ConfigError(
                "A quick explanation has one heat map, of the predicted class, and compares no other classes. "
                "Leave out either quick or the classes."
            )
        preprocessing = self.classifier.card.preprocessing
        image = fitted(picture, preprocessing)
        original = shown(picture, preprocessing, LARGEST_SIDE)
        subject = Subject(
            self.classifier,
            self.recorder,
            name or image.name,
            original.pixels,
            image.pixels,
            original.size,
            image.note,
        )
        return Explanation(
            subject,
            FORM,
            filters=ModelFilters(self.recorder, preprocessing.shape) if quick else self._filters,
            training=None if quick else self._training,
            named=named,
            quick=quick,
            scan_progress=self._scan_progress,
        )


def _same_weights(first: Classifier, second: Classifier) -> bool:
    if first is second:
        return True
    ours, theirs = _weights(first), _weights(second)
    return len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))


def _weights(classifier: Classifier) -> list[NDArray[Any]]:
    """Return the weights in the order of Keras's `get_weights`, without Keras where it did not read them."""
    net = classifier.net.net
    if isinstance(net, StoredNet):
        return [weight.numpy() for weight in net.weights()]
    return list(classifier.model.get_weights())


MOST_LISTED = 100
"""Classes that an error lists."""


def _index_of(name: str, names: tuple[str, ...], groups: Mapping[str, str]) -> int:
    if name not in names:
        similar = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        kinds = [other for other, group in groups.items() if group == name][:3]
        if kinds:
            advice = f"It is what several classes are kinds of, such as {', '.join(kinds)}."
        else:
            advice = f"Did you mean {' or '.join(similar)}?" if similar else ""
        known = (
            f"Its classes: {', '.join(names)}." if len(names) <= MOST_LISTED else f"It has {len(names):,}."
        )
        raise ConfigError(f"The model has no class {name!r}. {advice} {known}".replace("  ", " "))
    return names.index(name)
