"""Bench: how fast the pieces of a training run on this machine, and how far the step is from the peak.

The peak is measured too, by square matrix products. Pieces are timed in rounds, each piece once a round, so that
whatever else disturbs the machine disturbs all of them; shares are taken within a round.

Prints nothing.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch

from tellapart.errors import ConfigError
from tellapart.profiling import pieces
from tellapart.profiling.flops import Flops
from tellapart.profiling.pieces import Pieces, Round
from tellapart.profiling.summary import RECIPE_CLASSES, RECIPE_SHAPE
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.recipes import FROM_SCRATCH
from tellapart.runtime.allocator import keep_freed_memory
from tellapart.runtime.machine import hardware, versions

SECONDS = 5.0
"""Default time that the rounds take together."""

FEWEST_ROUNDS = 3
"""However long they take; a median of fewer would hide no outlier."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured quantity over all rounds."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        """Return the figure of one value per round."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of a training, with its speed or time."""

    piece: str
    unit: Literal["GFLOP/s", "GB/s", "ms", "pictures/s"]
    figure: Figure
    share: Figure | None = None
    """Share of what `share_of` names, 0 to 1; None where there is nothing to compare with."""

    share_of: Literal["peak", "step", ""] = ""
    """peak: matrix products in the step's precision. step: the time of a whole step."""


@dataclass(frozen=True, slots=True)
class Timings:
    """How fast a recipe trains on a machine."""

    recipe: str
    batch_size: int
    precision: str
    """Precision of the training's arithmetic; decides which peak is the step's."""

    picture_shape: tuple[int, int, int]
    """(H, W, C)."""

    classes: int
    threads: int
    hardware: dict[str, Any]
    versions: dict[str, str]
    rounds: int
    flops: Flops
    rows: tuple[Row, ...]

    def row(self, piece: str) -> Row:
        """Return the row of a piece, by its name."""
        return next(row for row in self.rows if row.piece == piece)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {**asdict(self), "flops": self.flops._asdict()}


def refuse_without_steps(config: TrainConfig) -> None:
    """Raise if a recipe has no training step to time.

    Raises:
        ConfigError: naming recipes that have one.
    """
    if config.head is not None:
        raise ConfigError(
            f"The recipe {config.recipe} computes features once and has no training step to time. "
            f"Recipes with one: {', '.join(FROM_SCRATCH)}."
        )


def measure(config: TrainConfig, seconds: float = SECONDS) -> Timings:
    """Time the pieces of a training, on made images of the tutorial's size.

    Args:
        config: complete.
        seconds: that the rounds take together; at least FEWEST_ROUNDS are made, after one that warms up.

    Raises:
        ConfigError: `seconds` is negative or not finite.
    """
    if not 0 <= seconds < float("inf"):
        raise ConfigError(f"seconds must be 0 or more, such as {SECONDS:g}; got {seconds}.")
    training = Pieces(config)
    rounds: list[Round] = []
    with keep_freed_memory():
        training.measure()
        began = time.perf_counter()
        while len(rounds) < FEWEST_ROUNDS or time.perf_counter() - began < seconds:
            rounds.append(training.measure())
    return Timings(
        recipe=config.recipe,
        batch_size=config.batch_size,
        precision=training.precision,
        picture_shape=RECIPE_SHAPE,
        classes=RECIPE_CLASSES,
        threads=torch.get_num_threads(),
        hardware=hardware(),
        versions=versions(),
        rounds=len(rounds),
        flops=training.flops,
        rows=tuple(_rows(rounds, config.batch_size, training.precision, training.flops)),
    )


Quantity = Callable[[Round], float]


def _rows(rounds: Sequence[Round], batch_size: int, precision: str, flops: Flops) -> Iterator[Row]:
    """Yield a row for each piece, in the order of the table."""

    def over(quantity: Quantity) -> Figure:
        return Figure.of([quantity(each) for each in rounds])

    def products(name: str) -> Row:
        return Row(f"{name} products", "GFLOP/s", over(lambda each: each.products[name]))

    def arithmetic(piece: str, flops_per_image: int, seconds: Quantity) -> Row:
        rate = over(lambda each: flops_per_image * batch_size / seconds(each) / 1e9)
        share = over(
            lambda each: flops_per_image * batch_size / seconds(each) / 1e9 / each.products[precision]
        )
        return Row(piece, "GFLOP/s", rate, share, "peak")

    def share_of_step(piece: str, seconds: Quantity) -> Row:
        share = over(lambda each: seconds(each) / each.step)
        return Row(piece, "ms", over(lambda each: 1e3 * seconds(each)), share, "step")

    def images_per_second(piece: str, images: int, seconds: Quantity) -> Row:
        return Row(piece, "pictures/s", over(lambda each: images / seconds(each)))

    yield from map(products, reversed(rounds[0].products))  # float32 first
    copied = 2 * pieces.COPIED_BYTES  # read and written
    yield Row("memory copy", "GB/s", over(lambda each: copied / each.copy / 1e9))
    yield arithmetic("forward", flops.forward, lambda each: each.forward)
    yield arithmetic("training step", flops.step, lambda each: each.step)
    yield Row("time of a step", "ms", over(lambda each: 1e3 * each.step))
    yield share_of_step("augmentation", lambda each: each.augmentation)
    yield share_of_step("optimizer update", lambda each: each.update)
    yield images_per_second("decoding JPEG", pieces.DECODED_AT_ONCE, lambda each: each.jpeg)
    yield images_per_second("decoding PNG", pieces.DECODED_AT_ONCE, lambda each: each.png)
    yield images_per_second("prediction", pieces.PREDICTED_AT_ONCE, lambda each: each.prediction)
