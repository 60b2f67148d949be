"""Settings of a transfer: how its head is fitted, and how its backbone is trained further."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tellapart.data.augmentation.settings import Augmentation
from tellapart.errors import ConfigError
from tellapart.pages.card import Readable
from tellapart.recipes.field_checks import check_types
from tellapart.recipes.optimizer_settings import OptimizerSettings
from tellapart.training.step_plan import StepPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSettings(Readable):
    """How a linear head is fitted to a frozen backbone's features."""

    penalties: tuple[float, ...] = tuple(10 ** (power / 2) for power in range(2, -9, -1))
    """Penalties on the weights that are tried, from the strongest on; see `training.linear_head`."""

    folds: int = 5
    """Of the cross-validation."""

    mirror: bool = True
    """Whether the head is fitted to mirrored images too."""

    def __post_init__(self) -> None:
        check_types(self)
        if not self.penalties or min(self.penalties) <= 0:
            raise ConfigError(f"penalties are above 0, at least one; got {self.penalties}.")
        if self.folds < 2:
            raise ConfigError(f"folds is a whole number from 2; got {self.folds}.")

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "HeadSettings":
        """Return the settings that `asdict` described."""
        return cls(**{**saved, "penalties": tuple(saved["penalties"])})


STAGES = 4
"""That the recipe trains, from the top, or as many as a backbone has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuning(Readable):
    """How a pretrained network is trained further, from its top down, once its head is fitted.

    Its layers form stages: those whose outputs have the same height and width. The head has the optimizer's learning
    rate, and each stage below it a lower one. Batch statistics stay those of the pretraining.

    Source: Howard & Ruder 2018, arXiv:1801.06146 (discriminative learning rates, from the top down).
    """

    stages: int | None = None
    """Stages that are trained, from the top; those below stay as they are. None: all are trained."""

    stage_factor: float
    """Learning rate of a stage, as a share of that of the stage above it, 0 to 1."""

    epochs: int
    planned_steps: tuple[int, ...] | None = None
    """Steps in all where a number of minutes is the length, as in TrainConfig; None: whole epochs."""

    batch_size: int
    optimizer: OptimizerSettings
    augmentation: Augmentation | None
    """How training images are augmented; None: not at all."""

    label_smoothing: float = 0.0
    """Share of each target that is spread over all classes, 0 to 1. Source: Szegedy et al. 2016."""

    patience: int | None = None
    """Epochs without a better held-out accuracy after which fine-tuning ends, its best epoch kept; None: it goes on to
    its last epoch, and keeps that."""

    fewest_wrong: int = 10
    """Held-out images that the head alone must predict wrongly: with fewer, a gain could not be measured."""

    most_flops: float = 2e13
    """Floating-point operations, of all epochs, above which it is only done when asked for. Not seconds: the same
    command does the same everywhere."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("stages", "epochs", "batch_size", "patience"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ConfigError(f"{name} must be a whole number of at least 1; got {getattr(self, name)}.")
        if self.planned_steps is not None:
            StepPlan.of(self.planned_steps)
        if not 0 < self.stage_factor <= 1:
            raise ConfigError(f"stage_factor is a share, above 0 and at most 1; got {self.stage_factor}.")
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError(f"label_smoothing is a share from 0 to below 1; got {self.label_smoothing}.")
        for name in ("fewest_wrong", "most_flops"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is 0 or more; got {getattr(self, name)}.")

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "FineTuning":
        """Return the settings that `asdict` described."""
        augmentation = Augmentation.from_dict(saved["augmentation"]) if "augmentation" in saved else None
        fields = {**saved, "optimizer": OptimizerSettings(**saved["optimizer"]), "augmentation": augmentation}
        if "planned_steps" in fields:
            fields["planned_steps"] = tuple(fields["planned_steps"])
        return cls(**fields)
