"""Vital signs: what a training shows of itself besides its curves, measured at the end of an epoch.

How far a step moves the weights, what a sample of training images does inside the network, and whether the network
answers them in inference mode as it did while training. Nothing of it changes the training.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellapart.lowering import LoweredNet, lower
from tellapart.lowering.graph import Call
from tellapart.lowering.layout import to_keras
from tellapart.metrics.validation import USUAL_THRESHOLD
from tellapart.training.shares import BatchShare
from tellapart.training.step import Step, StepResult

STEPS_MEASURED = 4
"""Steps of an epoch whose updates are measured."""

EARLY_STEP = 2
"""A step that is measured besides. Not the first: Muon brings the kernels to its norm there, whatever its rate."""

SAMPLED_SHARE, FEWEST_SAMPLED, MOST_SAMPLED = 1 / 32, 32, 256
"""Of the training images, in the sample: about 2% of an epoch's work."""

PIXELS_AT_ONCE = 1 << 18
"""Pixels that pass through the network at a time: no layer's output grows large."""

_NO_ACTIVATION = (None, "linear", "softmax")


@dataclass(frozen=True, slots=True)
class ConstantUnits:
    """Units or channels of a layer that put out one number, whatever image comes in."""

    layer: str
    constant: int
    units: int

    @property
    def share(self) -> float:
        """Of the layer's units, 0 to 1."""
        return self.constant / self.units


DEAD = 0.8
"""Share of a layer's units, constant over the sample, from which on the layer counts as dead. Healthy trainings stay at
or below 0.7, in their dense layers."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """What was measured at the end of an epoch."""

    updates: Mapping[str, float] = field(default_factory=dict)
    """Kernel -> norm of a step's change by the norm of the kernel; the median of the steps measured."""

    largest_update: float = 0.0
    """The largest such part, of all kernels and measured steps."""

    constant: Sequence[ConstantUnits] = ()
    """For each layer with an activation, in order."""

    input_mean: float = 0.0
    input_std: float = 1.0
    """Of the first trained layer's inputs."""

    sampled: int = 0
    """Training images that the last two were measured on, as they are, without augmentation."""

    sample_accuracy: float = 0.0
    """Of these, the share predicted correctly in inference mode."""

    @property
    def dead(self) -> tuple[ConstantUnits, ...]:
        """Layers that let next to nothing pass."""
        return tuple(units for units in self.constant if units.share >= DEAD)


class Updates(NamedTuple):
    """How far steps move the kernels; as in `Vitals`."""

    medians: Mapping[str, float]
    largest: float


class WatchedStep:
    """A training step that measures, early and now and then, how far it moves the kernels."""

    def __init__(self, step: Step, steps_per_epoch: int) -> None:
        self.step, self.net = step, step.net
        self.every = max(1, steps_per_epoch // STEPS_MEASURED)
        self.kernels = {v.path: v.value for v in step.net.model.trainable_variables if v.value.ndim > 1}
        self.made = 0
        self.ratios: list[dict[str, Tensor]] = []

    def __call__(self, inputs: Any, targets: Any, *, share: BatchShare | None = None) -> StepResult:
        """Learn from one batch, as the step does."""
        self.made += 1
        if self.made % self.every and self.made != EARLY_STEP:
            return self.step(inputs, targets, share=share)
        before = {name: kernel.detach().clone() for name, kernel in self.kernels.items()}
        result = self.step(inputs, targets, share=share)
        self.ratios.append(
            {name: _ratio(before[name], kernel.detach()) for name, kernel in self.kernels.items()}
        )
        return result

    def updates(self) -> Updates:
        """Return how far the steps measured since the last call have moved the kernels."""
        taken, self.ratios = self.ratios, []
        if not taken or not self.kernels:
            return Updates({}, 0.0)
        steps = torch.stack([torch.stack([ratios[name] for name in self.kernels]) for ratios in taken])
        medians = steps.median(0).values.tolist()
        return Updates(dict(zip(self.kernels, medians, strict=True)), float(steps.max()))


def _ratio(before: Tensor, after: Tensor) -> Tensor:
    return (after - before).norm() / before.norm().clamp_min(1e-12)


class Inside:
    """Looks at what a fixed sample of images does inside a network."""

    def __init__(
        self,
        model: Any,
        images: NDArray[np.uint8],
        labels: NDArray[Any],
        seed: int,
        meaning: Callable[[Tensor], Tensor] = lambda output: output,
    ) -> None:
        """Draw the sample.

        Args:
            model: a Keras model; its weights are shared.
            images: (N, H, W, C), of the training split.
            labels: (N,) class indices; or (N, classes) of 0 and 1, where an image may have several.
            seed: of the sample.
            meaning: the network's outputs -> a score (B, classes) for each class.
        """
        self.meaning = meaning
        count = min(max(FEWEST_SAMPLED, round(SAMPLED_SHARE * len(images))), MOST_SAMPLED)
        rows = np.sort(np.random.default_rng(seed).permutation(len(images))[:count])
        self.images, self.labels = (
            torch.from_numpy(np.ascontiguousarray(images[rows])),
            torch.from_numpy(labels[rows]),
        )
        self.at_once = max(1, PIXELS_AT_ONCE // (images.shape[1] * images.shape[2]))
        self.net: LoweredNet = lower(model, "float32", fused=False)

    def look(self, updates: Updates) -> Vitals:
        """Return the vital signs of the network as it is, beside the updates measured."""
        ranges: dict[str, tuple[Tensor, Tensor]] = {}
        inputs: list[Tensor] = []
        correct = 0
        with torch.inference_mode():
            for start in range(0, len(self.images), self.at_once):
                part = slice(start, start + self.at_once)
                correct += self._look_at(self.images[part], self.labels[part], ranges, inputs)
        mean, square = torch.stack(inputs).mean(0).tolist() if inputs else (0.0, 1.0)
        return Vitals(
            updates=updates.medians,
            largest_update=updates.largest,
            constant=tuple(
                ConstantUnits(name, int((low == high).sum()), len(low))
                for name, (low, high) in ranges.items()
            ),
            input_mean=mean,
            input_std=sqrt(max(0.0, square - mean**2)),
            sampled=len(self.labels),
            sample_accuracy=correct / len(self.labels),
        )

    def _look_at(
        self, images: Tensor, labels: Tensor, ranges: dict[str, tuple[Tensor, Tensor]], inputs: list[Tensor]
    ) -> int:
        """Run some images; widen the range of each unit, note mean and mean square of the first layer's inputs.

        Returns:
            How many images are predicted correctly.
        """
        entered = False

        def see(prefix: str, call: Call, _: Any, given: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
            nonlocal entered
            if not entered and bool(getattr(call.layer, "weights", None)):
                entered = True
                first = given[0].double()
                inputs.append(torch.stack([first.mean(), (first**2).mean()]))
            if entered and _has_activation(call.layer):
                rows = to_keras(outputs[0]).flatten(0, -2)
                low, high = rows.amin(0), rows.amax(0)
                name = prefix + call.layer.name
                before = ranges.get(name, (low, high))
                ranges[name] = (torch.minimum(low, before[0]), torch.maximum(high, before[1]))

        with self.net.observed_by(see):
            output = self.meaning(self.net(images, training=False))
        if labels.ndim == 2:  # several labels an image: all of them
            return int(((output.cpu() >= USUAL_THRESHOLD) == (labels >= USUAL_THRESHOLD)).all(-1).sum())
        return int((output.argmax(-1).cpu() == labels).sum())


def _has_activation(layer: Any) -> bool:
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", None) if activation is not None else None
    return name not in _NO_ACTIVATION or "ReLU" in type(layer).__name__
