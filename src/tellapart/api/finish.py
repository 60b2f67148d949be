"""The end of every training: calibrate on held-out images, score the test split once, keep the predictions.

A training whose setup leaves out the test split ends before that; `score_run` scores it later.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart import __version__
from tellapart.api.crew import predicted_by_all
from tellapart.api.curves import curves_of
from tellapart.api.listener import Listener
from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.prediction import ranked, with_labels
from tellapart.data.multi_label import in_words, names_of
from tellapart.data.store import ImageStore
from tellapart.errors import SaveError
from tellapart.events import EpochDone, Finding
from tellapart.inference.tta import TtaProbabilities
from tellapart.metrics.calibration import fit_temperature
from tellapart.metrics.label_scores import (
    FEWEST_POSITIVES,
    LabelScores,
    best_thresholds,
    given_labels,
    score_any,
)
from tellapart.metrics.scores import Scores
from tellapart.metrics.validation import USUAL_THRESHOLD, is_better
from tellapart.pages.card import Card, Facts, Pictures, Readable, Words
from tellapart.pages.thumbnail import MOST
from tellapart.recipes.config import TrainConfig
from tellapart.reports.prediction_grid import PredictedImage, save_prediction_grid
from tellapart.runs.event_log import read_log
from tellapart.runs.folder import LOG
from tellapart.runs.predictions import SplitPredictions, save_predictions
from tellapart.runs.setup import TrainingSetup
from tellapart.runs.untrusted_pictures import TrustedScores, trusted_scores, untrusted_in
from tellapart.text import counted, short_name

FEWEST_HELD_OUT = 20
"""Held-out images from which the model card gets a temperature, and views are chosen."""


MOST_FINDINGS = 5
"""Of the watch, on a card."""


@dataclass(frozen=True, slots=True)
class TrainingResult(Readable):
    """What a training returns."""

    classifier: Classifier
    folder: Path
    history: tuple[EpochDone, ...]
    finished: bool
    """False where the training was asked to stop before its end; continue with `resume=folder`."""

    scores: Scores | LabelScores | None = None
    """On the test split, at the end; None where the training did not finish, or was not to score it."""

    plain_scores: Scores | LabelScores | None = None
    """The same without test-time augmentation, where the recipe uses it."""

    trusted: TrustedScores | None = None
    """The same without test images that are copies of training images or doubtful; None where there are none."""

    shown: tuple[PredictedImage, ...] = ()
    """Some test images with their predictions, as on predictions.png."""

    findings: tuple[Finding, ...] = ()
    """What the watch told while it was trained, in earlier sessions too."""

    report: Path | None = None
    """Path of the report's page; None where the training did not finish, or the page could not be written."""

    forecast: Mapping[str, Any] | None = None
    """Of a training with a number of minutes: what was forecast on what basis; under "outcome", what became of it."""

    def __fspath__(self) -> str:
        """The run folder: a result can be given wherever a run or a model is taken."""
        return os.fspath(self.folder)

    def _course(self) -> str:
        """Return what was trained on what, in words."""
        origin = self.classifier.card.origin
        data, recipe = (short_name(str(origin.get(name, "?")), 40) for name in ("data", "recipe"))
        return f"{data} by {recipe}"

    def _headline(self) -> str:
        if self.scores is not None:
            return f"test {self.scores.in_words}"
        if self.finished:
            return "finished, not scored on the test split"
        done = self.history[-1].in_words.partition(":")[0] if self.history else "before its first epoch"
        return f"stopped: {done}; go on with resume={short_name(str(self.folder))!r}"

    def _parts(self) -> list[str]:
        epochs = [counted(len(self.history), "epoch")] if self.history else []
        return [self._headline(), self._course(), *epochs, short_name(str(self.folder))]

    def _card(self) -> Card:
        facts = Facts(
            [
                ("trained on", self._course()),
                ("run folder", self.folder),
                ("report", self.report),
                ("epochs", len(self.history) or None),
                ("seconds in epochs", round(sum(epoch.seconds for epoch in self.history), 1) or None),
                (
                    "without test-time augmentation",
                    None if self.plain_scores is None else self.plain_scores.in_words,
                ),
                ("without doubtful test pictures", None if self.trusted is None else self.trusted.in_words),
            ]
        )
        findings = [Words(finding.in_words) for finding in self.findings[:MOST_FINDINGS]]
        pictures = Pictures([each.thumbnail() for each in self.shown[:MOST]], "Some test pictures")
        scores = [] if self.scores is None else self.scores.card_blocks()
        several = self.classifier.card.multi_label
        curves = [curves_of(self.history, multi_label=several)] if self.history else []
        return Card("TrainingResult", self._headline(), [facts, *findings, *curves, pictures, *scores])


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Predictions of images that the network was not fitted to."""

    predictions: TtaProbabilities
    images: ImageStore

    @property
    def decides(self) -> bool:
        """Whether there are enough of them to choose anything by."""
        return len(self.images) >= FEWEST_HELD_OUT

    def to_keep(self, tta_views: int) -> SplitPredictions:
        """Return the predictions of a model that averages so many views, as a run folder keeps them."""
        of_card = self.predictions.averaged if tta_views > 1 else self.predictions.plain
        return SplitPredictions(of_card, self.images.labels, self.images.ids)


def calibrated(card: ModelCard, held_out: HeldOut, *, choose_views: bool = True) -> ModelCard:
    """Return the card with what held-out images tell: whether test-time views help, and a temperature; or of several
    labels a picture, each one's threshold.

    With fewer than FEWEST_HELD_OUT there is none of it.

    Args:
        card: with the views that there may be.
        held_out: their predictions.
        choose_views: whether the views are given up where they do not help.
    """
    averaged, plain, _ = held_out.predictions
    labels = held_out.images.labels
    helps = not choose_views or (held_out.decides and is_better(averaged, plain, labels))
    if card.multi_label:
        card = replace(card, tta_views=card.tta_views if helps else 1)
        return with_thresholds(card, averaged if helps else plain, held_out)
    temperature = fit_temperature(averaged if helps else plain, labels) if held_out.decides else None
    return replace(card, tta_views=card.tta_views if helps else 1, temperature=temperature)


def new_card(setup: TrainingSetup, tta_views: int) -> ModelCard:
    """Return the card of a training before its held-out images have told anything."""
    card = ModelCard(setup.dataset.class_names, setup.preprocessing, origin_of(setup), tta_views)
    if not setup.config.multi_label:
        return card
    usual = (USUAL_THRESHOLD,) * len(card.class_names)
    how = f"{USUAL_THRESHOLD} for every label: no pictures were held out to choose them on"
    return replace(card, multi_label=True, thresholds=usual, thresholds_from=how)


def with_thresholds(card: ModelCard, probabilities: NDArray[np.float32], held_out: HeldOut) -> ModelCard:
    """Return a card of several labels with each one's threshold, chosen where F1 on held-out images is largest.

    Args:
        card: of the model that predicted.
        probabilities: (N, labels) of the held-out images.
        held_out: the images.
    """
    count = counted(len(held_out.images), "held-out picture")
    if not held_out.decides:
        how = f"{USUAL_THRESHOLD} for every label: {count}, too few to choose them on"
        return replace(card, thresholds_from=how)
    values, chosen = best_thresholds(probabilities, held_out.images.labels)
    usual = [name for name, is_chosen in zip(card.class_names, chosen, strict=True) if not is_chosen]
    others = (
        f"; {USUAL_THRESHOLD} for {', '.join(usual)}, which fewer than {FEWEST_POSITIVES} of them show"
        if usual
        else ""
    )
    how = f"largest F1 of each label on {count}{others}"
    return replace(card, thresholds=values, thresholds_from=how)


def conclude(
    setup: TrainingSetup,
    classifier: Classifier,
    history: tuple[EpochDone, ...],
    held_out: HeldOut | None,
    listener: Listener,
) -> TrainingResult:
    """Score the test split, or where the setup leaves it out, keep the predictions of held-out images alone.

    Args:
        setup: of the training.
        classifier: as it is saved.
        history: its epochs.
        held_out: None where no images were held out.
        listener: hears of the images scored.

    Raises:
        SaveError: the disk is full.
    """
    kept = {} if held_out is None else {"validation": held_out.to_keep(classifier.card.tta_views)}
    folder = setup.folder
    if setup.scores_test:
        return score_test(setup, classifier, history, kept, listener)
    save_predictions(folder.predictions, kept)
    folder.log("Unscored", {})
    return TrainingResult(classifier, folder.path, history, True, findings=folder.findings())


def score_test(
    setup: TrainingSetup,
    classifier: Classifier,
    history: tuple[EpochDone, ...],
    kept: Mapping[str, SplitPredictions],
    listener: Listener,
) -> TrainingResult:
    """Score the test split, once; keep the predictions, and show some of them.

    Args:
        setup: of the training.
        classifier: as it is saved.
        history: its epochs.
        kept: predictions of other splits, to keep beside those of the test split.
        listener: hears of the images scored.
    """
    test, names, folder = setup.stores["test"], setup.dataset.class_names, setup.folder
    views = classifier.card.tta_views
    probabilities = predicted_by_all(setup, classifier, "test", listener.scoring)
    kept = {"test": SplitPredictions(probabilities.averaged, test.labels, test.ids), **kept}
    _on_the_side(
        lambda: save_predictions(folder.predictions, kept), "the report lacks its test results", listener
    )
    thresholds = classifier.card.thresholds
    scores, plain = score_any(probabilities.averaged, test.labels, names, "test", thresholds), None
    folder.log("Scored", {**scores.to_dict(), "tta_views": views})
    if views > 1:
        plain = score_any(probabilities.plain, test.labels, names, "test", thresholds)
        folder.log("ScoredWithoutTta", plain.to_dict())
    untrusted = untrusted_in(read_log(folder.path / LOG)[0])
    trusted = trusted_scores(untrusted, probabilities.averaged, test.labels, test.ids, names, thresholds)
    shown = images_to_show(classifier, test, setup.config)
    if shown:
        _on_the_side(
            lambda: save_prediction_grid(shown, folder.prediction_grid), "the picture is missing", listener
        )
    return TrainingResult(
        classifier, folder.path, history, True, scores, plain, trusted, shown, folder.findings()
    )


def _on_the_side(save: Callable[[], None], without: str, listener: Listener) -> None:
    """Save a file that a finished training can do without; where that fails, warn."""
    try:
        save()
    except SaveError as reason:
        listener.warned(f"{reason} The training is finished and its model saved; {without}.")


def images_to_show(
    classifier: Classifier, test: ImageStore, config: TrainConfig
) -> tuple[PredictedImage, ...]:
    """Choose test images by the seed, and predict them."""
    count = min(config.predictions, len(test))
    rows = np.sort(np.random.default_rng(config.seed).choice(len(test), count, replace=False))
    if not count:
        return ()
    images, ids = test.images[rows], [test.ids[row] for row in rows]
    probabilities = classifier.probabilities(images)
    predictions = ranked(probabilities, ids, classifier.class_names, top=None)
    if classifier.card.multi_label:
        given = given_labels(probabilities, classifier.card.thresholds)
        predictions = with_labels(predictions, given, classifier.class_names)
    targets = [names_of(test.labels[row], classifier.class_names) for row in rows]
    return tuple(map(PredictedImage, images, predictions, map(in_words, targets), targets))


def origin_of(setup: TrainingSetup) -> dict[str, Any]:
    """Say where the model comes from, for people who find only the file."""
    return {
        "tellapart": __version__,
        "recipe": setup.config.recipe,
        "epochs": setup.config.epochs,
        "seed": setup.config.seed,
        "data": setup.dataset.name,
        **({} if setup.backbone is None else setup.backbone.origin),
    }
