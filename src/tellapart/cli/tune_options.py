"""The options of `tune` that no other command has."""

from pathlib import Path
from typing import Annotated

import typer

from tellapart.errors import ConfigError

Minutes = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        metavar="M",
        help="Time for all of it. No trial is begun that would probably not end in time; one that does not end waits "
        "for --resume.",
    ),
]
Trials = Annotated[
    int | None,
    typer.Option("--trials", metavar="N", help="Number of trials in all, with those of earlier commands."),
]
Space = Annotated[
    list[str] | None,
    typer.Option(
        "--space",
        metavar="NAME=LOW..HIGH[:log]|NAME=A,B|NAME=none",
        help="Where to search a setting, in place of the recipe's own range: learning_rate=1e-4..1e-1:log, "
        "optimizer=adam,sgd; none leaves it as it is. Names are those of --set. Can be repeated.",
    ),
]
Jobs = Annotated[
    int,
    typer.Option("--jobs", metavar="N", min=1, help="Processes at work, each with its share of the cores."),
]
TuningOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FOLDER",
        help="The tuning's folder; the same command again goes on there. Default: tunings/DATE-DATA-RECIPE.",
    ),
]
ResumeTuning = Annotated[
    Path | None,
    typer.Option(
        "--resume", metavar="FOLDER", help="Go on with a tuning, with its own data, settings and space."
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="ADDRESS",
        help="Database for the trials, as Optuna takes it, such as postgresql://user@host/name. Default: SQLite in the "
        "folder.",
    ),
]


def parse_space(given: list[str] | None) -> dict[str, str]:
    """Return the texts NAME=DOMAIN by their names.

    Raises:
        ConfigError: one has no name or no domain, or a name comes twice.
    """
    space: dict[str, str] = {}
    for text in given or ():
        name, equals, domain = (part.strip() for part in text.partition("="))
        if not equals or not name or not domain:
            raise ConfigError(
                f"--space takes NAME=RANGE, such as learning_rate=1e-4..1e-1:log; got {text[:60]!r}."
            )
        if name in space:
            raise ConfigError(f"--space has {name} twice. Give it once.")
        space[name] = domain
    return space
