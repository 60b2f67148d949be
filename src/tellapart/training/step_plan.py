"""Step plan: how many steps a training has in all where a time, not a number of epochs, ends it; and how that changed.

A clock plans, and what it planned is kept: from a step on, the whole training has so many steps. So a run that is
resumed or repeated does the same steps at the same learning rates, whatever the clock says then.
"""

from dataclasses import dataclass
from itertools import pairwise

from tellapart.errors import ConfigError

Flat = tuple[int, ...]
"""A plan as a configuration keeps it: step, steps in all, step, steps in all, ..."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """Steps in all, each with the step from which it holds; the first from step 0."""

    changes: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, flat: Flat) -> "StepPlan":
        """Return the plan that a configuration keeps.

        Raises:
            ConfigError: it is none.
        """
        changes = tuple(zip(flat[::2], flat[1::2], strict=False))
        begins = [begin for begin, _ in changes]
        is_plan = (
            len(flat) >= 2
            and len(flat) % 2 == 0
            and begins[0] == 0
            and all(before < after for before, after in pairwise(begins))
            and all(total >= max(1, begin) for begin, total in changes)
            and all(begin < total for (begin, _), (_, total) in zip(changes[1:], changes, strict=False))
        )
        if not is_plan:
            raise ConfigError(
                "planned_steps are pairs of a step and the steps in all from there on, the first from step 0, such as "
                f"0:450:120:430; got {':'.join(map(str, flat))[:60]!r}."
            )
        return cls(changes)

    @property
    def flat(self) -> Flat:
        """As a configuration keeps it."""
        return tuple(number for change in self.changes for number in change)

    @property
    def total(self) -> int:
        """Steps in all, by the last plan."""
        return self.changes[-1][1]

    def at(self, step: int) -> int:
        """Return the steps in all by the plan that holds at a step."""
        return [total for begin, total in self.changes if begin <= step][-1]

    def changed(self, step: int, total: int) -> "StepPlan":
        """Return the plan with another number of steps in all from this step on; later changes are dropped."""
        kept = tuple(change for change in self.changes if change[0] < step)
        return StepPlan((*kept, (step, max(total, step, 1))))

    def epochs(self, steps_per_epoch: int) -> int:
        """Return the number of epochs, the last of them perhaps a part of one."""
        return -(-self.total // steps_per_epoch)
