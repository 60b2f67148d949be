"""Gradient descent: five optimizers' settings, slopes that waver, and how slowly the tutorial's rate falls."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS = 200
"""Steps that the page can show."""

STEEP = 20.0
"""The valley bends this much more in y than in x."""

PICTURES, STRAY = 1024, 4.0
"""Simulated pictures of the landscapes, and the standard deviation of their slopes around the mean."""

BATCHES = (32, 1)

MOMENTUM = 0.9
"""The momentum of SGD with momentum."""

RATE, DECAY = 1e-4, 1e-6
"""The tutorial's RMSprop(lr=0.0001, decay=1e-6)."""

TRAINING_PICTURES, BATCH_SIZE, EPOCHS = 50_000, 32, 200
"""CIFAR-10's, and the tutorial's own."""


def facts() -> dict[str, Any]:
    """Compute what the lesson shows."""
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
    """Return the optimizers' settings: Keras's defaults, and the momentum of the recipe that uses Muon."""
    from tellapart.keras_backend import import_keras
    from tellapart.recipes.config import MuonSettings
    from tellapart.recipes.recipes import fast

    keras = import_keras()

    muon = fast().optimizer
    assert isinstance(muon, MuonSettings)
    rmsprop, adam = keras.optimizers.RMSprop(), keras.optimizers.Adam()
    return {
        "momentum": MOMENTUM,
        "rho": rmsprop.rho,
        "epsilon": rmsprop.epsilon,
        "beta_1": adam.beta_1,
        "beta_2": adam.beta_2,
        "adam_epsilon": adam.epsilon,
        "muon_momentum": muon.momentum,
    }


def pulls() -> NDArray[np.float64]:
    """Return what each simulated picture adds to the slope, (PICTURES, 2); their mean is zero."""
    drawn = np.random.default_rng(0).normal(0, STRAY, (PICTURES, 2))
    return drawn - drawn.mean(0)


def noise(batch_size: int) -> NDArray[np.float64]:
    """Return the noise of a batch's slope, (STEPS, 2), to four decimals.

    The batches come in the engine's order.
    """
    from tellapart.data.sampler import BatchSampler

    batches, own = BatchSampler(n=PICTURES, batch_size=batch_size, seed=0), pulls()
    of = batches.steps_per_epoch
    slopes = [own[batches.rows(*divmod(step, of))].mean(0) for step in range(STEPS)]
    return np.round(slopes, 4)


def steps_per_epoch() -> int:
    """Return the number of steps in one of the tutorial's epochs."""
    from tellapart.data.sampler import BatchSampler

    return BatchSampler(n=TRAINING_PICTURES, batch_size=BATCH_SIZE, seed=0).steps_per_epoch


def rate_after(steps: int) -> float:
    """Return the tutorial's learning rate after some steps, by Keras's schedule."""
    from tellapart.keras_backend import import_keras

    schedule = import_keras().optimizers.schedules.InverseTimeDecay(RATE, 1, DECAY)
    return float(schedule(steps))


def angles() -> dict[int, float]:
    """Return the median angle between a batch's gradient and that of all digits, in degrees, of 64 batches by size.

    The network is small and untrained, the digits are scikit-learn's.
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
    """Return a function from rows of the digits to the gradient of a small network's loss on them."""
    import torch
    from sklearn.datasets import load_digits

    from tellapart.keras_backend import import_keras

    keras = import_keras()

    keras.utils.set_random_seed(0)
    layers = [keras.Input((64,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(10)]
    model = keras.Sequential(layers)
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels / 16, dtype=torch.float32)
    targets = torch.tensor(labels)

    def slope(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        loss = torch.nn.functional.cross_entropy(model(images[rows]), targets[rows])
        gradient = torch.autograd.grad(loss, [weight.value for weight in model.trainable_variables])
        return np.concatenate([part.numpy().ravel() for part in gradient])

    return slope


def angle(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the angle between two directions, in degrees."""
    cosine = one @ other / (np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
