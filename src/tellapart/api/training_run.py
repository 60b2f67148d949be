"""A training from its setup to a scored classifier: train, calibrate, score."""

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from tellapart.api.finish import HeldOut, TrainingResult, calibrated, origin_of, score_test
from tellapart.api.listener import Listener
from tellapart.classifier.card import ModelCard, NoveltyLimit
from tellapart.classifier.classifier import Classifier
from tellapart.data.sampler import BatchSampler
from tellapart.explanations.ood import limit_of
from tellapart.explanations.recorder import Recorder
from tellapart.lowering import lower
from tellapart.metrics.validation import Validation, validated
from tellapart.profiling.flops import count_flops
from tellapart.recipes.build import build_model, build_step, finish_model
from tellapart.runs.checkpointer import Checkpointer, recoverable
from tellapart.runs.setup import TrainingSetup
from tellapart.runtime.allocator import keep_freed_memory
from tellapart.runtime.power import EnergyMeter
from tellapart.runtime.threads import threads_for
from tellapart.training.loader import DataLoader
from tellapart.training.loop import reached, run_epochs


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
    card = ModelCard(setup.dataset.class_names, setup.preprocessing, origin_of(setup), config.tta_views)
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
        held_out = None if config.validation == "test" else _calibrate(setup, classifier)
        classifier.save(setup.folder.model)
        return score_test(setup, classifier, history, held_out, listener)


def _calibrate(setup: TrainingSetup, classifier: Classifier) -> HeldOut:
    """Note on the model card what held-out images tell: a temperature, useful views, and what is unfamiliar."""
    store = setup.stores["validation"]
    predictions = classifier.tta_probabilities(store.images, precision=setup.precision)
    held_out = HeldOut(predictions, store)
    card = calibrated(classifier.card, held_out)
    if held_out.decides:
        limit = limit_of(Recorder(classifier.model, classifier.net.head), store.images)
        card = replace(card, novelty=NoveltyLimit("energy", limit))
    classifier.card = card
    return held_out
