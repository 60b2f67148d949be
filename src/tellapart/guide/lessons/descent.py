"""Gradient descent: five optimizers' settings, slopes that waver, and how slowly the tutorial's rate falls."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS = 200
"""That the page can show."""

STEEP = 20.0
"""The valley bends this much more in y than in x."""

PICTURES, STRAY = 1024, 4.0
"""Pretended pictures of the landscapes, and how far one's slope lies from the mean's: its standard deviation."""

BATCHES = (32, 1)

MOMENTUM = 0.9
"""Of the one that is called so."""

RATE, DECAY = 1e-4, 1e-6
"""The tutorial's RMSprop(lr=0.0001, decay=1e-6)."""

TRAINING_PICTURES, BATCH_SIZE, EPOCHS = 50_000, 32, 200
"""CIFAR-10's, and the tutorial's own."""


def facts() -> dict[str, Any]:
    """What the lesson shows."""
    steps = steps_per_epoch()
    return {
        "steep": STEEP,
        "steps": STEPS,
        "settings": settings(),
        "noise": {str(size): noise(size).tolist() for size in BATCHES},
        "steps_per_epoch": steps,
        "all_steps": EPOCHS * steps,
        "rates": [rate_after(epoch * steps) for epoch in range(EPOCHS + 1)],
        "angles": {str(size): angle for size, angle in angles().items()},
    }


def settings() -> dict[str, float]:
    """What each optimizer takes for granted: Keras's own values, and those of the recipe that learns by Muon."""
    from tellapart.keras_backend import import_keras
    from tellapart.recipes.recipes import fast

    keras = import_keras()

    rmsprop, adam = keras.optimizers.RMSprop(), keras.optimizers.Adam()
    return {
        "momentum": MOMENTUM,
        "rho": rmsprop.rho,
        "epsilon": rmsprop.epsilon,
        "beta_1": adam.beta_1,
        "beta_2": adam.beta_2,
        "adam_epsilon": adam.epsilon,
        "muon_momentum": fast().optimizer.momentum,
    }


def pulls() -> NDArray[np.float64]:
    """What each pretended picture adds to the slope, (PICTURES, 2); the mean of all is zero."""
    drawn = np.random.default_rng(0).normal(0, STRAY, (PICTURES, 2))
    return drawn - drawn.mean(0)


def noise(batch_size: int) -> NDArray[np.float64]:
    """What a batch's slope has more than that of all pictures, (STEPS, 2), to four decimals.

    The batches come in the engine's own order.
    """
    from tellapart.data.sampler import BatchSampler

    batches, own = BatchSampler(n=PICTURES, batch_size=batch_size, seed=0), pulls()
    of = batches.steps_per_epoch
    found = [own[batches.rows(*divmod(step, of))].mean(0) for step in range(STEPS)]
    return np.round(found, 4)


def steps_per_epoch() -> int:
    """Of CIFAR-10's training pictures, in the tutorial's batches."""
    from tellapart.data.sampler import BatchSampler

    return BatchSampler(n=TRAINING_PICTURES, batch_size=BATCH_SIZE, seed=0).steps_per_epoch


def rate_after(steps: int) -> float:
    """The tutorial's learning rate, as Keras counts it down."""
    from tellapart.keras_backend import import_keras

    schedule = import_keras().optimizers.schedules.InverseTimeDecay(RATE, 1, DECAY)
    return float(schedule(steps))


def angles() -> dict[int, float]:
    """How far a batch's slope points away from that of all digits, in degrees: the median of 64 batches by size.

    A small network that has learned nothing yet, on scikit-learn's digits.
    """
    slope = slope_of_digits()
    whole, random = slope(np.arange(1797)), np.random.default_rng(0)
    return {
        size: float(
            np.median([angle(slope(random.choice(1797, size, replace=False)), whole) for _ in range(64)])
        )
        for size in (1, 32, 512)
    }


def slope_of_digits() -> Callable[[NDArray[np.int64]], NDArray[np.float32]]:
    """The slope of a small network's loss on some of the digits, by their rows: one number for each weight."""
    import torch
    from sklearn.datasets import load_digits

    from tellapart.keras_backend import import_keras

    keras = import_keras()

    keras.utils.set_random_seed(0)
    layers = [keras.Input((64,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(10)]
    model = keras.Sequential(layers)
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels / 16, dtype=torch.float32)
    truth = torch.tensor(labels)

    def slope(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        loss = torch.nn.functional.cross_entropy(model(images[rows]), truth[rows])
        found = torch.autograd.grad(loss, [weight.value for weight in model.trainable_variables])
        return np.concatenate([part.numpy().ravel() for part in found])

    return slope


def angle(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Between two directions, in degrees."""
    cosine = one @ other / (np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
