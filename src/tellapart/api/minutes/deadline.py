"""The minutes that somebody gave, and what cannot be given beside them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from tellapart.errors import ConfigError
from tellapart.text import described

MINUTE = 60.0
MOST_MINUTES = 60 * 24 * 365
"""A year: more is a slip of the hand."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a command began, and how long it may take."""

    seconds: float
    began: float
    """Seconds of `time.monotonic`."""

    @classmethod
    def of(cls, minutes: Any, began: float) -> "Deadline":
        """Return the deadline of so many minutes from a moment on.

        Raises:
            ConfigError: no number of minutes.
        """
        is_number = isinstance(minutes, int | float) and not isinstance(minutes, bool) and isfinite(minutes)
        if not is_number or not 0 < minutes <= MOST_MINUTES:
            raise ConfigError(
                "minutes is a number above 0, such as 5 or 0.5, for the whole command with its report; got "
                f"{described(minutes)}."
            )
        return cls(MINUTE * minutes, began)

    @property
    def ends_at(self) -> float:
        """Seconds of `time.monotonic`."""
        return self.began + self.seconds

    @property
    def passed(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self.began


EPOCHS = ("epochs", "fine_tuning.epochs", "planned_steps", "fine_tuning.planned_steps")
"""Settings that say how long a training is, as the minutes do."""


def deadline_from(settings: dict[str, Any], *, resumes: bool, has_own_model: bool) -> Deadline | None:
    """Take the minutes out of the keywords of `train`; return when the command must be over, or None.

    Args:
        settings: keywords, changed in place. `minutes` is a number, or a Deadline where the command began before.
        resumes: whether a run is resumed.
        has_own_model: whether a model of somebody's own is trained.

    Raises:
        ConfigError: no number of minutes, or something beside it that decides the same.
    """
    given = settings.pop("minutes", None)
    if given is None:
        return None
    deadline = given if isinstance(given, Deadline) else Deadline.of(given, time.monotonic())
    if resumes:
        raise ConfigError(
            "minutes plan a new run; a resumed one does the steps that were planned. Leave out the minutes, or begin "
            "a new run: tellapart train --config RUN --minutes N"
        )
    if has_own_model:
        raise ConfigError(
            "minutes choose among recipes, and a model of your own has none. Leave out the minutes and give epochs."
        )
    if met := _beside(settings):
        raise ConfigError(
            f"minutes and {met}: both say how long the training is. Give one of them; the minutes decide the number "
            "of epochs."
        )
    return deadline


def _beside(settings: Mapping[str, Any]) -> str:
    """Return what is given that also decides how long the training is."""
    fields = settings.get("set") or {}
    texts = [fields] if isinstance(fields, str) else fields
    names = {str(each).partition("=")[0].strip().replace("-", "_") for each in texts}
    names |= {name for name, value in settings.items() if value is not None}
    return next((name for name in EPOCHS if name in names), "")
