"""Layer times: how long each layer of a network takes on this machine."""

import statistics
import time
from collections import defaultdict
from typing import Any

import numpy as np
import torch

from tellapart.lowering import lower

PIXELS = 32 * 96 * 96
"""Of the timed batch, at most: 5 photos of 224 x 224 pixels."""

MOST_IMAGES = 32
ROUNDS = 5


def timed_images(height: int, width: int) -> int:
    """Return how many images of this size, in pixels, are timed in one batch."""
    return max(1, min(MOST_IMAGES, PIXELS // (height * width)))


def layer_milliseconds(model: Any) -> dict[str, float]:
    """Return the milliseconds that each layer takes per image, over all its calls, in a float32 forward pass.

    The median of ROUNDS over a batch. Prediction is faster, because it fuses operations; read the shares.

    Args:
        model: a Keras model with one input (H, W, C).
    """
    net = lower(model, "float32", fused=False)
    height, width, channels = net.model.input_shape[1:]
    shape = (timed_images(height, width), height, width, channels)
    images = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32))
    rounds: dict[str, list[float]] = defaultdict(list)
    with torch.inference_mode():
        net(images)
        for _ in range(ROUNDS):
            for name, seconds in _layer_seconds(net, images).items():
                rounds[name].append(1000 * seconds / len(images))
    return {name: statistics.median(values) for name, values in rounds.items()}


def _layer_seconds(net: Any, images: torch.Tensor) -> dict[str, float]:
    """Return the seconds of each layer in one forward pass."""
    spent: dict[str, float] = defaultdict(float)
    last = time.perf_counter()

    def note(prefix: str, call: Any, *_: Any) -> None:
        nonlocal last
        now = time.perf_counter()
        spent[prefix + call.layer.name] += now - last
        last = now

    with net.observed_by(note):
        net(images)
    return spent
