"""What a training from shards cannot do, and what it says of shards and pictures that it left out."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tellapart.api.crew import order
from tellapart.data.dataset import Dataset
from tellapart.data.shards.pieces import damage_in_words
from tellapart.errors import ConfigError, DataError
from tellapart.events import EpochDone, Event, Finding, Stopped
from tellapart.recipes.config import TrainConfig
from tellapart.runtime.team import Team
from tellapart.text import counted
from tellapart.training.streamed_loader import StreamedLoader

SHARDS_NAMED = 5
"""In a sentence, before the others are counted."""


def refuse_for_shards(dataset: Dataset, config: TrainConfig) -> None:
    """Refuse what needs all training pictures at once, of data that are streamed from shards.

    Raises:
        ConfigError: the configuration asks for it.
        DataError: the shards lack a split that the training needs.
    """
    if dataset.shards is None:
        return
    what = next((words for words, asks in _REFUSED if asks(config)), None)
    if what is not None:
        raise ConfigError(
            f"{dataset.where}: {what}, which needs all training pictures at hand, and those in shards are read as they "
            "are needed. From shards, train a network from scratch: --recipe fast, quick, accurate, first-cnn or "
            "photos-from-scratch."
        )
    needed = {"test", *(["validation"] if config.validation == "held out" else [])}
    if lacking := sorted(needed - set(dataset.splits)):
        raise DataError(
            f"{dataset.where}: no {' and no '.join(lacking)} shards. Name such shards (val-000000.tar, "
            "test-000000.tar), or write the shards anew with tellapart data shard, which divides the pictures."
        )


_REFUSED: tuple[tuple[str, Callable[[TrainConfig], Any]], ...] = (
    (
        "the recipe transfer computes the features of each picture once and keeps them",
        lambda config: config.head,
    ),
    (
        'sampling="balanced" visits the pictures of rare classes several times',
        lambda config: config.sampling == "balanced",
    ),
    (
        "standardization learns from all training pictures",
        lambda config: config.augmentation is not None and config.augmentation.standardizes,
    ),
    ("several labels a picture have no shards", lambda config: config.multi_label),
)


def with_left_out(
    events: Iterable[Event], loader: object, warn: Callable[[str], None], team: Team | None = None
) -> Iterator[Event]:
    """Yield the events of a training; warn of each shard that turns out to be damaged, and sum up after each epoch.

    Args:
        events: of the training.
        loader: of its batches; only one that streams leaves anything out.
        warn: is given a sentence.
        team: of this process, whose others may have left out something, too.
    """
    if not isinstance(loader, StreamedLoader):
        yield from events
        return
    warned: set[str] = set()
    told = (0, 0)
    for event in events:
        yield event
        if team is not None and isinstance(event, EpochDone | Stopped):
            order(team, "left out")
            gather_left_out(team, loader)
        for piece in loader.damaged:
            if piece.shard not in warned:
                warned.add(piece.shard)
                warn(f"Left out of {piece.in_words}. The training goes on.")
        if isinstance(event, EpochDone | Stopped):
            now = len(loader.damaged), len(loader.unreadable)
            if now != told:
                yield _finding(loader, event.epoch)
            told = now


def gather_left_out(team: Team, loader: StreamedLoader) -> None:
    """Let the first process know what all have left out; all call it."""
    for damaged, unreadable in team.everybodys((dict(loader.pieces.damaged), dict(loader.unreadable))):
        loader.pieces.damaged.update(damaged)
        loader.unreadable.update(unreadable)


def _finding(loader: StreamedLoader, epoch: int) -> Finding:
    lines = damage_in_words(loader.damaged)
    lines += [image.reason for image in loader.unreadable.values()]
    more = f"; and {len(lines) - SHARDS_NAMED:,} more" if len(lines) > SHARDS_NAMED else ""
    lost = sum(piece.pictures for piece in loader.damaged) + len(loader.unreadable)
    seen = f"{counted(lost, 'picture')} left out: {'; '.join(lines[:SHARDS_NAMED])}{more}"
    return Finding(
        "damaged shards",
        epoch,
        None,
        seen,
        "Restore these shards, or remove them and their lines in shards.json",
    )
