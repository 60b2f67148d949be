"""Question: of which answer it is asked why. One class, or one class and not another."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Question:
    """Why this class; or why this one and not that one."""

    of: int
    """Class index."""

    and_not: int | None = None

    def of_logits(self, logits: Tensor) -> Tensor:
        """(B, classes) -> (B,): the class's logit, less the other's."""
        return logits[:, self.of] if self.and_not is None else logits[:, self.of] - logits[:, self.and_not]

    def of_probabilities(self, probabilities: Tensor) -> Tensor:
        """(B, classes) -> (B,): the class's probability; of two classes, its share of theirs."""
        asked = probabilities[:, self.of]
        if self.and_not is None:
            return asked
        return asked / (asked + probabilities[:, self.and_not]).clamp_min(torch.finfo(asked.dtype).tiny)
