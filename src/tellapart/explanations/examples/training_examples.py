"""Training pictures: which of them are most like a picture to the network, and which spoke for its answer.

Like: by the cosine of the features. Spoke for or against: by TracIn's last-layer form at the moments that
the run kept and at its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier.classifier import Classifier
from tellapart.data.split import draw
from tellapart.data.store import ImageStore
from tellapart.errors import ModelError, TellapartError
from tellapart.events import Progress
from tellapart.explanations.examples.feature_cache import CachedFeatures, CheckpointModel, moments_of, seen
from tellapart.explanations.examples.features import last_dense
from tellapart.explanations.examples.influence import Checkpoint, error_gain, influence
from tellapart.explanations.examples.nearest import nearest
from tellapart.explanations.recorder import Recorder
from tellapart.explanations.subject import Subject
from tellapart.profiling.summary import summarize
from tellapart.runs.saved_run import SavedRun

MOST_FLOPS = 1e14
"""Of all training pictures at all moments; of more, a drawn part of the pictures is looked at. Minutes on two cores."""

SEED = 0
"""Of that draw."""

SHOWN = 8
"""Pictures of each kind that somebody is told of."""

INFLUENCE = "Training pictures that speak for and against"
BOTH = "Training pictures like this one, and those that speak for and against"


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A training picture, and a number that ties it to the asked one."""

    row: int
    """Of the training split."""

    id: str
    label: int
    value: float
    """The cosine of the angle between their features, -1 to 1; or the influence, in units of loss."""


@dataclass(frozen=True, eq=False)
class TrainingPictures:
    """Of one picture and one run."""

    store: ImageStore
    """The training split."""

    rows: NDArray[np.int64]
    """(n,) those that were looked at: all, or a drawn part."""

    epochs: tuple[int, ...]
    """After which the influence was asked for; empty where it is not known."""

    features: NDArray[np.float32]
    """(n, D), of the finished network."""

    asked_features: NDArray[np.float32]
    """(D,)."""

    checkpoints: tuple[Checkpoint, ...]

    def nearest(self, most: int) -> list[Neighbor]:
        """The most alike to the network, the nearest first."""
        rows, cosines = nearest(self.features, self.asked_features[None], most)
        return self._named(rows[0], cosines[0])

    def speaking(self, answer: int, most: int) -> tuple[list[Neighbor], list[Neighbor]]:
        """Those that spoke most for an answer, and those that spoke most against it, the strongest first.

        Args:
            answer: class index.
            most: of each; fewer where fewer spoke so.
        """
        spoke = self._influence[answer]
        order = np.argsort(-spoke, kind="stable")
        best, worst = order[:most], order[::-1][:most]
        best, worst = best[spoke[best] > 0], worst[spoke[worst] < 0]
        return self._named(best, spoke[best]), self._named(worst, spoke[worst])

    @cached_property
    def _influence(self) -> list[NDArray[np.float64]]:
        """By class."""
        return [influence(self.checkpoints, answer) for answer in range(self.checkpoints[0].errors.shape[1])]

    def _named(self, places: NDArray[np.int64], values: NDArray[np.floating]) -> list[Neighbor]:
        found = zip(self.rows[places].tolist(), values.tolist(), strict=True)
        return [
            Neighbor(row, self.store.ids[row], int(self.store.labels[row]), float(value))
            for row, value in found
        ]


class Training:
    """A run's training pictures, as the networks of its moments see them: for any number of pictures asked about."""

    def __init__(self, run: SavedRun, classifier: Classifier) -> None:
        """Looks at nothing yet.

        Args:
            run: that made the network.
            classifier: the network.
        """
        self.run = run
        self.classifier = classifier
        self._seen: list[CachedFeatures] | None = None

    def of(
        self, subject: Subject, progress: Progress | None = None
    ) -> tuple[TrainingPictures | None, list[str]]:
        """Look among the training pictures.

        Args:
            subject: a picture in the same network.
            progress: called with (training pictures done, in all), where they must be asked anew.

        Returns:
            What was found, None where nothing can be; and what could not be had, each with its reason.
        """
        if "train" not in self.run.stores:
            told = [reason for reason in self.run.missing if "pictures" in reason.split(":")[0]]
            return None, [f"{BOTH}: {' '.join(told) or 'the pictures cannot be opened any more.'}"]
        try:
            asked = last_dense(subject.recording).inputs[0].flatten().numpy()
            known = self._known(progress)
        except ModelError as reason:
            return None, [f"{BOTH}: {reason}"]
        checkpoints, gaps = self._checkpoints(subject, known)
        epochs = tuple(moment.epoch for moment in self._moments) if checkpoints else ()
        (end,) = [index for index, one in enumerate(self._moments) if one.classifier is self.classifier]
        store = self.run.stores["train"]
        return TrainingPictures(store, self._rows, epochs, known[end].features, asked, checkpoints), gaps

    def _checkpoints(
        self, subject: Subject, known: Sequence[CachedFeatures]
    ) -> tuple[tuple[Checkpoint, ...], list[str]]:
        """For the influence; none where it cannot be known; and what is to be said of that."""
        gaps = [] if self._gap is None else [f"{INFLUENCE}: {self._gap}"]
        if self._moments[-1].epoch == 0:
            return (), gaps
        try:
            found = zip(self._moments, self._recorders, known, strict=True)
            return tuple(_checkpoint(subject, *one) for one in found), gaps
        except ModelError as reason:
            return (), [*gaps, f"{INFLUENCE}: {reason}"]

    @cached_property
    def _kept(self) -> tuple[list[CheckpointModel], str | None]:
        """The run's moments; the finished network alone where it kept no others, and why."""
        alone = [CheckpointModel(0, 0.0, self.classifier)]
        if not self.run.history:
            return alone, "the run's log does not tell its learning rates."
        try:
            moments = moments_of(self.run, self.classifier)
        except TellapartError as reason:
            return alone, str(reason)
        if len(moments) == 1:
            return (
                moments,
                "the run kept no weights on the way, so only its end is asked, when little is left to learn.",
            )
        return moments, None

    @property
    def _moments(self) -> list[CheckpointModel]:
        return self._kept[0]

    @property
    def _gap(self) -> str | None:
        return self._kept[1]

    @cached_property
    def _recorders(self) -> list[Recorder]:
        """Of the moments."""
        return [Recorder(one.classifier.model, one.classifier.net.head) for one in self._moments]

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        """All training pictures, or as many as may be asked about, of every class its share."""
        store = self.run.stores["train"]
        most = int(MOST_FLOPS / max(1, len(self._moments) * summarize(self.classifier.model).flops))
        if len(store) <= most:
            return np.arange(len(store))
        return draw(store.ids, store.labels, most, SEED)

    def _known(self, progress: Progress | None) -> list[CachedFeatures]:
        """What each moment saw."""
        if self._seen is None:
            self._seen = seen(self.run, self._moments, self.run.stores["train"], self._rows, progress)
        return self._seen


def _checkpoint(
    subject: Subject, moment: CheckpointModel, recorder: Recorder, known: CachedFeatures
) -> Checkpoint:
    recording = recorder.run(subject.pixels[None].clone().requires_grad_())
    return Checkpoint(
        moment.learning_rate,
        known.features,
        known.errors,
        last_dense(recording).inputs[0].detach().flatten().numpy(),
        recording.logits.detach()[0].softmax(-1).numpy(),
        error_gain(recording),
    )
