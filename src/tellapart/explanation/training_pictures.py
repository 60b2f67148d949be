"""Training pictures: which of them are most like a picture to the network, and which spoke for its answer.

Like: by the cosine of the features. Spoke for or against: by TracIn's last-layer form at the moments that
the run kept and at its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier import Classifier, Progress
from tellapart.data.draw import draw
from tellapart.data.store import Store
from tellapart.errors import ModelError, TellapartError
from tellapart.explain.features import last_dense
from tellapart.explain.influence import Checkpoint, error_gain, influence
from tellapart.explain.nearest import nearest
from tellapart.explain.record import Recorder
from tellapart.explanation.seen import Moment, Seen, moments_of, seen
from tellapart.explanation.subject import Subject
from tellapart.report.ingredients import Ingredients
from tellapart.summary import summarise

MOST_FLOPS = 1e14
"""Of all training pictures at all moments; of more, a drawn part of the pictures is looked at. Minutes on two cores."""

SEED = 0
"""Of that draw."""


@dataclass(frozen=True, slots=True)
class Neighbour:
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

    store: Store
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

    def nearest(self, most: int) -> list[Neighbour]:
        """The most alike to the network, the nearest first."""
        rows, cosines = nearest(self.features, self.asked_features[None], most)
        return self._named(rows[0], cosines[0])

    def speaking(self, answer: int, most: int) -> tuple[list[Neighbour], list[Neighbour]]:
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

    def _named(self, places: NDArray[np.int64], values: NDArray[np.floating]) -> list[Neighbour]:
        found = zip(self.rows[places].tolist(), values.tolist(), strict=True)
        return [
            Neighbour(row, self.store.ids[row], int(self.store.labels[row]), float(value))
            for row, value in found
        ]


def training_pictures(
    run: Ingredients, subject: Subject, progress: Progress | None = None
) -> tuple[TrainingPictures | None, list[str]]:
    """Look among a run's training pictures.

    Args:
        run: that made the subject's network.
        subject: the picture.
        progress: called with (training pictures done, in all), where they must be asked anew.

    Returns:
        What was found, None where nothing can be; and what could not be had, each with its reason.
    """
    if "train" not in run.stores:
        told = [reason for reason in run.missing if "pictures" in reason.split(":")[0]]
        return None, ["Training pictures like this one, and those that speak for and against: " + _join(told)]
    try:
        last_dense(subject.recording)
        moments, gaps = _moments(run, subject.classifier)
        rows = _rows(run, subject, len(moments))
        known = seen(run, moments, run.stores["train"], rows, progress)
        return _found(run, subject, moments, known, rows, gaps), gaps
    except ModelError as reason:
        return None, [f"Training pictures like this one, and those that speak for and against: {reason}"]


def _join(reasons: Sequence[str]) -> str:
    return " ".join(reasons) or "the run's pictures cannot be opened any more."


def _moments(run: Ingredients, final: Classifier) -> tuple[list[Moment], list[str]]:
    """The run's; the finished network's alone where it kept no others, and why."""
    what = "Training pictures that speak for and against"
    if not run.history:
        return [Moment(0, 0.0, final)], [f"{what}: the run's log does not tell its learning rates."]
    try:
        moments = moments_of(run, final)
    except TellapartError as reason:
        return [Moment(0, 0.0, final)], [f"{what}: {reason}"]
    if len(moments) == 1:
        return moments, [
            f"{what}: the run kept no weights on the way, so these are of its end alone, when most has been learned."
        ]
    return moments, []


def _rows(run: Ingredients, subject: Subject, moments: int) -> NDArray[np.int64]:
    """All training pictures, or as many as may be asked about, of every class its share."""
    store = run.stores["train"]
    most = int(MOST_FLOPS / max(1, moments * summarise(subject.classifier.model).flops))
    if len(store) <= most:
        return np.arange(len(store))
    return draw(store.ids, store.labels, most, SEED)


def _found(
    run: Ingredients,
    subject: Subject,
    moments: Sequence[Moment],
    known: Sequence[Seen],
    rows: NDArray[np.int64],
    gaps: list[str],
) -> TrainingPictures:
    store = run.stores["train"]
    (final,) = [
        one for moment, one in zip(moments, known, strict=True) if moment.classifier is subject.classifier
    ]
    asked = last_dense(subject.recording).inputs[0].flatten().numpy()
    checkpoints: tuple[Checkpoint, ...] = ()
    if moments[-1].learning_rate > 0:
        try:
            checkpoints = tuple(map(_checkpoint, moments, known, [subject] * len(moments)))
        except ModelError as reason:
            gaps.append(f"Training pictures that speak for and against: {reason}")
    epochs = tuple(moment.epoch for moment in moments) if checkpoints else ()
    return TrainingPictures(store, rows, epochs, final.features, asked, checkpoints)


def _checkpoint(moment: Moment, known: Seen, subject: Subject) -> Checkpoint:
    recorder = Recorder(moment.classifier.model, moment.classifier.net.head)
    recording = recorder.run(subject.pixels[None].clone().requires_grad_())
    return Checkpoint(
        moment.learning_rate,
        known.features,
        known.errors,
        last_dense(recording).inputs[0].detach().flatten().numpy(),
        recording.logits.detach()[0].softmax(-1).numpy(),
        error_gain(recording),
    )
