"""Contrast: the question that a heat map answers. Why this class, or why this class and not that one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tellapart.pages.card import Readable


@dataclass(frozen=True, slots=True)
class Contrast(Readable):
    """A class, or a class against another one."""

    of: int
    """Class index."""

    and_not: int | None = None
    """Class index; None: against all others."""

    @property
    def classes(self) -> tuple[int, ...]:
        """The one or two class indices involved."""
        return (self.of,) if self.and_not is None else (self.of, self.and_not)

    def combined(self, by_class: Mapping[int, Tensor]) -> Tensor:
        """Return the class's tensor, minus the other class's: for values that are linear in the logits.

        Args:
            by_class: class index -> tensor, all of one shape; gradients, for example.
        """
        return by_class[self.of] if self.and_not is None else by_class[self.of] - by_class[self.and_not]

    def of_logits(self, logits: Tensor) -> Tensor:
        """Return the class's logit, minus the other class's: (B, classes) -> (B,)."""
        return logits[:, self.of] if self.and_not is None else logits[:, self.of] - logits[:, self.and_not]

    def of_probabilities(self, probabilities: Tensor) -> Tensor:
        """Return the class's probability, or its share of both: (B, classes) -> (B,), 0 to 1."""
        own = probabilities[:, self.of]
        if self.and_not is None:
            return own
        return own / (own + probabilities[:, self.and_not]).clamp_min(torch.finfo(own.dtype).tiny)


def contrasts_among(classes: Iterable[int]) -> tuple[Contrast, ...]:
    """Return a contrast for each class, then one for each ordered pair."""
    indices = tuple(classes)
    pairs = [Contrast(of, and_not) for of in indices for and_not in indices if of != and_not]
    return (*map(Contrast, indices), *pairs)
