"""Policies that choose among `operations`: AutoAugment, RandAugment, TrivialAugment and AugMix."""

from dataclasses import dataclass
from typing import ClassVar, Final, Literal

import torch
from torch import Tensor

from tellapart.data.augmentation.policies.operations import Operation, Strengths, perform
from tellapart.data.augmentation.policies.policy import Policy, constant, per_image
from tellapart.data.augmentation.ranges import whole_between

LEVELS: Final = 31
"""Levels of strength, from none to the strongest."""

CHOICES: Final = Operation.INVERT
"""RandAugment and TrivialAugment choose among the operations before it."""

USUAL: Final = Strengths(shear=0.3, translate_share=150 / 331, rotate=30, enhance=0.9, posterize=4)
WIDE: Final = Strengths(shear=0.99, translate_pixels=32, rotate=135, enhance=0.99, posterize=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandAugment(Policy):
    """A few operations in a row, each chosen at random, all equally strong.

    Source: Cubuk et al. 2019, arXiv:1909.13719; strengths and fill of torchvision's RandAugment.
    """

    name: Literal["rand-augment"] = "rand-augment"
    operations: int = 2
    magnitude: int = 9
    """0 to 30."""

    def __post_init__(self) -> None:
        whole_between(f"{self.name}.operations", self.operations, 1, 8)
        whole_between(f"{self.name}.magnitude", self.magnitude, 0, LEVELS - 1)

    @property
    def numbers(self) -> tuple[int, ...]:
        """For each step, operation and sign."""
        return (self.operations, 2)

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Do the operations one after the other."""
        images = images.round()
        for step in range(self.operations):
            choice = (drawn[:, step, 0] * CHOICES).long()
            level = torch.full_like(drawn[:, 0, 0], self.magnitude / (LEVELS - 1))
            strength = USUAL.of(choice, level, drawn[:, step, 1] < 0.5, *images.shape[2:])
            images = perform(images, choice, strength)
        return images


@dataclass(frozen=True, slots=True, kw_only=True)
class TrivialAugmentWide(Policy):
    """One operation, of any strength, at random; nothing to tune.

    Source: Müller & Hutter 2021, arXiv:2103.10158, the wide strengths.
    """

    name: Literal["trivial-augment-wide"] = "trivial-augment-wide"
    changes_direction: ClassVar[bool] = True

    @property
    def numbers(self) -> tuple[int, ...]:
        """Operation, level, sign."""
        return (3,)

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Do the operation."""
        choice = (drawn[:, 0] * CHOICES).long()
        level = (drawn[:, 1] * LEVELS).floor() / (LEVELS - 1)
        images = images.round()
        return perform(images, choice, WIDE.of(choice, level, drawn[:, 2] < 0.5, *images.shape[2:]))


CIFAR10_POLICY: Final = (
    (("INVERT", 0.1, 0), ("CONTRAST", 0.2, 6)),
    (("ROTATE", 0.7, 2), ("TRANSLATE_X", 0.3, 9)),
    (("SHARPNESS", 0.8, 1), ("SHARPNESS", 0.9, 3)),
    (("SHEAR_Y", 0.5, 8), ("TRANSLATE_Y", 0.7, 9)),
    (("AUTO_CONTRAST", 0.5, 0), ("EQUALIZE", 0.9, 0)),
    (("SHEAR_Y", 0.2, 7), ("POSTERIZE", 0.3, 7)),
    (("COLOR", 0.4, 3), ("BRIGHTNESS", 0.6, 7)),
    (("SHARPNESS", 0.3, 9), ("BRIGHTNESS", 0.7, 9)),
    (("EQUALIZE", 0.6, 0), ("EQUALIZE", 0.5, 0)),
    (("CONTRAST", 0.6, 7), ("SHARPNESS", 0.6, 5)),
    (("COLOR", 0.7, 7), ("TRANSLATE_X", 0.5, 8)),
    (("EQUALIZE", 0.3, 0), ("AUTO_CONTRAST", 0.4, 0)),
    (("TRANSLATE_Y", 0.4, 3), ("SHARPNESS", 0.2, 6)),
    (("BRIGHTNESS", 0.9, 6), ("COLOR", 0.2, 8)),
    (("SOLARIZE", 0.5, 2), ("INVERT", 0.0, 0)),
    (("EQUALIZE", 0.2, 0), ("AUTO_CONTRAST", 0.6, 0)),
    (("EQUALIZE", 0.2, 0), ("EQUALIZE", 0.6, 0)),
    (("COLOR", 0.9, 9), ("EQUALIZE", 0.6, 0)),
    (("AUTO_CONTRAST", 0.8, 0), ("SOLARIZE", 0.2, 8)),
    (("BRIGHTNESS", 0.1, 3), ("COLOR", 0.7, 0)),
    (("SOLARIZE", 0.4, 5), ("AUTO_CONTRAST", 0.9, 0)),
    (("TRANSLATE_Y", 0.9, 9), ("TRANSLATE_Y", 0.7, 9)),
    (("AUTO_CONTRAST", 0.9, 0), ("SOLARIZE", 0.8, 3)),
    (("EQUALIZE", 0.8, 0), ("INVERT", 0.1, 0)),
    (("TRANSLATE_Y", 0.7, 9), ("AUTO_CONTRAST", 0.9, 0)),
)
"""Pairs of (operation, probability, level of 0 to 9). Source: the paper's appendix, as torchvision has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoAugmentCifar10(Policy):
    """One of 25 pairs of operations that were searched for on CIFAR-10.

    Source: Cubuk et al. 2018, arXiv:1805.09501.
    """

    name: Literal["auto-augment-cifar10"] = "auto-augment-cifar10"

    @property
    def numbers(self) -> tuple[int, ...]:
        """Pair; and for each of its operations, whether it is done, and its sign."""
        return (5,)

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Do both operations of the pair, each with its probability."""
        images = images.round()
        pair = (drawn[:, 0] * len(CIFAR10_POLICY)).long()
        for step in range(2):
            choices, probabilities, levels = (
                constant(tuple(column), drawn.device)[pair]
                for column in zip(
                    *((Operation[name], p, level) for name, p, level in _steps(step)), strict=True
                )
            )
            done = drawn[:, 1 + 2 * step] < probabilities
            choice = torch.where(done, choices, torch.zeros_like(choices)).long()
            negative = drawn[:, 2 + 2 * step] < 0.5
            images = perform(images, choice, USUAL.of(choice, levels / 9, negative, *images.shape[2:]))
        return images


def _steps(step: int) -> list[tuple[str, float, int]]:
    return [pair[step] for pair in CIFAR10_POLICY]


AUGMIX_OPERATIONS: Final = tuple(range(Operation.IDENTITY + 1, Operation.BRIGHTNESS)) + tuple(
    range(Operation.POSTERIZE, Operation.INVERT)
)
"""Those without the corruptions of the benchmarks that AugMix is measured on."""

WIDTH, DEPTH = 3, 3
"""AugMix's chains, and the most operations in each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AugMix(Policy):
    """Three chains of one to three weak operations, their mean weighted at random, mixed with the image itself.

    The paper's loss between several such views is not part of it.

    Source: Hendrycks et al. 2019, arXiv:1912.02781.
    """

    name: Literal["aug-mix"] = "aug-mix"
    severity: int = 3
    """1 to 10."""

    def __post_init__(self) -> None:
        whole_between(f"{self.name}.severity", self.severity, 1, 10)

    @property
    def numbers(self) -> tuple[int, ...]:
        """For each chain its weight, its length, how to mix (of the first), and its operations."""
        return (WIDTH, 3 + 3 * DEPTH)

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Mix the chains' results with the images."""
        images = images.round()
        weights = -torch.log1p(-drawn[:, :, 0])
        weights = weights / weights.sum(1, keepdim=True).clamp(min=1e-12)  # Dirichlet(1, 1, 1)
        operations = constant(tuple(map(float, AUGMIX_OPERATIONS)), drawn.device)
        strengths = Strengths(shear=0.3, translate_share=1 / 3, rotate=30, enhance=0, posterize=4)
        mixed = torch.zeros_like(images)
        for chain in range(WIDTH):
            numbers, changed = drawn[:, chain], images
            length = 1 + (numbers[:, 1] * DEPTH).floor()
            for step in range(DEPTH):
                which, how_strong, sign = numbers[:, 3 + 3 * step : 6 + 3 * step].unbind(1)
                choice = operations[(which * len(AUGMIX_OPERATIONS)).long()]
                choice = torch.where(step < length, choice, torch.zeros_like(choice)).long()
                level = (0.1 + how_strong * (self.severity - 0.1)) / 10
                changed = perform(changed, choice, strengths.of(choice, level, sign < 0.5, *images.shape[2:]))
            mixed += per_image(weights[:, chain]) * changed
        return torch.lerp(images, mixed, per_image(drawn[:, 0, 2]))  # Beta(1, 1)
