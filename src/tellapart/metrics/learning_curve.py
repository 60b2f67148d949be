"""Learning curves: what a longer training, or more images, will score, forecast with an interval from short ones.

The curve falls from the error of guessing to a floor, flat at first and at last by a power law:

    error(length) = floor + (start - floor) / (1 + (length / scale) ** power),

the family MMF4 (Morgan-Mercer-Flodin) of Viering & Loog 2022 (arXiv:2103.10948) with its start fixed.

As in Domhan et al. 2015 ("Speeding up automatic hyperparameter optimization of deep neural networks by extrapolation of
learning curves"), the forecast is a posterior over the parameters, given the scores so far; here of parameters that are
drawn from a prior and weighted by their likelihood, so that the same scores give the same forecast.

A length is whatever a curve is measured over: the steps of a whole schedule, or training images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.9
"""Share of the outcomes that an interval is to hold."""

DRAWS = 20_000
"""Parameters drawn from the prior."""

FEWEST_EFFECTIVE = 100.0
"""Draws that the weights must amount to (Kish's effective sample size); with fewer, the likelihood is flattened until
they do, which makes intervals wider."""

Range = tuple[float, float]


class Interval(NamedTuple):
    """A forecast figure."""

    middle: float
    """The median."""

    low: float
    high: float


class Scored(NamedTuple):
    """What a training of one length scored."""

    length: float
    wrong: int
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePrior:
    """Which curves are expected before anything is scored. Each range is log-uniform."""

    floor: Range
    """As a share of the error of guessing, above 0."""

    scale: Range
    """In the unit of lengths."""

    power: Range
    noise: float
    """Standard deviation, in log-odds of the error, of trainings that differ in their seed alone."""

    source: str
    """Where these figures come from, for people."""


class LearningCurve:
    """The posterior over the curves of one kind of training on one set of images."""

    def __init__(
        self, prior: CurvePrior, start: float, scored: Sequence[Scored], level: float = LEVEL
    ) -> None:
        """Weight curves drawn from the prior by what was scored.

        Args:
            prior: of this kind of training.
            start: error of guessing, above 0 and at most 1.
            scored: shorter trainings; without any, the forecast is the prior's.
            level: share of the outcomes that intervals are to hold.
        """
        random = np.random.default_rng(0)
        ranges = np.log([prior.floor, prior.scale, prior.power])  # (3, 2)
        shares = random.random((DRAWS, 3))
        drawn = np.exp(ranges[:, 0] + shares * (ranges[:, 1] - ranges[:, 0]))
        self.prior, self.start, self.level = prior, start, level
        self.floor, self.scale, self.power = start * drawn[:, 0], drawn[:, 1], drawn[:, 2]
        self.deviations = random.standard_normal((DRAWS, 2))
        self.weights = _flattened(sum((self._likelihood(each) for each in scored), np.zeros(DRAWS)))

    def errors(self, length: float) -> NDArray[np.float64]:
        """Return each drawn curve's error at a length, (draws,)."""
        return self.floor + (self.start - self.floor) / (1 + (length / self.scale) ** self.power)

    def _likelihood(self, scored: Scored) -> NDArray[np.float64]:
        """Return the log-likelihood of each drawn curve."""
        share = (scored.wrong + 0.5) / (scored.images + 1)
        variance = self.prior.noise**2 + 1 / (scored.images * share * (1 - share))
        return -((_log_odds(self.errors(scored.length)) - _log_odds(np.array(share))) ** 2) / (2 * variance)

    def error(self, length: float, images: int) -> Interval:
        """Return the share of `images` pictures that a training of this length will predict wrongly."""
        log_odds = _log_odds(self.errors(length)) + self.prior.noise * self.deviations[:, 0]
        errors = 1 / (1 + np.exp(-log_odds))
        seen = errors + self.deviations[:, 1] * np.sqrt(errors * (1 - errors) / max(1, images))
        return self._interval(np.clip(seen, 0, 1))

    def length(self, error: float) -> Interval:
        """Return the length at which the error falls to this; infinite where the curve stays above it."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.maximum((self.start - self.floor) / (error - self.floor) - 1, 0)
            lengths = self.scale * ratio ** (1 / self.power)
        return self._interval(np.where(error > self.floor, lengths, np.inf))

    def chance(self, error: float, length: float) -> float:
        """Return how likely a training of this length is to get to this error or below."""
        log_odds = _log_odds(self.errors(length)) + self.prior.noise * self.deviations[:, 0]
        return float(self.weights[log_odds <= _log_odds(np.array(error))].sum())

    def _interval(self, values: NDArray[np.float64]) -> Interval:
        order = np.argsort(values)
        passed = np.cumsum(self.weights[order])
        outside = (1 - self.level) / 2
        places = np.searchsorted(passed, [0.5, outside, 1 - outside]).clip(max=len(values) - 1)
        return Interval(*(float(values[order[place]]) for place in places))


def _log_odds(share: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.clip(share, 1e-9, 1 - 1e-9)
    return np.log(kept / (1 - kept))


def _flattened(likelihood: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights that sum to 1 from log-likelihoods, flattened until enough draws count."""
    heat = 1.0
    while True:
        weights = np.exp((likelihood - likelihood.max()) * heat)
        weights /= weights.sum()
        if 1 / (weights**2).sum() >= FEWEST_EFFECTIVE:
            return weights
        heat *= 0.8


def guessing_error(counts: Sequence[int]) -> float:
    """Return the error of always answering the most frequent class, by each class's number of images."""
    return 1 - max(counts) / sum(counts)
