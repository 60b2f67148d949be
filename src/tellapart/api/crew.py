"""A crew: the first process of a team trains as if it was alone; the others follow its orders.

The first one decides, saves, prints. What it computes together with the others it orders first: an order is a name in
`follow.ORDERS` and what belongs to it. So whatever ends or turns a training (a stop, a divergence, an early end, an
error) needs no word of its own here.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellapart.api.listener import Listener
from tellapart.classifier.classifier import Classifier
from tellapart.errors import ConfigError, TeamError
from tellapart.events import Progress
from tellapart.inference.tta import TtaProbabilities
from tellapart.runs.event_log import LOG, read_log
from tellapart.runs.setup import TrainingSetup
from tellapart.runtime.team import Team
from tellapart.training.loader import DataLoader
from tellapart.training.shares import Shares, whole_sizes

END = "end"
"""The last order."""

TEAM = "Team"
"""The event in a run's log that says how many processes train."""


def order(team: Team | None, name: str, *details: Any) -> None:
    """Tell the followers what comes next; where this process is alone or follows itself, nothing.

    Raises:
        TeamError: they cannot be reached.
    """
    if team is not None and team.leads:
        team.told((name, details))


def dismiss(team: Team | None) -> None:
    """Tell the followers that it is over, if they can still be reached."""
    if team is not None and not team.is_over:
        with suppress(TeamError):
            order(team, END)
        team.is_over = True


def held_alike(team: Team | None, variables: Sequence[Any]) -> None:
    """Give all processes the first one's values of a model's or an optimizer's variables; all call it."""
    if team is not None:
        team.hold_alike(variables)


@dataclass(slots=True)
class OrderingLoader:
    """The first process's data loader: a batch is ordered before it is loaded."""

    loader: DataLoader
    team: Team

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def batch(self, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        """Return this process's share of a step's batch, as `DataLoader.batch`."""
        order(self.team, "learn", epoch, step)
        return self.loader.batch(epoch, step)


def ordering(loader: DataLoader, team: Team | None) -> Any:
    """Return a loader whose batches the followers load and learn from, too."""
    return loader if team is None else OrderingLoader(loader, team)


def rows_of(team: Team, n: int) -> tuple[slice, list[int]]:
    """Return which of `n` images this process looks at, and how many each does."""
    counts = whole_sizes(n, team.size)
    first = sum(counts[: team.rank])
    return slice(first, first + counts[team.rank]), counts


def computed_by_all(
    team: Team | None, images: NDArray[np.uint8], compute: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return what a function makes of images, (N, ...), each process computing some; all call it.

    Args:
        team: of this process; None: it computes all.
        images: (N, H, W, C).
        compute: (n, H, W, C) -> (n, ...), each image by itself.
    """
    if team is None or len(images) < team.size:
        return compute(images)
    own, counts = rows_of(team, len(images))
    part = torch.from_numpy(compute(images[own])).to(team.device)
    team.wait_for_all()
    return team.gathered_rows(part, counts).cpu().numpy()


def predicted_by_all(
    setup: TrainingSetup,
    classifier: Classifier,
    split: str,
    progress: Progress | None = None,
    tta_views: int | None = None,
) -> TtaProbabilities:
    """Predict a split; in a team each process predicts some of its images, by the weights that all of them have.

    Args:
        setup: of the training.
        classifier: of the trained model.
        split: "validation" or "test".
        progress: called with (images done, images in all) of this process.
        tta_views: views of each image; None: as the model's card says.
    """
    views = classifier.card.tta_views if tta_views is None else tta_views
    if setup.team is None:
        images = setup.stores[split].images
        return classifier.tta_probabilities(images, progress, views, precision=setup.precision)
    order(setup.team, "predict", split, views)
    return predicted_together(setup, classifier, split, progress, views)


def predicted_together(
    setup: TrainingSetup, classifier: Classifier, split: str, progress: Progress | None, views: int
) -> TtaProbabilities:
    """Predict a split as all processes do once it has been ordered; arguments as in `predicted_by_all`."""

    def predict(part: NDArray[np.uint8]) -> NDArray[np.float32]:
        predictions = classifier.tta_probabilities(part, progress, views, precision=setup.precision)
        return np.stack([predictions.averaged, predictions.plain], 1)

    both = computed_by_all(setup.team, setup.stores[split].images, predict)
    return TtaProbabilities(np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1]))


def assemble(setup: TrainingSetup, listener: Listener) -> None:
    """Have the followers open and read the same images; say how many processes train, and what that means."""
    if setup.team is not None:
        if setup.own is not None:
            raise ConfigError(f"{setup.folder.path} trains a model of one's own, which takes one process.")
        tuning = setup.config.fine_tuning
        if setup.config.planned_steps or (tuning is not None and tuning.planned_steps):
            raise ConfigError(f"{setup.folder.path} was planned in minutes, which takes one process.")
        setup.team.remark = listener.warned
        _, saved = setup.folder.read_settings()
        recorded = setup.folder.read_split(saved)
        order(setup.team, "prepare", setup.config, saved, recorded, setup.folder)
        setup.team.wait_for_all()
    _introduce(setup, listener)


def _introduce(setup: TrainingSetup, listener: Listener) -> None:
    team = setup.team
    before = [seen["processes"] for seen in read_log(setup.folder.path / LOG)[0] if seen["event"] == TEAM]
    count = 1 if team is None else team.size
    if setup.resumes and before and before[-1] != count:
        listener.notice(f"Number of processes: {count}, before {before[-1]}")
    if team is None:
        if before:
            setup.folder.log(TEAM, {"processes": 1})
        return
    config = setup.config
    shares = Shares(team.size, config.statistics_over)
    share = shares.of(config.batch_size, team.rank)
    statistics = config.batch_size // share.all_parts
    wanted = min(config.statistics_over or config.batch_size, config.batch_size)
    said = {"processes": team.size, "images": list(share.counts), "batch_statistics_over": statistics}
    setup.folder.log(TEAM, said)
    if config.head is not None:
        listener.notice(f"{team.size} processes share the features, and the batches of fine-tuning")
        return
    listener.notice(
        f"{team.size} processes share each batch of {config.batch_size} pictures, {share.counts[0]} each"
        + (
            f"; batch statistics are over {statistics} of them instead of {wanted}"
            if statistics < wanted
            else ""
        )
    )
