"""The training of somebody's own Keras model, with its callbacks: another training for `train_to_the_end`."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from tellapart.api.batches import batches_of, loader_of
from tellapart.api.divergence import RATE_AFTER_DIVERGENCE
from tellapart.api.finish import new_card
from tellapart.api.own_model import form_of
from tellapart.api.streamed import with_left_out
from tellapart.api.watching import watch_over, with_findings
from tellapart.classifier.classifier import Classifier
from tellapart.events import EpochDone, Event
from tellapart.keras_backend import import_keras
from tellapart.keras_internals import rate_setting
from tellapart.recipes.adapt import at_lower_rates
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.own_model import compile_own
from tellapart.runs.checkpointer import Checkpointer
from tellapart.runs.setup import TrainingSetup
from tellapart.training.keras_callbacks import CallbackRun
from tellapart.training.keras_steps import KerasSteps
from tellapart.training.loader import DataLoader
from tellapart.training.loop import run_epochs
from tellapart.training.loss import native_loss
from tellapart.training.loss_form import LossForm
from tellapart.training.state import TrainState
from tellapart.training.watch.vitals import Inside, WatchedStep


@dataclass(slots=True)
class OwnTraining:
    """A model of somebody's own with all that trains it, at some step."""

    setup: TrainingSetup
    config: TrainConfig
    classifier: Classifier
    loader: DataLoader
    checkpointer: Checkpointer
    steps: KerasSteps
    callbacks: CallbackRun

    @classmethod
    def at_last_checkpoint(cls, setup: TrainingSetup, warn: Callable[[str], None]) -> "OwnTraining":
        """Make everything ready, at the last checkpoint where the run is resumed."""
        assert setup.own is not None
        import_keras().utils.set_random_seed(setup.config.seed % 2**32)
        training = cls._built(setup, setup.config, None, warn, resumes=setup.resumes)
        checkpointer = training.checkpointer
        if not setup.folder.has_checkpoint:
            checkpointer.save()  # the weights that it began with, wherever the model comes from
        if checkpointer.state.divergences and not _has_variable_rate(setup.own.ready.model):
            training = training._with_lower_schedule(checkpointer)
        return training

    def at_lower_rates(self) -> "OwnTraining":
        """Return the same training in its last finite state, its rate lower; or ended, if a callback said so."""
        optimizer, stopped = self.steps.model.optimizer, self.callbacks.stops
        if not _has_variable_rate(self.steps.model):
            training = self._with_lower_schedule(self.checkpointer)
        else:
            training = self
            self.checkpointer.go_back_to(self.checkpointer.finite, self.checkpointer.best)
            optimizer.learning_rate = float(optimizer.learning_rate) * RATE_AFTER_DIVERGENCE
        self.callbacks.model.stop_training |= stopped
        return training

    def _with_lower_schedule(self, before: Checkpointer) -> "OwnTraining":
        assert self.setup.own is not None
        lower = at_lower_rates(self.setup.config, RATE_AFTER_DIVERGENCE)
        if self.setup.own.was_compiled:
            optimizer = self.steps.model.optimizer
            optimizer.learning_rate = _lowered_schedule(rate_setting(optimizer), RATE_AFTER_DIVERGENCE)
        training = self._built(self.setup, lower, self.callbacks, before.warn, resumes=False)
        training.checkpointer.go_back_to(before.finite, before.best)
        return training

    @classmethod
    def _built(
        cls,
        setup: TrainingSetup,
        config: TrainConfig,
        callbacks: CallbackRun | None,
        warn: Callable[[str], None],
        *,
        resumes: bool,
    ) -> "OwnTraining":
        own = setup.own
        assert own is not None
        ready, model = own.ready, own.ready.model
        batches = batches_of(setup, config)
        if not own.was_compiled:
            compile_own(model, config, ready.head, config.epochs * batches.steps_per_epoch)
        form = form_of(ready)
        classifier = Classifier.of_model(ready.reading_bytes, new_card(setup, config.tta_views))
        callbacks = callbacks or CallbackRun(model, own.callbacks, config.epochs, batches.steps_per_epoch)
        precision = None if setup.precision == "float32" else setup.precision
        names, weights = setup.dataset.class_names, config.class_weight
        of_class = None if weights is None else torch.from_numpy(weights.of(names))
        steps = KerasSteps(
            model, form, ready.scale, classifier.net.meaning, callbacks, TrainState(), of_class, precision
        )
        loader = loader_of(setup, batches, config, steps.net.device)
        checkpointer = Checkpointer(
            config, setup.folder, model, resumes=resumes, warn=warn, companion=callbacks
        )
        return cls(setup, config, classifier, loader, checkpointer, steps, callbacks)

    @property
    def is_over(self) -> bool:
        """Whether no further step is to be done."""
        state = self.checkpointer.state
        return (
            state.epoch >= self.config.epochs
            or self.config.early_end(state.history)
            or state.divergences > 1
            or self.callbacks.stops
        )

    def run(self, tell: Callable[[Event], None], should_stop: Callable[[], bool]) -> None:
        """Train until it is over or somebody asks to stop; every event is saved before it is told.

        Raises:
            NotFiniteError: the loss is NaN or infinite.
        """
        state, config, store = self.checkpointer.state, self.config, self.setup.stores["train"]
        self.callbacks.begin()
        self.steps.state = state
        step = WatchedStep(self.steps, self.loader.batches.steps_per_epoch)
        net = self.classifier.model
        inside = Inside(net, store.images, store.labels, config.seed, self.steps.meaning)
        knows_chance = _is_plain_cross_entropy(self.steps.model, self.steps.form)
        watch = watch_over(self.setup, config, net, state.history, knows_chance=knows_chance)
        events = run_epochs(
            step,
            self.loader,
            self._validate,
            state,
            config.epochs,
            should_stop,
            config.early_end,
            lambda: self.callbacks.stops,
        )
        events = with_left_out(self._heard(events), self.loader, self.checkpointer.warn)
        for event in with_findings(events, watch, lambda: inside.look(step.updates())):
            self.checkpointer.event(event)
            tell(event)

    def _heard(self, events: Iterable[Event]) -> Iterator[Event]:
        """Tell the callbacks of each epoch, before it is saved: what they change of the model is saved with it."""
        for event in events:
            if isinstance(event, EpochDone):
                self.callbacks.epoch_ended(event.epoch, self.steps.epoch_logs)
            yield event

    def _validate(self) -> Any:
        held_out, classes = self.setup.validation, len(self.setup.dataset.class_names)
        return self.steps.validate(held_out.images, held_out.labels, self.config.batch_size, classes)

    def end(self) -> None:
        """End it: callbacks may bring back the weights of another epoch."""
        self.callbacks.end()


def _has_variable_rate(model: Any) -> bool:
    """Return whether a learning rate is a number that is saved with the optimizer's state, and not a schedule."""
    return hasattr(rate_setting(model.optimizer), "assign")


def _lowered_schedule(schedule: Any, factor: float) -> Any:
    """Return a learning-rate schedule whose rates are those of another one times a factor."""
    keras = import_keras()

    class Lowered(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[name-defined]
        def __call__(self, step: Any) -> Any:
            return (schedule(step) if callable(schedule) else schedule) * factor

        def get_config(self) -> dict[str, Any]:
            return {}

    return Lowered()


def _is_plain_cross_entropy(model: Any, form: LossForm) -> bool:
    """Return whether the loss can be compared with that of guessing: nothing is added to it, nothing weighted."""
    regularized = any(
        getattr(variable, "regularizer", None) is not None for variable in model.trainable_variables
    )
    is_binary = form.targets == "one number" and form.name.lower().replace("_", "") == "binarycrossentropy"
    return (native_loss(model) is not None or is_binary) and not regularized
