"""A training from its setup to a scored classifier: train, calibrate, score."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from tellapart.api.finish import HeldOut, TrainingResult, calibrated, origin_of, score_test
from tellapart.api.listener import Listener
from tellapart.api.watching import findings_of_data, watch_over
from tellapart.classifier.card import ModelCard, NoveltyLimit
from tellapart.classifier.classifier import Classifier
from tellapart.data.sampler import BatchSampler
from tellapart.errors import TellapartError
from tellapart.events import Diverged, EpochDone, Event
from tellapart.explanations.ood import limit_of
from tellapart.explanations.recorder import Recorder
from tellapart.lowering import LoweredNet, lower
from tellapart.metrics.validation import Validation, validated
from tellapart.profiling.flops import count_flops
from tellapart.recipes.adapt import at_lower_rates
from tellapart.recipes.build import build_model, build_step, finish_model
from tellapart.recipes.config import TrainConfig
from tellapart.runs.checkpointer import Checkpointer, NotFiniteError, recoverable
from tellapart.runs.setup import TrainingSetup
from tellapart.runtime.allocator import keep_freed_memory
from tellapart.runtime.power import EnergyMeter
from tellapart.runtime.threads import threads_for
from tellapart.training.loader import DataLoader
from tellapart.training.loop import reached, run_epochs
from tellapart.training.watch.vitals import Inside, WatchedStep
from tellapart.training.watch.watch import Watch

RATE_AFTER_DIVERGENCE = 0.1
"""What learning rates are multiplied by after the first divergence; after a second one the training ends."""


def run_training(setup: TrainingSetup, listener: Listener, should_stop: Callable[[], bool]) -> TrainingResult:
    """Train to the end, or until somebody asks to stop; then score on the test split.

    Where loss or weights become NaN or infinite, it goes back to the last epoch's end and on at a tenth of the learning
    rate; where that happens again, the best epoch so far is kept and scored.

    Raises:
        TellapartError: the loss became NaN or infinite twice before any epoch was finished.
        SaveError: the disk is full.
    """
    with recoverable(setup.folder), keep_freed_memory():
        return _train(setup, listener, should_stop)


@dataclass(slots=True)
class _Training:
    """A network with all that trains it, at some step."""

    config: TrainConfig
    classifier: Classifier
    net: LoweredNet
    loader: DataLoader
    checkpointer: Checkpointer
    validate: Callable[[], Validation]
    watch: Watch

    @classmethod
    def at_last_checkpoint(cls, setup: TrainingSetup, warn: Callable[[str], None]) -> "_Training":
        """Build the network, and set it to its last checkpoint where the run is resumed."""
        training = cls._built(setup, setup.config, setup.resumes, warn)
        if not training.checkpointer.state.divergences:
            return training
        return training.at_lower_rates(setup)

    def at_lower_rates(self, setup: TrainingSetup) -> "_Training":
        """Return the same training in its last finite state, its learning rates lower."""
        before = self.checkpointer
        lower_config = at_lower_rates(setup.config, RATE_AFTER_DIVERGENCE)
        training = self._built(setup, lower_config, False, before.warn)
        training.checkpointer.go_back_to(before.finite, before.best)
        training.watch.course.history = list(training.checkpointer.state.history)
        return training

    @classmethod
    def _built(
        cls, setup: TrainingSetup, config: TrainConfig, resumes: bool, warn: Callable[[str], None]
    ) -> "_Training":
        train, classes = setup.stores["train"], len(setup.dataset.class_names)
        batches = BatchSampler(
            n=len(train),
            batch_size=config.batch_size,
            seed=config.seed,
            rows_per_epoch=config.pictures_per_epoch,
        )
        steps = batches.steps_per_epoch
        model = build_model(config, setup.preprocessing.shape, classes, steps, train.images)
        net = lower(model, setup.precision)
        loader = DataLoader(train, classes, batches, config.augmentation, net.device, config.mixing)
        card = ModelCard(setup.dataset.class_names, setup.preprocessing, origin_of(setup), config.tta_views)
        classifier = Classifier.of_model(model, card)
        checkpointer = Checkpointer(config, setup.folder, model, resumes=resumes, warn=warn)

        def validate() -> Validation:
            held_out = setup.validation
            probabilities = classifier.probabilities(held_out.images, tta_views=1, precision=setup.precision)
            return validated(probabilities, held_out.labels)

        watch = watch_over(setup, config, model, checkpointer.state.history)
        return cls(config, classifier, net, loader, checkpointer, validate, watch)

    @property
    def is_over(self) -> bool:
        """Whether no further step is to be done."""
        state = self.checkpointer.state
        return (
            state.epoch >= self.config.epochs
            or reached(state.history, self.config.target)
            or state.divergences > 1
        )

    def run(self, tell: Callable[[Event], None], should_stop: Callable[[], bool]) -> None:
        """Train until it is over or somebody asks to stop; every event is saved before it is told.

        Raises:
            NotFiniteError: the loss is NaN or infinite.
        """
        state, config = self.checkpointer.state, self.config
        # Built here, not with the network: an optimizer may count the steps on from the state that it begins in.
        steps = self.loader.batches.steps_per_epoch
        step = WatchedStep(build_step(config, self.net, config.epochs * steps), steps)
        store = self.loader.store
        inside = Inside(self.net.model, store.images, store.labels, config.seed)
        for event in run_epochs(
            step, self.loader, self.validate, state, config.epochs, should_stop, config.target
        ):
            self.checkpointer.event(event)
            tell(event)
            if isinstance(event, EpochDone):
                for finding in self.watch.after(event, inside.look(step.updates())):
                    tell(finding)


def _train(setup: TrainingSetup, listener: Listener, should_stop: Callable[[], bool]) -> TrainingResult:
    energy, began = EnergyMeter(), time.monotonic()

    def tell(event: Event) -> None:
        setup.folder.listen(event)
        listener.event(event)
        energy.read_if_due()

    training = _Training.at_last_checkpoint(setup, listener.warned)
    with threads_for(setup.config.batch_size * count_flops(training.classifier.model).step):
        threads = torch.get_num_threads()
        listener.prepared(setup, training.classifier.model)
        for finding in findings_of_data(setup):
            tell(finding)
        training = _to_the_end(training, setup, tell, should_stop)
    checkpointer, classifier = training.checkpointer, training.classifier
    checkpointer.restore_best_weights()
    finish_model(setup.config, classifier.model)
    history = tuple(checkpointer.state.history)
    seconds = time.monotonic() - began
    setup.folder.log("Cost", {"seconds": seconds, "joules": energy.joules, "threads": threads})
    if not training.is_over:
        classifier.save(setup.folder.model)
        return TrainingResult(
            classifier, setup.folder.path, history, finished=False, findings=setup.folder.findings()
        )
    held_out = None if setup.config.validation == "test" else _calibrate(setup, classifier)
    classifier.save(setup.folder.model)
    return score_test(setup, classifier, history, held_out, listener)


def _to_the_end(
    training: _Training, setup: TrainingSetup, tell: Callable[[Event], None], should_stop: Callable[[], bool]
) -> _Training:
    """Train; after a first divergence go on at lower rates, after a second one end with the last finite state.

    Raises:
        TellapartError: it diverged twice before any epoch was finished.
    """
    while not training.is_over:
        try:
            training.run(tell, should_stop)
            return training
        except NotFiniteError as reason:
            finite = training.checkpointer.finite.state
            finite.divergences += 1
            is_last = finite.divergences > 1
            if is_last and not finite.history:
                raise TellapartError(_diverged_at_once(setup)) from None
            tell(Diverged(reason.epoch, finite.epoch, None if is_last else RATE_AFTER_DIVERGENCE))
            training = training.at_lower_rates(setup)
            setup.folder.resume_history(finite.history)
            training.checkpointer.save()
    return training


def _diverged_at_once(setup: TrainingSetup) -> str:
    return (
        "The training diverged twice before its first epoch was finished, the second time at "
        f"{RATE_AFTER_DIVERGENCE:g} of the learning rate: its loss was not finite. Check the labels; in Python, pass a "
        f"TrainConfig with a smaller optimizer.learning_rate as the recipe. {setup.folder.path} can be deleted."
    )


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
