"""A transfer from its setup to a scored classifier: features of a frozen backbone, a linear head, the test.

Between head and test, the backbone may be trained further (`fine_tune_run`).
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.api.crew import computed_by_all, held_alike, order
from tellapart.api.fine_tune_run import fine_tune
from tellapart.api.finish import HeldOut, TrainingResult, calibrated, conclude, new_card
from tellapart.api.listener import Listener
from tellapart.api.tuned_features import learn_features
from tellapart.api.tuned_or_frozen import Candidate
from tellapart.api.watching import findings_of_head, look_at_data
from tellapart.classifier.classifier import Classifier
from tellapart.data.multi_label import are_several
from tellapart.events import Event, FeaturesDone, HeadFitted
from tellapart.explanations.examples.feature_cache import keep_features
from tellapart.inference.feature_net import FeatureNet
from tellapart.inference.tta import TtaProbabilities
from tellapart.models.backbones import with_head
from tellapart.models.stages import refuse_missing_stages
from tellapart.recipes.transfer_settings import STAGES, HeadSettings
from tellapart.runs.checkpointer import recoverable
from tellapart.runs.saved_run import load_run
from tellapart.runs.setup import TrainingSetup
from tellapart.runtime.allocator import keep_freed_memory
from tellapart.runtime.power import EnergyMeter
from tellapart.training.head_choice import HeadChoice, Views, choose_by_folds, choose_on_held_out, folds_of


def run_transfer(setup: TrainingSetup, listener: Listener, should_stop: Callable[[], bool]) -> TrainingResult:
    """Fit a head to the features of a frozen backbone, fine-tune where that helps; then score on the test split.

    Args:
        setup: its configuration has a backbone and a head.
        listener: hears of every stage.
        should_stop: asked while fine-tuning. What comes before takes no longer than resuming it would: a resumed run
            does it again.

    Raises:
        ModelError: the backbone cannot be used.
        SaveError: the disk is full.
    """
    with recoverable(setup.folder), keep_freed_memory():
        return _transfer(setup, listener, should_stop)


def _transfer(setup: TrainingSetup, listener: Listener, should_stop: Callable[[], bool]) -> TrainingResult:
    config, settings = setup.config, setup.config.head
    assert settings is not None
    assert setup.backbone is not None
    energy, began = EnergyMeter(), time.monotonic()
    features = setup.backbone.features
    model = model_of(setup, features)
    listener.prepared(setup, model)

    def tell(event: Event) -> None:
        setup.folder.listen(event)
        listener.event(event)
        energy.read_if_due()

    for finding in look_at_data(setup):
        tell(finding)
    net, views = FeatureNet(features), 2 if settings.mirror else 1
    used = ["train"] if config.validation == "cross-validation" else ["train", "validation"]
    by_split = {name: _views(net, setup, name, views, listener, tell) for name in used}
    fitting = time.monotonic()
    choice = _choose(settings, by_split, setup)
    model.get_layer("head").set_weights([choice.head.kernel, choice.head.bias])
    fitted = _fitted(choice, settings, setup, time.monotonic() - fitting)
    tell(fitted)
    for finding in findings_of_head(setup, fitted):
        tell(finding)
    card = new_card(setup, views)
    predictions = TtaProbabilities(choice.predicted.averaged, choice.predicted.plain)
    held_out = HeldOut(predictions, setup.validation)
    head = Candidate(Classifier.of_model(model, calibrated(card, held_out)), held_out)
    outcome = fine_tune(setup, head, tell, should_stop, listener)
    classifier, held_out = outcome.better
    of_images = by_split["train"].features[0]
    if outcome.history:
        of_images, probabilities = learn_features(setup, classifier, listener)
    else:
        probabilities = choice.head.probabilities(of_images)
        _learn_familiar(classifier, of_images, by_split["train"].labels, config.seed)
    cost = {"seconds": time.monotonic() - began, "joules": energy.joules, "threads": torch.get_num_threads()}
    setup.folder.log("Cost", cost)
    classifier.save(setup.folder.model)
    if not outcome.finished:
        return TrainingResult(
            classifier, setup.folder.path, (), finished=False, findings=setup.folder.findings()
        )
    order(setup.team, "head")
    held_alike(setup.team, classifier.model.weights)
    run = load_run(setup.folder.path, setup.stores, classifier=classifier)
    keep_features(run, classifier, of_images, probabilities)
    return conclude(setup, classifier, outcome.history, held_out, listener)


def model_of(setup: TrainingSetup, features: Any) -> Any:
    """Return the backbone under a new head.

    Raises:
        ConfigError: more of its stages are to be fine-tuned than there are.
    """
    config = setup.config
    activation = "sigmoid" if config.multi_label else "softmax"
    model = with_head(features, len(setup.dataset.class_names), activation)
    if config.fine_tuning is not None and config.fine_tune == "on" and config.fine_tuning.stages != STAGES:
        refuse_missing_stages(model, config.fine_tuning.stages)
    return model


def _learn_familiar(
    classifier: Classifier, features: NDArray[np.float32], labels: NDArray[Any], seed: int
) -> None:
    """Learn which images are familiar, by the features of each class; of several labels an image there are none."""
    if not are_several(labels):
        classifier.learn_familiar(features, labels, seed)


def _views(
    net: FeatureNet,
    setup: TrainingSetup,
    split: str,
    count: int,
    listener: Listener,
    tell: Callable[[Event], None],
) -> Views:
    """Compute the features of a split's images, as they are and, where two views are wanted, mirrored."""
    store, began = setup.stores[split], time.monotonic()
    total = count * len(store)

    def features(mirrored: bool, before: int) -> NDArray[np.float32]:
        images = store.images[:, :, ::-1] if mirrored else store.images
        order(setup.team, "features", split, mirrored)
        return computed_by_all(
            setup.team,
            images,
            lambda part: net(part, lambda done, _: listener.featuring(before + done, total), setup.precision),
        )

    views = [features(False, 0)]
    if count == 2:
        views.append(features(True, len(store)))
    tell(FeaturesDone(split, len(store), count, time.monotonic() - began))
    return Views(views, store.labels)


def _choose(settings: HeadSettings, by_split: dict[str, Views], setup: TrainingSetup) -> HeadChoice:
    names, seed, weights = setup.dataset.class_names, setup.config.seed, setup.config.class_weight
    of_class = None if weights is None else weights.of(names)
    train, penalties = by_split["train"], settings.penalties
    if "validation" in by_split:
        return choose_on_held_out(train, by_split["validation"], len(names), penalties, seed, of_class)
    folds = folds_of(train.labels, settings.folds, seed)
    return choose_by_folds(train, len(names), penalties, folds, of_class)


def _fitted(choice: HeadChoice, settings: HeadSettings, setup: TrainingSetup, seconds: float) -> HeadFitted:
    best = choice.path[choice.best]
    return HeadFitted(
        penalty=best.penalty,
        val_loss=best.loss,
        val_accuracy=best.accuracy,
        val_pictures=len(setup.validation),
        folds=settings.folds if setup.config.validation == "cross-validation" else None,
        path=tuple(map(asdict, choice.path)),
        seconds=seconds,
    )
