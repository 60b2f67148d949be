"""Steps of a Keras model of somebody's own: what `tellapart.fit` does with a batch, for images from a data loader.

Loss, optimizer, metrics and random layers are the model's; pixels are scaled before it, as its author would.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellapart.keras_internals import build_compiled_parts
from tellapart.lowering import LoweredNet, lower
from tellapart.metrics.validation import Validation, validated
from tellapart.training.keras_callbacks import CallbackRun, Logs
from tellapart.training.keras_fit import batch_function
from tellapart.training.loss_form import LossForm
from tellapart.training.shares import BatchShare
from tellapart.training.state import TrainState
from tellapart.training.step import EvaluateStep, StepResult, TrainStep

Scale = Callable[[Tensor], Tensor]
"""Pixels (B, H, W, C), 0 to 255 -> float32, as the model takes them."""


@dataclass(slots=True)
class _Last:
    """What came of the last batch."""

    result: StepResult | None = None

    def take(self, result: StepResult) -> None:
        self.result = result

    @property
    def loss_and_output(self) -> StepResult:
        assert self.result is not None  # a batch was computed
        return self.result


@dataclass(slots=True)
class KerasSteps:
    """Trains and validates a compiled model; its callbacks hear of everything, in `fit`'s order."""

    model: Any
    form: LossForm
    scale: Scale
    meaning: Callable[[Tensor], Tensor]
    """The model's outputs -> probabilities (B, classes)."""

    callbacks: CallbackRun
    state: TrainState
    class_weight: Tensor | None
    """(classes,), what an image of each class counts in the training loss; None: each counts 1."""

    precision: str | None
    """Arithmetic, "bfloat16"; None: each layer's own."""

    net: LoweredNet = field(init=False)
    _train: Any = field(init=False)
    _test: Any = field(init=False)
    _last: _Last = field(init=False, default_factory=_Last)
    _logs: Logs = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.net = lower(self.model, self.precision)
        self._train = batch_function(self.model, TrainStep, self.precision, self._last.take)
        self._test = batch_function(self.model, EvaluateStep, self.precision, self._last.take)

    def __call__(self, inputs: Any, targets: Any, *, share: BatchShare | None = None) -> StepResult:  # noqa: ARG002
        """Learn from one batch.

        Args:
            inputs: (B, H, W, C) pixels 0 to 255.
            targets: (B, classes), one-hot or mixed.
            share: None: the batch is not shared.
        """
        if self.state.step == 0:
            self.model.reset_metrics()
            self.callbacks.list.on_epoch_begin(self.state.epoch)
            self.model.train()  # torch's mode, for layers that ask it
        self.callbacks.list.on_train_batch_begin(self.state.step)
        batch = (self.scale(inputs), self.form.targets_of(targets))
        weights = () if self.class_weight is None else (targets @ self.class_weight.to(targets),)
        logs = self._train([(*batch, *weights)])
        self.callbacks.list.on_train_batch_end(self.state.step, plain_logs(logs))
        result = self._last.loss_and_output
        return StepResult(result.loss, self.meaning(result.output.detach()))

    def validate(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        batch_size: int,
        classes: int,
    ) -> Validation:
        """Score the model as `evaluate` does, with its loss; the epoch's logs are then complete.

        Args:
            images: (N, H, W, C), pixels 0 to 255.
            labels: (N,) class indices.
            batch_size: images at a time.
            classes: their number.
        """
        model, heard = self.model, self.callbacks.list
        model.eval()
        trained = plain_logs(model.get_metrics_result())
        model.reset_metrics()
        heard.on_test_begin()
        one_hot, parts, logs = torch.eye(classes), [], {}
        for number, start in enumerate(range(0, len(images), batch_size)):
            heard.on_test_batch_begin(number)
            batch = torch.from_numpy(np.ascontiguousarray(images[start : start + batch_size]))
            targets = self.form.targets_of(one_hot[torch.from_numpy(labels[start : start + batch_size])])
            inputs = self.scale(batch.to(self.net.device))
            logs = plain_logs(self._test([(inputs, targets.to(self.net.device))]))
            parts.append(self.meaning(self._last.loss_and_output.output.detach()).float().cpu().numpy())
            heard.on_test_batch_end(number, dict(logs))
        heard.on_test_end(dict(logs))
        self._logs = {**trained, **{f"val_{name}": value for name, value in logs.items()}}
        further = {name: value for name, value in self._logs.items() if name not in _OF_EVERY_TRAINING}
        return validated(np.concatenate(parts), labels)._replace(loss=logs["loss"], metrics=further)

    @property
    def epoch_logs(self) -> Logs:
        """What Keras's `fit` would log of the epoch that was just validated."""
        return dict(self._logs)

    def build(self, images: NDArray[np.uint8], classes: int) -> None:
        """Build optimizer, loss and metrics for batches of these images (N, H, W, C), before the first one."""
        inputs = self.scale(torch.from_numpy(np.ascontiguousarray(images[:2])).to(self.net.device))
        targets = torch.eye(classes, device=self.net.device)[torch.zeros(len(inputs), dtype=torch.long)]
        build_compiled_parts(self.model, inputs, self.form.targets_of(targets))


_OF_EVERY_TRAINING = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")


def plain_logs(logs: Mapping[str, Any]) -> Logs:
    """Return logs as plain numbers; those of a metric that gives several, by name and place."""
    return dict(_numbers(logs))


def _numbers(logs: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in logs.items():
        value = value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)
        if value.ndim == 0:
            yield name, float(value)
        else:
            yield from ((f"{name}_{index}", float(each)) for index, each in enumerate(value.reshape(-1)))
