"""Pieces: what `bench` times of a training, built once, timed once a round.

The optimizer's own matrix products (Muon) count as time, not as FLOPs.
"""

import io
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

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
from tellapart.lowering import lower
from tellapart.profiling.flops import count_flops
from tellapart.profiling.summary import RECIPE_CLASSES, RECIPE_SHAPE
from tellapart.recipes.build import build_model, build_step
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.optimizer_settings import MuonSettings
from tellapart.runtime.precision import has_fast_bfloat16, resolve
from tellapart.runtime.workers import workers
from tellapart.training.loader import DataLoader
from tellapart.training.microbatches import MicroBatches
from tellapart.training.optim.native import KerasOptimizer
from tellapart.training.step import TrainStep

SHORTEST_SECONDS = 0.01
"""A piece is repeated until this has passed; a shorter time drowns in the resolution of the clock."""

PRODUCT_SIDES = (512, 768, 1024)
"""Sides of the matrices tried: from what one core's cache holds to what several cores share."""

COPIED_BYTES = 64 << 20
"""Copied at a time; more than a core's own caches hold."""

DECODED_SIDE, DECODED_AT_ONCE = 256, 16
"""Pixels of the decoded images' sides, and how many are decoded together."""

PREDICTED_AT_ONCE = 256

TRAINING_IMAGES = 50_000
"""Images of the training whose learning-rate schedule is built; no time depends on it."""

_CLASS_NAMES = tuple(map(str, range(RECIPE_CLASSES)))


@dataclass(frozen=True, slots=True)
class Round:
    """Every piece timed once: seconds of a call, and of matrix products their GFLOP/s."""

    products: dict[str, float]
    """Precision -> GFLOP/s."""

    copy: float
    augmentation: float
    forward: float
    step: float
    update: float
    jpeg: float
    png: float
    prediction: float


class Pieces:
    """What is timed."""

    def __init__(self, config: TrainConfig) -> None:
        """Build a recipe's model, step and loader on made images.

        Args:
            config: complete.
        """
        store = _made_images(2 * config.batch_size)
        steps_per_epoch = -(-TRAINING_IMAGES // config.batch_size)
        if isinstance(config.optimizer, MuonSettings):
            # Most steps of a training come after the whitening layer is frozen: time such a step.
            config = replace(config, optimizer=replace(config.optimizer, whitening_share=0.0))
        model = build_model(config, RECIPE_SHAPE, RECIPE_CLASSES, steps_per_epoch, store.images)
        self.precision = resolve(config.precision)
        net = lower(model, self.precision)
        self.device = net.device
        self.step = build_step(config, net, config.epochs * steps_per_epoch)
        self.flops = count_flops(model, self.step.optimizer.frozen())
        self.step.optimizer = self.update = _TimedUpdate(self.step.optimizer, self.device)
        batches = BatchSampler(n=len(store), batch_size=config.batch_size, seed=config.seed)
        self.loader = DataLoader(
            store,
            RECIPE_CLASSES,
            batches,
            config.augmentation,
            self.device,
            config.mixing,
            config.mixing_strength,
        )
        height, width, channels = RECIPE_SHAPE
        card = ModelCard(_CLASS_NAMES, Preprocessing(height=height, width=width, channels=channels))
        self.classifier = Classifier.of_model(model, card)
        self.predicted = _made_images(PREDICTED_AT_ONCE).images
        precisions = {"float32", self.precision} | ({"bfloat16"} if has_fast_bfloat16() else set())
        self.products = {
            name: _MatrixProducts(getattr(torch, name), self.device) for name in sorted(precisions)
        }
        self.copied = [torch.ones(COPIED_BYTES, dtype=torch.uint8, device=self.device) for _ in range(2)]
        self.decoders = ThreadPoolExecutor(os.cpu_count())  # as many threads as read a folder of images
        self.files = {kind: _encoded(kind) for kind in ("JPEG", "PNG")}

    def measure(self) -> Round:
        """Time every piece once."""
        timed = partial(_seconds, self.device)
        images, targets = self.loader.batch(0, 0)
        self.update.calls.clear()
        return Round(  # evaluated from top to bottom
            products={name: products.rate() for name, products in self.products.items()},
            copy=timed(lambda: self.copied[0].copy_(self.copied[1])),
            augmentation=timed(lambda: self.loader.batch(0, 0)),
            forward=timed(lambda: forward_pass(self.step, images, targets)),
            step=timed(lambda: self.step(images, targets)),
            update=statistics.mean(self.update.calls),
            jpeg=timed(lambda: self._decode("JPEG")),
            png=timed(lambda: self._decode("PNG")),
            prediction=timed(lambda: self.classifier.probabilities(self.predicted)),
        )

    def _decode(self, kind: str) -> list[Pixels]:
        return list(self.decoders.map(decode, [self.files[kind]] * DECODED_AT_ONCE))


class _TimedUpdate(KerasOptimizer):
    """An optimizer whose updates are timed within a step, on the step's gradients."""

    def __init__(self, inner: KerasOptimizer, device: torch.device) -> None:
        super().__init__(inner.optimizer, inner.variables)
        self.inner, self.device = inner, device
        self.calls: list[float] = []
        """Seconds of each update."""

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Scale the loss as the inner optimizer does."""
        return self.inner.scale_loss(loss)

    def frozen(self) -> Sequence[Tensor]:
        """Return the weights that the inner optimizer leaves frozen."""
        return self.inner.frozen()

    def apply(self, gradients: Sequence[Sequence[Tensor]]) -> None:
        """Update every weight once, and note the seconds."""
        _synchronize(self.device)
        began = time.perf_counter()
        self.inner.apply(gradients)
        _synchronize(self.device)
        self.calls.append(time.perf_counter() - began)


class _MatrixProducts:
    """Square matrix products of one precision, as fast as torch computes them here."""

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self.device = device
        self.threads = torch.get_num_threads() if device.type == "cpu" else 1
        side = max(PRODUCT_SIDES)
        shape = self.threads, 3, side * side
        self.memory = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(device, dtype)

    def rate(self) -> float:
        """Return the GFLOP/s of the best size: one product on torch's threads, or one product per thread."""
        return max(flops / _seconds(self.device, multiply) / 1e9 for flops, multiply in self._variants())

    def _variants(self) -> Iterator[tuple[int, Callable[[], object]]]:
        for side in PRODUCT_SIDES:
            matrices = [own[:, : side * side].view(3, side, side) for own in self.memory]
            yield 2 * side**3, partial(_multiply, matrices[0])
            if self.threads > 1:
                yield self.threads * 2 * side**3, partial(workers().map, _multiply, matrices)


def _multiply(matrices: Tensor) -> None:
    left, right, product = matrices
    torch.mm(left, right, out=product)


def forward_pass(step: TrainStep, images: Tensor, targets: Tensor) -> None:
    """Run the forward pass as a step does: weights cast once, in micro-batches, results kept for backward."""
    parts = MicroBatches.of_batch(step.net, step.loss, step.part_size, images, targets, None)
    if step.run is step.net:  # compiled, the net casts its weights itself
        step.net.cast_weights(step.trainable)
    try:
        parts.map(lambda inputs, *_: step.run(inputs, training=True))
    finally:
        step.net.drop_cast_weights()


def _seconds(device: torch.device, piece: Callable[[], object]) -> float:
    """Return the seconds of one call, the mean of as many as SHORTEST_SECONDS takes."""
    calls, spent, began = 0, 0.0, time.perf_counter()
    while not calls or spent < SHORTEST_SECONDS:
        piece()
        _synchronize(device)
        calls, spent = calls + 1, time.perf_counter() - began
    return spent / calls


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _made_images(count: int) -> ImageStore:
    """Return noise with labels: no time depends on what an image shows."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, *RECIPE_SHAPE), np.uint8)
    return ImageStore(images, random.integers(0, RECIPE_CLASSES, count), tuple(map(str, range(count))))


def _encoded(kind: str) -> bytes:
    """Return a file whose image compresses like a photo: waves with a little noise."""
    from PIL import Image

    across = np.arange(DECODED_SIDE) / DECODED_SIDE * 2 * np.pi
    colors = np.arange(3)
    waves = 60 * np.sin(2 * across[:, None, None] + colors) + 60 * np.cos(3 * across[:, None] + colors)
    noise = np.random.default_rng(0).normal(0, 5, (DECODED_SIDE, DECODED_SIDE, 3))
    pixels = np.clip(127 + waves + noise, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **({"quality": 90} if kind == "JPEG" else {}))
    return file.getvalue()
