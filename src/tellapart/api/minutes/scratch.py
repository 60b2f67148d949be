"""Measure a training from scratch: the seconds of its parts, and what short trainings of it score.

A short training has its whole schedule, its rate falling to the end within a few steps: what it scores lies on the
curve of trainings by their length, as no epoch of a longer one does.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tellapart.api.batches import sampler_of
from tellapart.api.minutes.sample import Sample, at_most
from tellapart.api.pacing import set_schedule
from tellapart.api.prepare import with_class_weights
from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier
from tellapart.data.store import ImageStore
from tellapart.explanations.examples.features import features
from tellapart.explanations.ood import MAX_IMAGES, limit_of
from tellapart.explanations.recorder import Recorder
from tellapart.keras_backend import import_keras
from tellapart.lowering import LoweredNet, lower
from tellapart.metrics.learning_curve import Scored
from tellapart.profiling.flops import count_flops
from tellapart.recipes.build import build_model, build_step
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.in_minutes import FIXED_SECONDS, UNSURE_BY_ERROR
from tellapart.runtime.precision import resolve
from tellapart.runtime.threads import threads_for
from tellapart.training.loader import DataLoader

SHORTEST = 4
"""Steps of the first short training; each further one has twice as many."""

LONGEST_SHARE = 0.5
"""Of a full training's steps: longer ones would be the training itself."""

PICTURES_SCORED = 256
"""On which the seconds of scoring are measured."""

PICTURES_RECORDED = 32
"""On which the seconds of the limit for unfamiliar pictures are measured."""

SHARPENED = 1000.0
"""By which the last layer's weights are multiplied before scoring is measured."""


@dataclass(frozen=True, slots=True)
class ScratchMeasured:
    """Seconds on this machine, and the scores of short trainings."""

    step_seconds: float
    scoring_seconds: float
    """Of one picture as it is."""

    features_seconds: float
    """Of one training picture in the report's search for similar ones."""

    recorded_seconds: float
    """Of one held-out picture that the limit for unfamiliar ones is learned from."""

    building_seconds: float
    """Of the network."""

    scored: tuple[Scored, ...]


def measure_scratch(
    config: TrainConfig, sample: Sample, seconds: float = 0.0, share: float = 0.0
) -> ScratchMeasured:
    """Train a few short schedules.

    Args:
        config: complete; from scratch, with held-out pictures.
        sample: of its pictures.
        seconds: that this may take; the first, of SHORTEST steps, and the scoring are done in any case.
        share: of the configured training's steps, which this may take where they are more.
    """
    import_keras()  # starting Keras is no part of building a network
    began = time.monotonic()
    probe = _Probe.built(config, sample)
    building = time.monotonic() - began
    with threads_for(config.batch_size * count_flops(probe.net.model).step):
        scored = list(probe.trainings(began + seconds, share))
        rates = probe.scoring_rates()
    return ScratchMeasured(probe.step_seconds, *rates, building, tuple(scored))


@dataclass(slots=True)
class _Probe:
    """A network that is trained for a few steps, again and again."""

    config: TrainConfig
    sample: Sample
    net: LoweredNet
    classifier: Classifier
    loader: DataLoader
    precision: str
    step_seconds: float = 0.0

    @classmethod
    def built(cls, config: TrainConfig, sample: Sample) -> "_Probe":
        train, names = sample.stores["train"], sample.whole.class_names
        config = with_class_weights(config, sample.whole, train.labels)
        model = build_model(config, sample.preprocessing.shape, len(names), 1, train.images)
        model.optimizer.build(model.trainable_variables)
        precision = resolve(config.precision)
        net = lower(model, precision)
        how = (config.augmentation, net.device, config.mixing, config.mixing_strength)
        loader = DataLoader(train, len(names), sampler_of(train, config), *how)
        card = ModelCard(names, sample.preprocessing, {}, config.tta_views)
        return cls(config, sample, net, Classifier.of_model(model, card), loader, precision)

    def trainings(self, until: float, share: float) -> Iterator[Scored]:
        """Train for SHORTEST steps, then for twice as many, and so on, while there is time; yield what each scores."""
        weights = self.net.model.get_weights()
        state = [np.array(each.numpy()) for each in self.net.model.optimizer.variables]
        steps, done = SHORTEST, 0
        in_all = self.config.epochs * -(-self.sample.count("train") // self.config.batch_size)
        while True:
            self.net.model.set_weights(weights)
            for variable, value in zip(self.net.model.optimizer.variables, state, strict=True):
                variable.assign(value)
            seconds = self._train(steps)
            self.step_seconds = sum(seconds[1:]) / len(seconds[1:])
            yield self._score(steps)
            done, steps = done + steps, 2 * steps
            is_late = time.monotonic() + steps * self.step_seconds > until and done + steps > share * in_all
            if is_late or steps > LONGEST_SHARE * in_all:
                return

    def _train(self, steps: int) -> list[float]:
        """Return the seconds of each step of a whole schedule."""
        set_schedule(self.net.model, self.config.optimizer, steps)
        step = build_step(self.config, self.net, steps, self.sample.whole.class_names)
        seconds = []
        for number in range(steps):
            began = time.monotonic()
            result = step(*self.loader.batch(*divmod(number, self.loader.batches.steps_per_epoch)))
            float(result.loss)  # waits for a GPU
            seconds.append(time.monotonic() - began)
        return seconds

    def _score(self, steps: int) -> Scored:
        held_out = at_most(self.sample.stores["validation"], 2 * PICTURES_SCORED)
        predicted = self.classifier.probabilities(held_out.images, tta_views=1, precision=self.precision)
        wrong = int((predicted.argmax(1) != held_out.labels).sum())
        return Scored(steps, wrong, len(held_out))

    def scoring_rates(self) -> tuple[float, float, float]:
        """Return seconds of one picture: scored as it is, by its features, recorded."""
        held_out, train = self.sample.stores["validation"], self.sample.stores["train"]
        classifier, precision = self.classifier, self.precision
        self._sharpen()
        recorder = Recorder(self.net.model, classifier.net.head)
        return (
            _rate(held_out, PICTURES_SCORED, lambda x: classifier.probabilities(x, None, 1, precision)),
            _rate(train, PICTURES_SCORED, lambda x: features(classifier, x, precision=precision)),
            _rate(held_out, PICTURES_RECORDED, lambda x: limit_of(recorder, x)),
        )

    def _sharpen(self) -> None:
        """Make the network sure of its answers, as a trained one is: of unsure ones more is computed."""
        kernel = [each for each in self.net.model.trainable_variables if len(each.shape) == 2][-1]
        kernel.assign(kernel.numpy() * SHARPENED)


def _rate(store: ImageStore, count: int, run: Any) -> float:
    some = at_most(store, count)
    began = time.monotonic()
    run(some.images)
    return (time.monotonic() - began) / len(some)


def closing_seconds(measured: ScratchMeasured, sample: Sample, tta_views: int, error: float) -> float:
    """Return the seconds from the last step to the end of the command.

    The last epoch is scored; held-out pictures are predicted in their views, and the limit for unfamiliar ones is
    learned from them; the test pictures are scored; the report looks for similar training pictures.

    Args:
        measured: on this machine.
        sample: of the pictures.
        tta_views: of the recipe.
        error: expected, 0 to 1.
    """
    held_out, test = sample.count("validation"), sample.count("test")
    unsure = min(1.0, UNSURE_BY_ERROR * error)
    views = {1: 1.0, 2: 2.0, 6: 2.0 + 4.0 * unsure}[tta_views]
    return (
        (held_out + views * (held_out + test)) * measured.scoring_seconds
        + min(held_out, MAX_IMAGES) * measured.recorded_seconds
        + sample.count("train") * measured.features_seconds
        + FIXED_SECONDS["scratch"] * sample.crowding
    )
