"""Question: of which answer it is asked why. One class, or one class and not another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Contrast:
    """Why this class; or why this one and not that one."""

    of: int
    """Class index."""

    and_not: int | None = None

    @property
    def classes(self) -> tuple[int, ...]:
        """Those that are named, one or two."""
        return (self.of,) if self.and_not is None else (self.of, self.and_not)

    def combined(self, by_class: Mapping[int, Tensor]) -> Tensor:
        """Of what is linear in the logits, such as a gradient: the class's, less the other's.

        Args:
            by_class: tensors of one shape.
        """
        return by_class[self.of] if self.and_not is None else by_class[self.of] - by_class[self.and_not]

    def of_logits(self, logits: Tensor) -> Tensor:
        """(B, classes) -> (B,): the class's logit, less the other's."""
        return logits[:, self.of] if self.and_not is None else logits[:, self.of] - logits[:, self.and_not]

    def of_probabilities(self, probabilities: Tensor) -> Tensor:
        """(B, classes) -> (B,): the class's probability; of two classes, its share of theirs."""
        asked = probabilities[:, self.of]
        if self.and_not is None:
            return asked
        return asked / (asked + probabilities[:, self.and_not]).clamp_min(torch.finfo(asked.dtype).tiny)


def questions_among(classes: Iterable[int]) -> tuple[Contrast, ...]:
    """Why each of them; then why each and not each other."""
    found = tuple(classes)
    pairs = [Contrast(of, and_not) for of in found for and_not in found if of != and_not]
    return (*map(Contrast, found), *pairs)
