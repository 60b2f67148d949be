"""Training: recordings of the small network at three learning rates, for pages without tellapart behind them."""

from typing import Any

from tellapart.data.open import open_dataset
from tellapart.data.sampler import BatchSampler
from tellapart.guide.small_training import (
    BATCH_SIZE,
    EPOCHS,
    FILTERS,
    RATE,
    RATES,
    SEED,
    SIDE,
    network,
    shown_digit,
    training,
)

CLOSE, APART = 30, 6
"""Frames kept: each of the first, then every sixth."""


def facts() -> dict[str, Any]:
    """Compute what the lesson shows."""
    return {**quick_facts(), "recordings": {str(rate): recording(rate) for rate in RATES}}


def quick_facts() -> dict[str, Any]:
    """Compute all but the recordings."""
    pixels, label = shown_digit()
    return {
        "digit": pixels,
        "label": label,
        "filters": FILTERS,
        "side": SIDE,
        "epochs": EPOCHS,
        "batch_size": BATCH_SIZE,
        "rate": RATE,
        "rates": list(RATES),
        "seed": SEED,
        "parameters": network(RATE).count_params(),
        **counts(),
    }


def counts() -> dict[str, int]:
    """Digits to learn from, digits to be tested on, and the batches of one pass."""
    source = open_dataset("digits")
    train, test = len(source.splits["train"]), len(source.splits["test"])
    return {
        "train": train,
        "test": test,
        "steps": BatchSampler(n=train, batch_size=BATCH_SIZE, seed=SEED).steps_per_epoch,
    }


def recording(rate: float) -> list[dict[str, Any]]:
    """Return some frames of a complete training."""
    return [frame.to_dict() for frame in training(rate) if frame.step <= CLOSE or frame.step % APART == 0]
