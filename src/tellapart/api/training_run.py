"""A recipe's training from pictures to a scored model: prepare, train, finish.

Joins data, recipe, loop and run folder. Prints nothing: a Watcher is told.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tellapart import __version__
from tellapart.api.listener import Listener
from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier, ranked
from tellapart.data.sampler import BatchSampler
from tellapart.data.store import ImageStore
from tellapart.events import EpochDone
from tellapart.explanations.ood import limit_of
from tellapart.explanations.recorder import Recorder
from tellapart.lowering import lower
from tellapart.metrics.calibration import fit_temperature
from tellapart.metrics.scores import Scores, score
from tellapart.metrics.validation import Validation, validated
from tellapart.profiling.flops import count_flops
from tellapart.recipes.build import build_model, build_step, finish_model
from tellapart.recipes.config import TrainConfig
from tellapart.reports.prediction_grid import Shown, save_picture_grid
from tellapart.runs.checkpointer import Checkpointer, nothing_lost
from tellapart.runs.predictions import SplitPredictions, save_predictions
from tellapart.runs.setup import TrainingSetup
from tellapart.runtime.allocator import memory_kept
from tellapart.runtime.power import EnergyMeter
from tellapart.runtime.threads import threads_for
from tellapart.training.loader import DataLoader
from tellapart.training.loop import reached, run_epochs

FEWEST_HELD_OUT = 20
"""Pictures from which the card tells what confidence is worth and what is unfamiliar."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training gives back."""

    classifier: Classifier
    folder: Path
    history: tuple[EpochDone, ...]
    finished: bool
    """False where the training was asked to stop before its end; go on with `resume=folder`."""

    scores: Scores | None = None
    """On the test split, at the end; None where the training did not finish."""

    plain_scores: Scores | None = None
    """The same without test-time views, where the run has some."""

    shown: tuple[Shown, ...] = ()
    """Some test pictures with their predictions, as on predictions.png."""

    report: Path | None = None
    """The page about it all; None where the training did not finish, or the page could not be written."""


def run_training(
    prepared: TrainingSetup, listener: Listener, should_stop: Callable[[], bool]
) -> TrainingResult:
    """Train to the end, or until somebody asks to stop; then score on the test split.

    Raises:
        TellapartError: the loss is no number any more.
        SaveError: the disk is full.
    """
    with nothing_lost(prepared.folder):
        return _train(prepared, listener, should_stop)


def _train(prepared: TrainingSetup, listener: Listener, should_stop: Callable[[], bool]) -> TrainingResult:
    run, classes = prepared.run, len(prepared.source.class_names)
    train = prepared.stores["train"]
    batches = BatchSampler(
        n=len(train), batch_size=run.batch_size, seed=run.seed, rows_per_epoch=run.pictures_per_epoch
    )
    model = build_model(run, prepared.preprocessing.shape, classes, batches.steps_per_epoch, train.images)
    net = lower(model, prepared.precision)
    feed = DataLoader(train, classes, batches, run.augmentation, net.device, run.mixing)
    card = ModelCard(prepared.source.class_names, prepared.preprocessing, _origin(prepared), run.views)
    classifier = Classifier.of_model(model, card)
    checkpointer = Checkpointer(run, prepared.folder, model, resumes=prepared.resumes)
    step = build_step(run, net, run.epochs * batches.steps_per_epoch)

    def validate() -> Validation:
        validation = prepared.validation
        answers = classifier.probabilities(validation.images, views=1, precision=prepared.precision)
        return validated(answers, validation.labels)

    energy, began = EnergyMeter(), time.monotonic()
    with memory_kept():
        with threads_for(run.batch_size * count_flops(model).step):
            threads = torch.get_num_threads()
            listener.prepared(prepared, model)
            for event in run_epochs(
                step, feed, validate, checkpointer.state, run.epochs, should_stop, run.target
            ):
                prepared.folder.listen(event)
                checkpointer.event(event)
                listener.event(event)
                energy.look_at_times()
        checkpointer.take_kept_weights()
        finish_model(run, model)
        history = tuple(checkpointer.state.history)
        cost = {"seconds": time.monotonic() - began, "joules": energy.joules, "threads": threads}
        prepared.folder.log("Cost", cost)
        if checkpointer.state.epoch < run.epochs and not reached(history, run.target):
            classifier.save(prepared.folder.model)
            return TrainingResult(classifier, prepared.folder.path, history, finished=False)
        held_out = _calibrate(prepared, classifier)
        classifier.save(prepared.folder.model)
        return _finish(prepared, classifier, history, held_out, listener)


def _calibrate(prepared: TrainingSetup, classifier: Classifier) -> dict[str, SplitPredictions]:
    """Note on the model's card what held-out pictures tell: by what its confidence is off, and what is unfamiliar."""
    if prepared.run.validation == "test":
        return {}
    store = prepared.stores["validation"]
    found = classifier.probabilities(store.images, precision=prepared.precision)
    answers = {"validation": SplitPredictions(found, store.labels, store.ids)}
    if len(store) < FEWEST_HELD_OUT:
        return answers
    limit = limit_of(Recorder(classifier.model, classifier.net.head), store.images)
    temperature = fit_temperature(found, store.labels)
    classifier.card = replace(classifier.card, temperature=temperature, energy_limit=limit)
    return answers


def _finish(
    prepared: TrainingSetup,
    classifier: Classifier,
    history: tuple[EpochDone, ...],
    held_out: dict[str, SplitPredictions],
    listener: Listener,
) -> TrainingResult:
    """Score the test split, once, keep what was answered, and show some of its pictures."""
    test, names, folder = prepared.stores["test"], prepared.source.class_names, prepared.folder
    found = classifier.answers(test.images, listener.scoring, precision=prepared.precision)
    save_predictions(
        folder.answers, held_out | {"test": SplitPredictions(found.averaged, test.labels, test.ids)}
    )
    scores, plain = score(found.averaged, test.labels, names, "test"), None
    folder.log("Scored", scores.to_dict())
    if prepared.run.views > 1:
        plain = score(found.plain, test.labels, names, "test")
        folder.log("ScoredWithoutViews", plain.to_dict())
    shown = pictures_to_show(classifier, test, prepared.run)
    if shown:
        save_picture_grid(shown, folder.predictions)
    return TrainingResult(classifier, folder.path, history, True, scores, plain, shown)


def pictures_to_show(classifier: Classifier, test: ImageStore, run: TrainConfig) -> tuple[Shown, ...]:
    """A seeded choice of test pictures with their predictions."""
    count = min(run.predictions, len(test))
    rows = np.sort(np.random.default_rng(run.seed).choice(len(test), count, replace=False))
    if not count:
        return ()
    images = test.images[rows]
    predictions = ranked(
        classifier.probabilities(images), [test.ids[row] for row in rows], classifier.class_names, top=None
    )
    truths = [classifier.class_names[test.labels[row]] for row in rows]
    return tuple(map(Shown, images, predictions, truths))


def _origin(prepared: TrainingSetup) -> dict[str, Any]:
    """Where the model comes from, for people who find only the file."""
    return {
        "tellapart": __version__,
        "recipe": prepared.run.recipe,
        "epochs": prepared.run.epochs,
        "seed": prepared.run.seed,
        "data": prepared.source.name,
    }
