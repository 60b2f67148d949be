"""A training from its setup to a scored classifier: train, calibrate, score."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from tellapart.api.batches import batches_of, loader_of
from tellapart.api.crew import held_alike, order, ordering, predicted_by_all
from tellapart.api.divergence import RATE_AFTER_DIVERGENCE, SomeTraining, train_to_the_end
from tellapart.api.finish import HeldOut, TrainingResult, calibrated, conclude, new_card
from tellapart.api.listener import Listener
from tellapart.api.own_training import OwnTraining
from tellapart.api.pacing import Paced, keeper, paced, set_schedule
from tellapart.api.streamed import with_left_out
from tellapart.api.watching import look_at_data, watch_over, with_findings
from tellapart.classifier.card import NoveltyLimit
from tellapart.classifier.classifier import Classifier
from tellapart.errors import TellapartError
from tellapart.events import Event
from tellapart.explanations.ood import limit_of
from tellapart.explanations.recorder import Recorder
from tellapart.lowering import LoweredNet, lower
from tellapart.metrics.validation import Validation, validated
from tellapart.profiling.flops import count_flops
from tellapart.recipes.adapt import at_lower_rates
from tellapart.recipes.build import build_model, build_step, finish_model
from tellapart.recipes.config import TrainConfig
from tellapart.runs.checkpointer import Checkpointer, recoverable
from tellapart.runs.setup import TrainingSetup
from tellapart.runtime.allocator import keep_freed_memory
from tellapart.runtime.power import EnergyMeter
from tellapart.runtime.threads import threads_for
from tellapart.training.loader import DataLoader
from tellapart.training.loop import run_epochs
from tellapart.training.state import TrainState
from tellapart.training.step import TrainStep
from tellapart.training.step_plan import StepPlan
from tellapart.training.watch.vitals import Inside, WatchedStep


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

    setup: TrainingSetup
    config: TrainConfig
    classifier: Classifier
    net: LoweredNet
    loader: DataLoader
    checkpointer: Checkpointer
    validate: Callable[[], Validation]

    @classmethod
    def at_last_checkpoint(cls, setup: TrainingSetup, warn: Callable[[str], None]) -> "_Training":
        """Build the network, and set it to its last checkpoint where the run is resumed."""
        training = cls._built(setup, setup.config, setup.resumes, warn)
        if not training.checkpointer.state.divergences:
            return training
        return training.at_lower_rates()

    def at_lower_rates(self) -> "_Training":
        """Return the same training in its last finite state, its learning rates lower."""
        before = self.checkpointer
        planned = self.setup.config.changed(
            planned_steps=self.config.planned_steps, epochs=self.config.epochs
        )
        lower_config = at_lower_rates(planned, RATE_AFTER_DIVERGENCE)
        training = self._built(self.setup, lower_config, False, before.warn)
        training.checkpointer.go_back_to(before.finite, before.best)
        return training

    @classmethod
    def _built(
        cls, setup: TrainingSetup, config: TrainConfig, resumes: bool, warn: Callable[[str], None]
    ) -> "_Training":
        train, classes = setup.stores["train"], len(setup.dataset.class_names)
        batches = batches_of(setup, config)
        steps = batches.steps_per_epoch
        model = build_model(config, setup.preprocessing.shape, classes, steps, train.images)
        net = lower(model, setup.precision)
        loader = loader_of(setup, batches, config, net.device)
        card = new_card(setup, config.tta_views)
        classifier = Classifier.of_model(model, card)
        checkpointer = Checkpointer(config, setup.folder, model, resumes=resumes, warn=warn)

        def validate() -> Validation:
            predictions = predicted_by_all(setup, classifier, setup.validation_split, tta_views=1)
            return validated(predictions.averaged, setup.validation.labels)

        return cls(setup, config, classifier, net, loader, checkpointer, validate)

    @property
    def is_over(self) -> bool:
        """Whether no further step is to be done."""
        state = self.checkpointer.state
        return (
            state.epoch >= self.config.epochs or self.config.early_end(state.history) or state.divergences > 1
        )

    def end(self) -> None:
        """End it: nothing is left to do."""

    def run(self, tell: Callable[[Event], None], should_stop: Callable[[], bool]) -> None:
        """Train until it is over or somebody asks to stop; every event is saved before it is told.

        Raises:
            NotFiniteError: the loss is NaN or infinite.
        """
        state, config = self.checkpointer.state, self.config
        # Built here, not with the network: an optimizer may count the steps on from the state that it begins in.
        steps, team = self.loader.batches.steps_per_epoch, self.setup.team
        order(team, "train", config)
        held_alike(team, [*self.net.model.weights, *self.net.model.optimizer.variables])
        pace = self._paced(state, steps, tell)
        step = WatchedStep(pace.step, steps)
        store = self.loader.store
        inside = Inside(self.net.model, store.images, store.labels, config.seed)
        watch = watch_over(self.setup, config, self.net.model, state.history)
        events = run_epochs(
            step,
            ordering(self.loader, team),
            self.validate,
            state,
            pace.epochs,
            should_stop,
            config.early_end,
            pace.is_over,
        )
        events = with_left_out(events, self.loader, self.checkpointer.warn, team)
        for event in with_findings(events, watch, lambda: inside.look(step.updates())):
            self.checkpointer.event(event)
            tell(event)

    def _paced(self, state: TrainState, steps: int, tell: Callable[[Event], None]) -> Paced:
        """Return the step, and when the training is over: after its epochs, or the steps that the clock plans."""

        def build(total: int) -> TrainStep:
            if self.config.planned_steps is not None:
                set_schedule(self.net.model, self.config.optimizer, total)
            return build_step(self.config, self.net, total, self.setup.dataset.class_names, self.setup.team)

        def with_plan(plan: StepPlan) -> TrainConfig:
            self.config = self.config.changed(planned_steps=plan.flat, epochs=plan.epochs(steps))
            return self.setup.config.changed(planned_steps=plan.flat, epochs=plan.epochs(steps))

        config, minutes = self.config, self.setup.minutes
        clock = None if minutes is None else minutes.clock
        keep = (
            (lambda *_: None)
            if clock is None
            else keeper(self.setup, with_plan, tell, state, steps, clock.step_seconds)
        )
        return paced(config.planned_steps, config.epochs, steps, state, self.net, build, clock, keep)


def _train(setup: TrainingSetup, listener: Listener, should_stop: Callable[[], bool]) -> TrainingResult:
    energy, began = EnergyMeter(), time.monotonic()

    def tell(event: Event) -> None:
        setup.folder.listen(event)
        listener.event(event)
        energy.read_if_due()

    kind: type[_Training] | type[OwnTraining] = _Training if setup.own is None else OwnTraining
    training: _Training | OwnTraining = kind.at_last_checkpoint(setup, listener.warned)
    with threads_for(setup.config.batch_size * count_flops(training.classifier.model).step):
        threads = torch.get_num_threads()
        listener.prepared(setup, training.classifier.model)
        for finding in look_at_data(setup):
            tell(finding)
        training = _to_the_end(training, setup, tell, should_stop)
    if training.is_over:
        training.end()
        listener.trained()
    checkpointer, classifier = training.checkpointer, training.classifier
    checkpointer.restore_best_weights()
    order(setup.team, "weights")
    held_alike(setup.team, classifier.model.weights)
    finish_model(setup.config, classifier.model)
    order(setup.team, "finish")
    if training.config.planned_steps is not None:
        classifier.card = replace(
            classifier.card, origin={**classifier.card.origin, "epochs": training.config.epochs}
        )
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
    return conclude(setup, classifier, history, held_out, listener)


def _to_the_end(
    training: SomeTraining,
    setup: TrainingSetup,
    tell: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> SomeTraining:
    """Train, whether it diverges or not.

    Raises:
        TellapartError: it diverged twice before any epoch was finished.
    """
    training = train_to_the_end(training, setup.folder, tell, should_stop)
    state = training.checkpointer.state
    if state.divergences and training.is_over and not state.history:
        raise TellapartError(_diverged_at_once(setup))
    return training


def _diverged_at_once(setup: TrainingSetup) -> str:
    if setup.own is not None:
        return (
            "Training diverged in its first epoch: the loss became NaN or infinite. Try a much lower rate than "
            f"{setup.config.optimizer.learning_rate:g}, or look at the scale of the pixels. {setup.folder.path} can be "
            "deleted."
        )
    return (
        "Training diverged twice in its first epoch, even at a tenth of the learning rate: the loss became NaN or "
        f"infinite. Try a much lower --learning-rate (this run: {setup.config.optimizer.learning_rate:g}). "
        f"{setup.folder.path} can be deleted."
    )


def _calibrate(setup: TrainingSetup, classifier: Classifier) -> HeldOut:
    """Note on the model card what held-out images tell: useful views; a temperature, and what is unfamiliar; or of
    several labels a picture each one's threshold."""
    store = setup.stores["validation"]
    predictions = predicted_by_all(setup, classifier, "validation")
    held_out = HeldOut(predictions, store)
    card = calibrated(classifier.card, held_out, choose_views=setup.config.choose_views)
    if held_out.decides and not card.multi_label:
        limit = limit_of(Recorder(classifier.model, classifier.net.head), store.images)
        card = replace(card, novelty=NoveltyLimit("energy", limit))
    classifier.card = card
    return held_out
