"""`train` in a team: the first process trains, the others follow; one that is started again goes on where it was."""

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from tellapart.api.crew import dismiss
from tellapart.api.follow import Opened, follow
from tellapart.errors import ConfigError, TeamError
from tellapart.runs.launch import begun_by_this_launch, forget_launch
from tellapart.runtime.team import Team, team

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

KEPT = ("labels", "class_names", "verbose", "listener", "should_stop", "memory", "log", "score_test")
"""Keywords of `train` that a run which goes on takes, too."""


def in_team(
    opened_with: Callable[[Any], Opened], memory_of: Callable[[Any], int]
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Let a function that trains do so with the other processes of its team, where there are any.

    Args:
        opened_with: class names -> what opens data and labels.
        memory_of: `memory` as given -> bytes.
    """

    def decorate(train: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @wraps(train)
        def together(*given: Parameters.args, **keywords: Parameters.kwargs) -> Result:
            joined = team()
            if joined is None:
                return train(*given, **keywords)
            data, settings = given[0] if given else keywords.get("data"), dict(keywords)
            settings.pop("data", None)
            if not joined.leads:
                opened = opened_with(settings.get("class_names"))
                follow(
                    joined,
                    data,
                    settings.get("labels"),
                    opened,
                    _share_of_memory(joined, settings, memory_of),
                )
                return cast(Result, None)
            return _lead(joined, cast(Callable[..., Result], train), data, settings, memory_of)

        return together

    return decorate


def _lead(
    joined: Team,
    train: Callable[..., Result],
    data: Any,
    settings: dict[str, Any],
    memory_of: Callable[[Any], int],
) -> Result:
    joined.is_over = False
    try:
        if settings.get("model") is not None:
            raise ConfigError(
                "A model of one's own trains with one process here. With several, use "
                "tellapart.fit(model, x, y) in a script that torchrun starts, or leave out the processes."
            )
        if settings.get("minutes") is not None:
            raise ConfigError(
                "A number of minutes is planned for one process. Leave out the minutes, or the processes."
            )
        settings = _going_on(settings)
        result = train(data, **{**settings, "memory": _share_of_memory(joined, settings, memory_of)})
    except (TeamError, KeyboardInterrupt):
        raise  # the others cannot be told, or are in the middle of a step
    except BaseException:
        dismiss(joined)
        raise
    dismiss(joined)
    forget_launch(Path(cast(Any, result).folder))
    return result


def _share_of_memory(joined: Team, settings: Mapping[str, Any], memory_of: Callable[[Any], int]) -> int:
    """Return the bytes of decoded images that each process of this machine may hold."""
    return memory_of(settings.get("memory")) // joined.place.local_size


def _going_on(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of `train`; where this start of processes has begun the run before, those that resume it."""
    if settings.get("resume") is not None:
        return settings
    begun = begun_by_this_launch(settings.get("out"))
    if begun is None:
        return settings
    if not begun.can_resume:
        return {**settings, "out": begun.path}
    return {name: settings[name] for name in KEPT if name in settings} | {"resume": begun.path}
