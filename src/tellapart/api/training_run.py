"""A training from its setup to a scored classifier: train, calibrate, score."""

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
from tellapart.reports.prediction_grid import PredictedImage, save_prediction_grid
from tellapart.runs.checkpointer import Checkpointer, recoverable
from tellapart.runs.predictions import SplitPredictions, save_predictions
from tellapart.runs.setup import TrainingSetup
from tellapart.runtime.allocator import keep_freed_memory
from tellapart.runtime.power import EnergyMeter
from tellapart.runtime.threads import threads_for
from tellapart.training.loader import DataLoader
from tellapart.training.loop import reached, run_epochs

FEWEST_HELD_OUT = 20
"""Held-out images from which the model card gets a temperature and a limit for unfamiliar images."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training returns."""

    classifier: Classifier
    folder: Path
    history: tuple[EpochDone, ...]
    finished: bool
    """False where the training was asked to stop before its end; continue with `resume=folder`."""

    scores: Scores | None = None
    """On the test split, at the end; None where the training did not finish."""

    plain_scores: Scores | None = None
    """The same without test-time augmentation, where the recipe uses it."""

    shown: tuple[PredictedImage, ...] = ()
    """Some test images with their predictions, as on predictions.png."""

    report: Path | None = None
    """The report; None where the training did not finish, or the page could not be written."""


def run_training(setup: TrainingSetup, listener: Listener, should_stop: Callable[[], bool]) -> TrainingResult:
    """Train to the end, or until somebody asks to stop; then score on the test split.

    Raises:
        TellapartError: the loss became NaN or infinite.
        SaveError: the disk is full.
    """
    with recoverable(setup.folder):
        return _train(setup, listener, should_stop)


def _train(setup: TrainingSetup, listener: Listener, should_stop: Callable[[], bool]) -> TrainingResult:
    config, train = setup.config, setup.stores["train"]
    batches = BatchSampler(
        n=len(train),
        batch_size=config.batch_size,
        seed=config.seed,
        rows_per_epoch=config.pictures_per_epoch,
    )
    classes, steps = len(setup.dataset.class_names), batches.steps_per_epoch
    model = build_model(config, setup.preprocessing.shape, classes, steps, train.images)
    net = lower(model, setup.precision)
    loader = DataLoader(train, classes, batches, config.augmentation, net.device, config.mixing)
    card = ModelCard(setup.dataset.class_names, setup.preprocessing, _origin(setup), config.tta_views)
    classifier = Classifier.of_model(model, card)
    checkpointer = Checkpointer(config, setup.folder, model, resumes=setup.resumes)
    step = build_step(config, net, config.epochs * steps)

    def validate() -> Validation:
        held_out = setup.validation
        probabilities = classifier.probabilities(held_out.images, tta_views=1, precision=setup.precision)
        return validated(probabilities, held_out.labels)

    energy, began = EnergyMeter(), time.monotonic()
    with keep_freed_memory():
        with threads_for(config.batch_size * count_flops(model).step):
            threads = torch.get_num_threads()
            listener.prepared(setup, model)
            for event in run_epochs(
                step, loader, validate, checkpointer.state, config.epochs, should_stop, config.target
            ):
                setup.folder.listen(event)
                checkpointer.event(event)
                listener.event(event)
                energy.read_if_due()
        checkpointer.restore_best_weights()
        finish_model(config, model)
        history = tuple(checkpointer.state.history)
        seconds = time.monotonic() - began
        setup.folder.log("Cost", {"seconds": seconds, "joules": energy.joules, "threads": threads})
        if checkpointer.state.epoch < config.epochs and not reached(history, config.target):
            classifier.save(setup.folder.model)
            return TrainingResult(classifier, setup.folder.path, history, finished=False)
        held_out = _calibrate(setup, classifier)
        classifier.save(setup.folder.model)
        return _score(setup, classifier, history, held_out, listener)


def _calibrate(setup: TrainingSetup, classifier: Classifier) -> dict[str, SplitPredictions]:
    """Note on the model card what held-out images tell: a temperature, and from where images are unfamiliar."""
    if setup.config.validation == "test":
        return {}
    store = setup.stores["validation"]
    probabilities = classifier.probabilities(store.images, precision=setup.precision)
    predictions = {"validation": SplitPredictions(probabilities, store.labels, store.ids)}
    if len(store) < FEWEST_HELD_OUT:
        return predictions
    limit = limit_of(Recorder(classifier.model, classifier.net.head), store.images)
    temperature = fit_temperature(probabilities, store.labels)
    classifier.card = replace(classifier.card, temperature=temperature, energy_limit=limit)
    return predictions


def _score(
    setup: TrainingSetup,
    classifier: Classifier,
    history: tuple[EpochDone, ...],
    held_out: dict[str, SplitPredictions],
    listener: Listener,
) -> TrainingResult:
    """Score the test split, once; keep the predictions, and show some of them."""
    test, names, folder = setup.stores["test"], setup.dataset.class_names, setup.folder
    probabilities = classifier.tta_probabilities(test.images, listener.scoring, precision=setup.precision)
    predictions = SplitPredictions(probabilities.averaged, test.labels, test.ids)
    save_predictions(folder.predictions, held_out | {"test": predictions})
    scores, plain = score(probabilities.averaged, test.labels, names, "test"), None
    folder.log("Scored", scores.to_dict())
    if setup.config.tta_views > 1:
        plain = score(probabilities.plain, test.labels, names, "test")
        folder.log("ScoredWithoutTta", plain.to_dict())
    shown = images_to_show(classifier, test, setup.config)
    if shown:
        save_prediction_grid(shown, folder.prediction_grid)
    return TrainingResult(classifier, folder.path, history, True, scores, plain, shown)


def images_to_show(
    classifier: Classifier, test: ImageStore, config: TrainConfig
) -> tuple[PredictedImage, ...]:
    """Choose test images by the seed, and predict them."""
    count = min(config.predictions, len(test))
    rows = np.sort(np.random.default_rng(config.seed).choice(len(test), count, replace=False))
    if not count:
        return ()
    images, ids = test.images[rows], [test.ids[row] for row in rows]
    predictions = ranked(classifier.probabilities(images), ids, classifier.class_names, top=None)
    targets = [classifier.class_names[test.labels[row]] for row in rows]
    return tuple(map(PredictedImage, images, predictions, targets))


def _origin(setup: TrainingSetup) -> dict[str, Any]:
    """Say where the model comes from, for people who find only the file."""
    return {
        "tellapart": __version__,
        "recipe": setup.config.recipe,
        "epochs": setup.config.epochs,
        "seed": setup.config.seed,
        "data": setup.dataset.name,
    }
