"""Settings of optimizers and their learning-rate schedules."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tellapart.errors import ConfigError
from tellapart.pages.card import Readable
from tellapart.recipes.field_checks import check_types


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerSettings(Readable):
    """A Keras optimizer and its learning-rate schedule."""

    name: Literal["RMSprop", "Adam", "SGD"]
    """By the name of Keras's class; AdamW is Adam with a `weight_decay`."""

    learning_rate: float
    """Highest learning rate of the schedule, per step."""

    schedule: Literal["inverse time", "cosine"]
    """inverse time: rate / (1 + decay * step), the `decay` of old Keras. cosine: warm-up, then cosine decay to zero."""

    decay: float = 0.0
    """Decay of "inverse time", per step."""

    warmup_fraction: float = 0.0
    """Share of all steps that "cosine" spends warming up, 0 to 1."""

    epsilon: float = 1e-7
    """Keeps the division by the root mean square of the gradients finite. Keras 3 adds it under the root in
    RMSprop and to the root in Adam; SGD has none."""

    momentum: float = 0.0
    """Nesterov momentum of SGD."""

    weight_decay: float = 0.0
    """Share of each weight subtracted per step, times the learning rate ("decoupled", Loshchilov & Hutter 2019)."""

    @property
    def unread(self) -> frozenset[str]:
        """Fields that this optimizer and its schedule do not read."""
        of_schedule = {"inverse time": "warmup_fraction", "cosine": "decay"}[self.schedule]
        return frozenset({of_schedule, "epsilon" if self.name == "SGD" else "momentum"})

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("learning_rate", "decay", "epsilon", "weight_decay"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is 0 or more; got {getattr(self, name)}.")
        for name in ("warmup_fraction", "momentum"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is a share from 0 to 1; got {getattr(self, name)}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class MuonSettings(Readable):
    """Muon for the convolution kernels, SGD with Nesterov momentum for biases and head; all decay linearly to 0.

    The rates of biases and head are per image: the loss is summed over the batch.
    """

    name: Literal["Muon"] = "Muon"
    learning_rate: float
    """Learning rate of the kernels, per step."""

    momentum: float = 0.6
    """Momentum of the kernels."""

    bias_rate: float = 0.053
    head_rate: float = 0.67
    other_momentum: float = 0.85
    """Momentum of biases and head."""

    weight_decay: float = 2e-6
    """Weight decay of biases and head, per step and image of the batch."""

    whitening_share: float = 0.375
    """Share of the training, from its start, during which the whitening layer's bias is trained, 0 to 1."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("learning_rate", "weight_decay"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is 0 or more; got {getattr(self, name)}.")
        for name in ("bias_rate", "head_rate"):  # weight decay is divided by them
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is above 0; got {getattr(self, name)}.")
        for name in ("momentum", "other_momentum", "whitening_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is a share from 0 to 1; got {getattr(self, name)}.")


def refuse_unread(settings: object, names: Iterable[str]) -> None:
    """Refuse fields that were given, and that the optimizer does not read.

    Args:
        settings: of any optimizer.
        names: of the fields that were given.

    Raises:
        ConfigError: naming them.
    """
    if isinstance(settings, OptimizerSettings) and (without := sorted(settings.unread.intersection(names))):
        raise ConfigError(
            f"{settings.name} with the schedule {settings.schedule} does not use {' or '.join(without)}. momentum is "
            "for sgd, epsilon for adam and rmsprop, warmup_fraction for the schedule cosine, decay for inverse time."
        )
