"""Layers: how long each one of a network takes on this machine."""

import statistics
import time
from collections import defaultdict
from typing import Any

import numpy as np
import torch

from tellapart.lowering import lower

PICTURES = 32
ROUNDS = 5


def layer_milliseconds(model: Any) -> dict[str, float]:
    """Of one picture, forward, in float32, operation by operation: layer -> milliseconds over all its calls.

    The median of a few rounds over a batch. Answering is faster, because it joins operations; the shares tell.

    Args:
        model: a Keras model of one picture (H, W, C).
    """
    net = lower(model, "float32", fused=False)
    shape = (PICTURES, *net.model.input_shape[1:])
    images = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32))
    rounds: dict[str, list[float]] = defaultdict(list)
    with torch.inference_mode():
        net(images)
        for _ in range(ROUNDS):
            for name, seconds in _one_round(net, images).items():
                rounds[name].append(1000 * seconds / PICTURES)
    return {name: statistics.median(values) for name, values in rounds.items()}


def _one_round(net: Any, images: torch.Tensor) -> dict[str, float]:
    spent: dict[str, float] = defaultdict(float)
    last = time.perf_counter()

    def told(prefix: str, call: Any, *_: Any) -> None:
        nonlocal last
        now = time.perf_counter()
        spent[prefix + call.layer.name] += now - last
        last = now

    with net.observed_by(told):
        net(images)
    return spent
