"""Training examples: the training images most similar to an image, and those for and against its prediction.

Similar means: by the cosine of the features. For and against: by TracIn on the last layer, at the run's checkpoints
and at its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier.classifier import Classifier
from tellapart.data.split import draw_of_any
from tellapart.data.store import ImageStore
from tellapart.errors import ModelError, TellapartError
from tellapart.events import Progress
from tellapart.explanations.examples.feature_cache import (
    CachedFeatures,
    CheckpointModel,
    cached_features,
    checkpoint_models,
    final_model,
    kept_features,
)
from tellapart.explanations.examples.features import last_dense
from tellapart.explanations.examples.influence import Checkpoint, error_gain, influence
from tellapart.explanations.examples.nearest import nearest
from tellapart.explanations.recorder import Recorder
from tellapart.explanations.subject import Subject
from tellapart.pages.card import Card, Readable, Table
from tellapart.profiling.summary import summarize
from tellapart.runs.folder import LOG
from tellapart.runs.saved_run import SavedRun
from tellapart.text import counted

MAX_FLOPS = 1e14
"""FLOPs for all training images at all checkpoints, minutes on two cores; beyond that a sample is taken."""

SEED = 0
"""Of that sample."""

SHOWN = 8
"""Images of each kind to show."""

INFLUENCE = "Training pictures for and against"
BOTH = "Similar training pictures, and those for and against"


@dataclass(frozen=True, slots=True)
class Example(Readable):
    """A training image, and a number that relates it to the explained image."""

    row: int
    """In the training split."""

    id: str
    label: int | tuple[int, ...]
    """Class index; of several labels an image, those of all of them."""

    value: float
    """The cosine of the angle between the features, -1 to 1; or the influence, in units of loss."""


@dataclass(frozen=True, eq=False)
class TrainingExamples(Readable):
    """Training images compared with one query image."""

    store: ImageStore
    """The training split."""

    rows: NDArray[np.int64]
    """(n,) those that were compared: all, or a sample."""

    epochs: tuple[int, ...]
    """Epochs of the checkpoints; empty where the influence is unknown."""

    features: NDArray[np.float32]
    """(n, D), by the finished network."""

    query_features: NDArray[np.float32]
    """(D,)."""

    checkpoints: tuple[Checkpoint, ...]
    """Empty where the influence is unknown."""

    of_fitted_head: bool = False
    """Whether the network is a head fitted to frozen features: influences are then shares in its weights."""

    def _parts(self) -> list[str]:
        known = (
            f"influence by {counted(len(self.checkpoints), 'checkpoint')}"
            if self.checkpoints
            else "no influence"
        )
        return [f"{counted(len(self.rows), 'training picture')} compared", known]

    def _card(self) -> Card:
        rows = [(each.id, each.value) for each in self.nearest(5)] if len(self.rows) else []
        return Card(
            "TrainingExamples", ", ".join(self._parts()), [Table(("picture", "similarity"), rows, "Nearest")]
        )

    def nearest(self, count: int) -> list[Example]:
        """Return the most similar training images, the nearest first."""
        rows, cosines = nearest(self.features, self.query_features[None], count)
        return self._examples(rows[0], cosines[0])

    def for_and_against(self, class_index: int, count: int) -> tuple[list[Example], list[Example]]:
        """Return the training images that support a class most, and those that oppose it most, strongest first.

        Args:
            class_index: the class.
            count: of each; fewer where fewer do so.
        """
        values = self._influence[class_index]
        order = np.argsort(-values, kind="stable")
        best, worst = order[:count], order[::-1][:count]
        best, worst = best[values[best] > 0], worst[values[worst] < 0]
        return self._examples(best, values[best]), self._examples(worst, values[worst])

    @cached_property
    def _influence(self) -> list[NDArray[np.float64]]:
        """By class index, (n,)."""
        return [influence(self.checkpoints, index) for index in range(self.checkpoints[0].errors.shape[1])]

    def _examples(self, places: NDArray[np.int64], values: NDArray[np.floating]) -> list[Example]:
        return [
            Example(row, self.store.ids[row], _label_of(self.store.labels[row]), float(value))
            for row, value in zip(self.rows[places].tolist(), values.tolist(), strict=True)
        ]


class ExampleSearch(Readable):
    """Searches a run's training images, for any number of query images."""

    def __init__(self, run: SavedRun, classifier: Classifier) -> None:
        """Create a search; no image is run yet.

        Args:
            run: that made the network.
            classifier: the network.
        """
        self.run = run
        self.classifier = classifier
        self._cached: list[CachedFeatures] | None = None

    def of(
        self, subject: Subject, progress: Progress | None = None
    ) -> tuple[TrainingExamples | None, list[str]]:
        """Compare the training images with a query image.

        Args:
            subject: an image in the same network.
            progress: called with (training images done, in all), where they are not cached.

        Returns:
            The examples, None where there can be none; and what could not be had, each with its reason.
        """
        if "train" not in self.run.stores:
            reasons = [reason for reason in self.run.missing if reason.startswith("Pictures:")]
            return None, [f"{BOTH}: {' '.join(reasons) or 'the training pictures are no longer available.'}"]
        try:
            query_features = last_dense(subject.recording).inputs[0].flatten().numpy()
            features = self._features(progress)
        except ModelError as reason:
            return None, [f"{BOTH}: {reason}"]
        checkpoints, gaps = self._checkpoints(subject, features)
        epochs = tuple(model.epoch for model in self._models) if checkpoints else ()
        (end,) = [index for index, model in enumerate(self._models) if model.classifier is self.classifier]
        store = self.run.stores["train"]
        return TrainingExamples(
            store,
            self._rows,
            epochs,
            features[end].features,
            query_features,
            checkpoints,
            self._is_fitted_head,
        ), gaps

    def _checkpoints(
        self, subject: Subject, features: Sequence[CachedFeatures]
    ) -> tuple[tuple[Checkpoint, ...], list[str]]:
        """Return what the influence needs, empty where it is unknown; and why it is unknown or uncertain."""
        gaps = [] if self._gap is None else [f"{INFLUENCE}: {self._gap}"]
        if self._models[-1].epoch == 0:
            return (), gaps
        try:
            each = zip(self._models, self._recorders, features, strict=True)
            return tuple(_checkpoint(subject, *parts) for parts in each), gaps
        except ModelError as reason:
            return (), [*gaps, f"{INFLUENCE}: {reason}"]

    @property
    def _is_fitted_head(self) -> bool:
        return self.run.config.head is not None and not self.run.history

    @cached_property
    def _models_and_gap(self) -> tuple[list[CheckpointModel], str | None]:
        """The run's checkpoints; without any, the finished network alone, and why."""
        if self._is_fitted_head:
            return [final_model(self.classifier)], None
        alone = [CheckpointModel(0, 0.0, self.classifier)]
        if not self.run.history:
            return alone, "the run has no log of its learning rates."
        if damage := [reason for reason in self.run.missing if reason.startswith(f"{LOG}:")]:
            return alone, f"learning rates may be missing. {damage[0]}"
        try:
            models = checkpoint_models(self.run, self.classifier)
        except TellapartError as reason:
            return alone, str(reason)
        if len(models) == 1:
            gap = "the run kept no checkpoints, so only its end counts, when little is left to learn."
            return models, gap
        return models, None

    @property
    def _models(self) -> list[CheckpointModel]:
        return self._models_and_gap[0]

    @property
    def _gap(self) -> str | None:
        return self._models_and_gap[1]

    @cached_property
    def _recorders(self) -> list[Recorder]:
        """A recorder for each checkpoint."""
        return [Recorder(each.classifier.model, each.classifier.net.head) for each in self._models]

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        """All training images, or a sample with every class in proportion."""
        store = self.run.stores["train"]
        if self._is_fitted_head and kept_features(self.run, self.classifier) is not None:
            return np.arange(len(store))
        most = int(MAX_FLOPS / max(1, len(self._models) * summarize(self.classifier.model).flops))
        if len(store) <= most:
            return np.arange(len(store))
        return draw_of_any(store.ids, store.labels, most, SEED)

    def _features(self, progress: Progress | None) -> list[CachedFeatures]:
        """Return each checkpoint's features of the training images."""
        if self._cached is None:
            self._cached = cached_features(
                self.run, self._models, self.run.stores["train"], self._rows, progress
            )
        return self._cached


def _label_of(label: Any) -> int | tuple[int, ...]:
    return int(label) if np.ndim(label) == 0 else tuple(np.flatnonzero(label).tolist())


def _checkpoint(
    subject: Subject, model: CheckpointModel, recorder: Recorder, cached: CachedFeatures
) -> Checkpoint:
    recording = recorder.run(subject.pixels[None].clone().requires_grad_())
    return Checkpoint(
        learning_rate=model.learning_rate,
        features=cached.features,
        errors=cached.errors,
        query_features=last_dense(recording).inputs[0].detach().flatten().numpy(),
        query_probabilities=recorder.probabilities(recording.logits.detach())[0].numpy(),
        gain=error_gain(recording),
        multi_label=subject.card.multi_label,
    )
