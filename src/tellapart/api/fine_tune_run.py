"""Fine-tuning: the backbone below a fitted head trained further, from its top down; the better on held-out images.

Whether it is tried, and whether its outcome is kept, depends on the data, the settings and counted FLOPs alone, never
on a clock, so the same command gives the same model everywhere.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tellapart.api.crew import held_alike, order, ordering, predicted_by_all
from tellapart.api.divergence import RATE_AFTER_DIVERGENCE, train_to_the_end
from tellapart.api.finish import HeldOut, calibrated
from tellapart.api.listener import Listener
from tellapart.api.minutes.fine_tuning import tuning_in_time
from tellapart.api.pacing import Paced, keeper, paced, set_schedule
from tellapart.api.tuned_network import batches_to_tune, copied, loader_to_tune, network_to_tune, step_to_tune
from tellapart.api.tuned_or_frozen import Candidate, compared
from tellapart.api.watching import watch_over, with_findings
from tellapart.classifier.classifier import Classifier
from tellapart.data.sampler import BatchSampler
from tellapart.errors import ModelError
from tellapart.events import EpochDone, Event, FineTuningSkipped
from tellapart.lowering import LoweredNet, lower
from tellapart.metrics.validation import Validation, validated
from tellapart.profiling.flops import Flops, count_flops
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.transfer_settings import FineTuning
from tellapart.runs.checkpointer import Checkpointer
from tellapart.runs.setup import TrainingSetup
from tellapart.runtime.threads import threads_for
from tellapart.text import counted
from tellapart.training.loop import run_epochs
from tellapart.training.optim.native import has_native_form
from tellapart.training.pace import Clock
from tellapart.training.state import TrainState
from tellapart.training.step import TrainStep
from tellapart.training.step_plan import StepPlan


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of fine-tuning."""

    better: Candidate
    """The head on the frozen backbone, or the fine-tuned network."""

    history: tuple[EpochDone, ...] = ()
    """The epochs of the fine-tuned network, where it is the better one."""

    finished: bool = True
    """False where the training was asked to stop; continue with `resume`."""


def fine_tune(
    setup: TrainingSetup,
    head: Candidate,
    tell: Callable[[Event], None],
    should_stop: Callable[[], bool],
    listener: Listener,
) -> Outcome:
    """Train the backbone further, if that is asked for or promises a gain; return the better of both.

    Args:
        setup: of a transfer.
        head: the fitted head on the frozen backbone; it stays as it is.
        tell: hears of every event.
        should_stop: called after every step; True saves a checkpoint and returns.
        listener: hears of a damaged checkpoint, of a file that could not be written, and of the last step.

    Raises:
        ModelError: fine-tuning was asked for, and the backbone's weights cannot be trained.
        SaveError: the disk is full.
    """
    config, settings = setup.config, setup.config.fine_tuning
    if config.multi_label:
        tell(FineTuningSkipped("pictures have several labels", can_be_asked_for=False))
        return Outcome(head)
    if settings is None or config.fine_tune == "off":
        return Outcome(head)
    began = time.monotonic()
    resumes = setup.resumes and setup.folder.has_checkpoint
    decides = config.fine_tune == "auto" and not resumes
    if decides and (reason := _not_needed(setup, head) or _too_few_to_tell(setup, head, settings)):
        tell(FineTuningSkipped(reason))
        return Outcome(head)
    tuning = _Tuning.of(setup, head, settings)
    obstacle = tuning.obstacle()
    late = "" if obstacle else tuning.fit_to_clock()
    if (decides and (reason := obstacle or tuning.too_much_work())) or (reason := late):
        tell(FineTuningSkipped(reason, can_be_asked_for=not (obstacle or late)))
        return Outcome(head)
    if obstacle:
        raise ModelError(f"Fine-tuning is not possible: {obstacle}. Use --fine-tune off.")
    training = _Training.at_last_checkpoint(tuning, resumes, listener.warned)
    setup.folder.resume_history(training.checkpointer.state.history)
    training = train_to_the_end(training, setup.folder, tell, should_stop)
    if not training.is_over:
        return Outcome(head, finished=False)
    listener.trained()
    training.checkpointer.restore_best_weights()
    history = tuple(training.checkpointer.state.history)
    tuned = training.tuning.candidate() if history else None
    event = compared(head, tuned, config.class_weight, time.monotonic() - began)
    tell(event)
    if tuned is not None and event.kept:
        return Outcome(tuned, history)
    shutil.rmtree(setup.folder.checkpoints, ignore_errors=True)
    return Outcome(head)


def _not_needed(setup: TrainingSetup, head: Candidate) -> str:
    """Return that the target is reached without it; empty where there is none, or it is not reached."""
    target, labels = setup.config.target, setup.validation.labels
    if target is None or (head.probabilities.argmax(1) == labels).mean() < target:
        return ""
    return "the last layer alone reaches the target"


def _too_few_to_tell(setup: TrainingSetup, head: Candidate, settings: FineTuning) -> str:
    """Return why held-out images could not tell a gain; empty where they could."""
    if setup.config.validation != "held out":
        count = len(setup.stores["train"])
        return (
            f"with {counted(count, 'training picture')}, too few could be held out to tell whether it helps"
        )
    labels = setup.validation.labels
    wrong = int((head.probabilities.argmax(1) != labels).sum())
    if wrong < settings.fewest_wrong:
        return f"only {wrong} of {counted(len(labels), 'validation picture')} are wrong, too few to measure a gain"
    return ""


@dataclass(slots=True)
class _Tuning:
    """A fine-tuning before its first step."""

    setup: TrainingSetup
    head: Candidate
    settings: FineTuning
    batches: BatchSampler
    model: Any
    """A compiled copy of the head's model, its last stages trainable."""

    flops: Flops
    clock: Clock | None = None
    """That its steps are kept to."""

    @classmethod
    def of(cls, setup: TrainingSetup, head: Candidate, settings: FineTuning) -> "_Tuning":
        """Copy the model, and compile it."""
        batches = batches_to_tune(setup, settings)
        model = network_to_tune(head.classifier.model, settings, batches.steps_per_epoch)
        return cls(setup, head, settings, batches, model, count_flops(model))

    @property
    def config(self) -> TrainConfig:
        """The settings of its epochs, as a training in epochs has them."""
        settings = self.settings
        return replace(
            self.setup.config,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            optimizer=settings.optimizer,
            augmentation=settings.augmentation,
            keep="last" if settings.patience is None else "best",
            patience=settings.patience,
            label_smoothing=settings.label_smoothing,
            planned_steps=settings.planned_steps,
        )

    def obstacle(self) -> str:
        """Return why weights cannot be trained at rates of their own; empty where they can."""
        if has_native_form(self.model.optimizer, self.model.trainable_variables):
            return ""
        return f"weights of the backbone {self.setup.config.backbone} have constraints, or are not float32"

    def fit_to_clock(self) -> str:
        """Plan its steps by the clock, where there is one; return why there is no time for any, or an empty text."""
        setup, minutes = self.setup, self.setup.minutes
        if minutes is None or setup.resumes:
            return ""
        fitted = tuning_in_time(setup, minutes, self.settings, self.batches, self.flops)
        if fitted is None:
            setup.folder.keep_config(setup.config.changed(fine_tune="off"))
            return "there is no time left for a whole pass over the training pictures"
        self.settings, self.clock = fitted
        self._record(self.settings)
        return ""

    def _record(self, settings: FineTuning) -> TrainConfig:
        """Write down that the backbone is fine-tuned, with these steps; return the configuration of the run."""
        config = self.setup.config.changed(fine_tune="on", fine_tuning=settings)
        self.setup.folder.keep_config(config)
        return config

    def too_much_work(self) -> str:
        """Return why it takes too long to be done unasked; empty where it does not, or a clock ends it."""
        if self.clock is not None:
            return ""
        images, epochs = self.batches.n, self.settings.epochs
        work = epochs * (images * self.flops.step + len(self.setup.validation) * self.flops.forward)
        if work <= self.settings.most_flops:
            return ""
        return (
            f"{epochs} passes over {counted(images, 'picture')} take {_tera(work)} TFLOPs, above the limit of "
            f"{_tera(self.settings.most_flops)}"
        )

    def run(
        self, checkpointer: Checkpointer, tell: Callable[[Event], None], should_stop: Callable[[], bool]
    ) -> None:
        """Train to the end, or until somebody asks to stop.

        Raises:
            NotFiniteError: loss or weights are NaN or infinite.
        """
        setup, settings = self.setup, self.settings
        order(setup.team, "fine-tune", settings)
        held_alike(setup.team, [*self.model.weights, *self.model.optimizer.variables])
        net = lower(self.model, setup.precision)
        loader = loader_to_tune(setup, settings, self.batches, net.device)
        classifier = Classifier.of_model(self.model, self.head.classifier.card)

        def validate() -> Validation:
            predictions = predicted_by_all(setup, classifier, setup.validation_split, tta_views=1)
            return validated(predictions.averaged, setup.validation.labels)

        pace = self._paced(
            checkpointer.state, net, tell, lambda: step_to_tune(setup, net, self.model, settings)
        )
        watch = watch_over(setup, self.config, self.model, checkpointer.state.history)
        with threads_for(settings.batch_size * self.flops.step):
            events = run_epochs(
                pace.step,
                ordering(loader, setup.team),
                validate,
                checkpointer.state,
                pace.epochs,
                should_stop,
                self.config.early_end,
                pace.is_over,
            )
            for event in with_findings(events, watch):
                checkpointer.event(event)
                tell(event)

    def _paced(
        self,
        state: TrainState,
        net: LoweredNet,
        tell: Callable[[Event], None],
        build: Callable[[], TrainStep],
    ) -> Paced:
        """Return the step, and when fine-tuning is over: after its epochs, or the steps that the clock plans."""
        steps = self.batches.steps_per_epoch

        def rebuilt(total: int) -> TrainStep:
            set_schedule(self.model, self.settings.optimizer, total)
            return build()

        def with_plan(plan: StepPlan) -> TrainConfig:
            self.settings = replace(self.settings, planned_steps=plan.flat, epochs=plan.epochs(steps))
            return self._record(self.settings)

        settings, clock = self.settings, self.clock
        keep = (
            (lambda *_: None)
            if clock is None
            else keeper(self.setup, with_plan, tell, state, steps, clock.step_seconds)
        )
        return paced(settings.planned_steps, settings.epochs, steps, state, net, rebuilt, clock, keep)

    def candidate(self) -> Candidate:
        """Return the trained network as a plain model, with its predictions of the held-out images."""
        setup, head = self.setup, self.head.classifier
        assert setup.config.head is not None
        model = copied(head.model)
        model.set_weights(self.model.get_weights())
        views = 2 if setup.config.head.mirror else 1
        origin = {**head.card.origin, "epochs": self.settings.epochs, "fine_tuned": True}
        card = replace(head.card, tta_views=views, origin=origin)
        classifier = Classifier.of_model(model, card)
        predictions = classifier.tta_probabilities(setup.validation.images, precision=setup.precision)
        held_out = HeldOut(predictions, setup.validation)
        classifier.card = calibrated(card, held_out)
        return Candidate(classifier, held_out)


@dataclass(frozen=True, slots=True)
class _Training:
    """A fine-tuning at some step."""

    tuning: _Tuning
    checkpointer: Checkpointer

    @classmethod
    def at_last_checkpoint(cls, tuning: _Tuning, resumes: bool, warn: Callable[[str], None]) -> "_Training":
        """Set the network to its last checkpoint where the run is resumed."""
        training = cls._of(tuning, resumes, warn)
        return training.at_lower_rates() if training.checkpointer.state.divergences else training

    @classmethod
    def _of(cls, tuning: _Tuning, resumes: bool, warn: Callable[[str], None]) -> "_Training":
        folder = tuning.setup.folder
        return cls(tuning, Checkpointer(tuning.config, folder, tuning.model, resumes=resumes, warn=warn))

    @property
    def is_over(self) -> bool:
        """Whether no further step is to be done."""
        state = self.checkpointer.state
        return (
            state.epoch >= self.tuning.settings.epochs
            or self.tuning.config.early_end(state.history)
            or state.divergences > 1
        )

    def at_lower_rates(self) -> "_Training":
        """Return the same fine-tuning in its last finite state, its learning rates lower."""
        before, settings = self.checkpointer, self.tuning.settings
        rate = RATE_AFTER_DIVERGENCE * settings.optimizer.learning_rate
        lower_settings = replace(settings, optimizer=replace(settings.optimizer, learning_rate=rate))
        tuning = _Tuning.of(self.tuning.setup, self.tuning.head, lower_settings)
        training = self._of(tuning, False, before.warn)
        training.checkpointer.go_back_to(before.finite, before.best)
        return training

    def run(self, tell: Callable[[Event], None], should_stop: Callable[[], bool]) -> None:
        """Train to the end, or until somebody asks to stop.

        Raises:
            NotFiniteError: loss or weights are NaN or infinite.
        """
        self.tuning.run(self.checkpointer, tell, should_stop)


def _tera(flops: float) -> str:
    """Return FLOPs in TFLOPs, to three digits."""
    tera = flops / 1e12
    return f"{tera:,.0f}" if tera >= 100 else f"{tera:.3g}"
