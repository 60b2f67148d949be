"""Bench: how fast the pieces of a training run on this machine, and how far the step is from its ceiling.

The ceiling is measured too: what square matrix products reach here. Pieces are timed in rounds, each piece
once a round, so that whatever else disturbs the machine disturbs all of them; shares are taken within a round.

The optimizer's own products (Muon) count as time alone.

Finds out; prints nothing.
"""

import io
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier
from tellapart.data.decode import decode
from tellapart.data.preprocess import Preprocessing
from tellapart.data.sampler import BatchSampler
from tellapart.data.store import ImageStore
from tellapart.data.types import Pixels
from tellapart.errors import ConfigError
from tellapart.lowering import lower
from tellapart.profiling.flops import Flops, count_flops
from tellapart.profiling.summary import RECIPE_CLASSES, RECIPE_SHAPE
from tellapart.recipes.build import build_model, build_step
from tellapart.recipes.config import MuonSettings, TrainConfig
from tellapart.runtime.allocator import keep_freed_memory
from tellapart.runtime.machine import hardware, versions
from tellapart.runtime.precision import has_fast_bfloat16, resolve
from tellapart.runtime.workers import workers
from tellapart.training.loader import DataLoader
from tellapart.training.microbatches import MicroBatches
from tellapart.training.optim.native import KerasOptimizer
from tellapart.training.step import TrainStep

SECONDS = 5.0
"""That the rounds take together, unless somebody says otherwise."""

FEWEST_ROUNDS = 3
"""However long they take: of fewer, a median would hide nothing."""

SHORTEST_SECONDS = 0.01
"""A piece is repeated until this has passed: shorter ones are lost in the clock's and the system's grain."""

PRODUCT_SIDES = (512, 768, 1024)
"""Of the matrices tried: from what one core's cache holds, to what several share work on."""

COPIED_BYTES = 64 << 20
"""Copied at a time, more than a core's own caches hold."""

DECODED_SIDE, DECODED_AT_ONCE = 256, 16
"""Pixels of the pictures decoded, and how many are asked for together."""

PREDICTED_AT_ONCE = 256

TRAINING_PICTURES = 50_000
"""The learning rate's schedule is that of a training on so many; it decides no time."""

_CLASS_NAMES = tuple(map(str, range(RECIPE_CLASSES)))


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure over all rounds."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        """Of one value a round."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Row:
    """One piece."""

    piece: str
    unit: Literal["GFLOP/s", "GB/s", "ms", "pictures/s"]
    figure: Figure
    share: Figure | None = None
    """Of what `share_of` names, 0 to 1; None where nothing is to compare with."""

    share_of: Literal["ceiling", "step", ""] = ""
    """ceiling: the products in the step's precision. step: the time of a whole step."""


@dataclass(frozen=True, slots=True)
class Timings:
    """How a recipe runs on a machine."""

    recipe: str
    batch_size: int
    precision: str
    """Of the training's arithmetic; decides which ceiling is the step's."""

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
        """The row of that name."""
        return next(row for row in self.rows if row.piece == piece)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "flops": self.flops._asdict()}


@dataclass(frozen=True, slots=True)
class _Round:
    """Every piece once: seconds of a call, and of the products their GFLOP/s."""

    products: dict[str, float]
    """By precision."""

    copy: float
    augmentation: float
    forward: float
    step: float
    update: float
    jpeg: float
    png: float
    prediction: float


def measure(run: TrainConfig, seconds: float = SECONDS) -> Timings:
    """Time a run's pieces, on made pictures of the tutorial's size.

    Args:
        run: complete.
        seconds: that the rounds take together; at least FEWEST_ROUNDS are made, after one that warms up.

    Raises:
        ConfigError: `seconds` is no time.
    """
    if not 0 <= seconds < float("inf"):
        raise ConfigError(f"seconds is a number from 0, such as {SECONDS:g}; got {seconds}.")
    pieces = _Pieces(run)
    rounds: list[_Round] = []
    with keep_freed_memory():
        pieces.measure()
        began = time.perf_counter()
        while len(rounds) < FEWEST_ROUNDS or time.perf_counter() - began < seconds:
            rounds.append(pieces.measure())
    return Timings(
        recipe=run.recipe,
        batch_size=run.batch_size,
        precision=pieces.precision,
        picture_shape=RECIPE_SHAPE,
        classes=RECIPE_CLASSES,
        threads=torch.get_num_threads(),
        hardware=hardware(),
        versions=versions(),
        rounds=len(rounds),
        flops=pieces.flops,
        rows=tuple(_rows(rounds, run.batch_size, pieces.precision, pieces.flops)),
    )


class _Pieces:
    """What is timed, made once."""

    def __init__(self, run: TrainConfig) -> None:
        store = _made_pictures(2 * run.batch_size)
        steps_per_epoch = -(-TRAINING_PICTURES // run.batch_size)
        if isinstance(run.optimizer, MuonSettings):
            # A step as most of the training makes it, when the whitening rests.
            run = replace(run, optimizer=replace(run.optimizer, whitening_share=0.0))
        model = build_model(run, RECIPE_SHAPE, RECIPE_CLASSES, steps_per_epoch, store.images)
        self.precision = resolve(run.precision)
        net = lower(model, self.precision)
        self.device = net.device
        self.step = build_step(run, net, run.epochs * steps_per_epoch)
        self.flops = count_flops(model, self.step.optimizer.frozen())
        self.step.optimizer = self.update = _TimedUpdate(self.step.optimizer, self.device)
        batches = BatchSampler(n=len(store), batch_size=run.batch_size, seed=run.seed)
        self.feed = DataLoader(store, RECIPE_CLASSES, batches, run.augmentation, self.device, run.mixing)
        height, width, channels = RECIPE_SHAPE
        card = ModelCard(_CLASS_NAMES, Preprocessing(height=height, width=width, channels=channels))
        self.classifier = Classifier.of_model(model, card)
        self.asked = _made_pictures(PREDICTED_AT_ONCE).images
        precisions = {"float32", self.precision} | ({"bfloat16"} if has_fast_bfloat16() else set())
        self.products = {name: _Products(getattr(torch, name), self.device) for name in sorted(precisions)}
        self.copied = [torch.ones(COPIED_BYTES, dtype=torch.uint8, device=self.device) for _ in range(2)]
        self.decoders = ThreadPoolExecutor(os.cpu_count())  # as many as read a folder of pictures
        self.files = {kind: _encoded(kind) for kind in ("JPEG", "PNG")}

    def measure(self) -> _Round:
        """Time every piece once."""
        timed = partial(_seconds, self.device)
        images, truth = self.feed.batch(0, 0)
        self.update.calls.clear()
        return _Round(  # from top to bottom
            products={name: products.rate() for name, products in self.products.items()},
            copy=timed(lambda: self.copied[0].copy_(self.copied[1])),
            augmentation=timed(lambda: self.feed.batch(0, 0)),
            forward=timed(lambda: _forward(self.step, images, truth)),
            step=timed(lambda: self.step(images, truth)),
            update=statistics.mean(self.update.calls),
            jpeg=timed(lambda: self._decode("JPEG")),
            png=timed(lambda: self._decode("PNG")),
            prediction=timed(lambda: self.classifier.probabilities(self.asked)),  # one view of each
        )

    def _decode(self, kind: str) -> list[Pixels]:
        return list(self.decoders.map(decode, [self.files[kind]] * DECODED_AT_ONCE))


class _TimedUpdate(KerasOptimizer):
    """An optimizer whose updates are timed where they happen: within a step, on its gradients."""

    def __init__(self, inner: KerasOptimizer, device: torch.device) -> None:
        super().__init__(inner.optimizer, inner.variables)
        self.inner, self.device = inner, device
        self.calls: list[float] = []
        """Seconds of each."""

    def scale_loss(self, loss: Tensor) -> Tensor:
        """As the optimizer's own."""
        return self.inner.scale_loss(loss)

    def frozen(self) -> Sequence[Tensor]:
        """As the optimizer's own."""
        return self.inner.frozen()

    def apply(self, gradients: Sequence[Sequence[Tensor]]) -> None:
        """Update every weight once."""
        _wait_for(self.device)
        began = time.perf_counter()
        self.inner.apply(gradients)
        _wait_for(self.device)
        self.calls.append(time.perf_counter() - began)


class _Products:
    """Square matrix products of one precision, as fast as torch does them here."""

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self.device = device
        self.threads = torch.get_num_threads() if device.type == "cpu" else 1
        side = max(PRODUCT_SIDES)
        shape = self.threads, 3, side * side
        self.memory = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(device, dtype)

    def rate(self) -> float:
        """GFLOP/s of the best size, and the better of two ways: torch's own threads, or a product for each."""
        return max(flops / _seconds(self.device, way) / 1e9 for flops, way in self._ways())

    def _ways(self) -> Iterator[tuple[int, Callable[[], object]]]:
        for side in PRODUCT_SIDES:
            matrices = [own[:, : side * side].view(3, side, side) for own in self.memory]
            yield 2 * side**3, partial(_multiply, matrices[0])
            if self.threads > 1:
                yield self.threads * 2 * side**3, partial(workers().map, _multiply, matrices)


def _multiply(matrices: Tensor) -> None:
    left, right, product = matrices
    torch.mm(left, right, out=product)


def _forward(step: TrainStep, images: Tensor, truth: Tensor) -> None:
    """The forward pass as a step makes it: weights cast once, the batch in parts, its results kept."""
    parts = MicroBatches.of_batch(step.net, step.loss, step.part_size, images, truth, None)
    if step.run is step.net:  # compiled, it casts its weights itself
        step.net.cast_weights(step.trainable)
    try:
        parts.map(lambda inputs, *_: step.run(inputs, training=True))
    finally:
        step.net.drop_cast_weights()


def _seconds(device: torch.device, piece: Callable[[], object]) -> float:
    """Of one call, the mean of as many as it takes to be measured."""
    calls, spent, began = 0, 0.0, time.perf_counter()
    while not calls or spent < SHORTEST_SECONDS:
        piece()
        _wait_for(device)
        calls, spent = calls + 1, time.perf_counter() - began
    return spent / calls


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _rows(rounds: Sequence[_Round], batch_size: int, precision: str, flops: Flops) -> Iterator[Row]:
    """A row for each piece, in the order of the table."""

    def over(value: Callable[[_Round], float]) -> Figure:
        return Figure.of([value(one) for one in rounds])

    def products(name: str) -> Row:
        return Row(f"{name} products", "GFLOP/s", over(lambda one: one.products[name]))

    def arithmetic(piece: str, count: int, seconds: Callable[[_Round], float]) -> Row:
        def rate(one: _Round) -> float:
            return count * batch_size / seconds(one) / 1e9

        share = over(lambda one: rate(one) / one.products[precision])
        return Row(piece, "GFLOP/s", over(rate), share, "ceiling")

    def beside(piece: str, seconds: Callable[[_Round], float]) -> Row:
        share = over(lambda one: seconds(one) / one.step)
        return Row(piece, "ms", over(lambda one: 1e3 * seconds(one)), share, "step")

    def pictures(piece: str, count: int, seconds: Callable[[_Round], float]) -> Row:
        return Row(piece, "pictures/s", over(lambda one: count / seconds(one)))

    yield from map(products, reversed(rounds[0].products))  # float32 first
    yield Row("memory copy", "GB/s", over(lambda one: 2 * COPIED_BYTES / one.copy / 1e9))  # read and written
    yield arithmetic("forward", flops.forward, lambda one: one.forward)
    yield arithmetic("training step", flops.step, lambda one: one.step)
    yield Row("time of a step", "ms", over(lambda one: 1e3 * one.step))
    yield beside("augmentation", lambda one: one.augmentation)
    yield beside("optimizer update", lambda one: one.update)
    yield pictures("decoding JPEG", DECODED_AT_ONCE, lambda one: one.jpeg)
    yield pictures("decoding PNG", DECODED_AT_ONCE, lambda one: one.png)
    yield pictures("prediction", PREDICTED_AT_ONCE, lambda one: one.prediction)


def _made_pictures(count: int) -> ImageStore:
    """Noise with labels: what is on a picture costs no time."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, *RECIPE_SHAPE), np.uint8)
    return ImageStore(images, random.integers(0, RECIPE_CLASSES, count), tuple(map(str, range(count))))


def _encoded(kind: str) -> bytes:
    """A file with a picture that compresses like a photo: waves, and a little noise on them."""
    from PIL import Image

    across = np.arange(DECODED_SIDE) / DECODED_SIDE * 2 * np.pi
    colors = np.arange(3)
    waves = 60 * np.sin(2 * across[:, None, None] + colors) + 60 * np.cos(3 * across[:, None] + colors)
    noise = np.random.default_rng(0).normal(0, 5, (DECODED_SIDE, DECODED_SIDE, 3))
    pixels = np.clip(127 + waves + noise, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **({"quality": 90} if kind == "JPEG" else {}))
    return file.getvalue()
