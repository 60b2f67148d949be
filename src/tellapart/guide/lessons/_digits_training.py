"""Few digits: a small network trained on a hundred images for many epochs, and tested on others.

Three lessons use these trainings: dropout shows their curves, softmax their confidence, loss one of their weights.
Each seed splits scikit-learn's 1,797 digits into training, validation and test images. No choice depends on the test
images.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.keras_backend import import_keras

TRAIN_IMAGES, VALIDATION_IMAGES = 100, 300
"""Training images, and images that choose an epoch or a temperature; all others are test images."""

MORE_IMAGES = 400
"""Training images of the trainings with more."""

RARE, RARE_IMAGES = 8, 2
"""A digit, and its number of training images when it is rare."""

EPOCHS, BATCH, WIDTH, RATE = 200, 20, 64, 1e-3
"""Epochs, images per batch, neurons of each hidden layer, and RMSprop's learning rate."""

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Digits:
    """Images of digits, and their labels."""

    images: NDArray[np.float32]
    """(N, 8, 8, 1), 0 to 255."""

    labels: NDArray[np.int64]
    """(N,)."""


@dataclass(slots=True)
class Training:
    """One trained network, and its predictions after each epoch."""

    model: Any
    splits: dict[str, Digits]
    probabilities: list[dict[str, NDArray[np.float32]]] = field(default_factory=list)
    """After each epoch, without Dropout: split -> (N, 10)."""

    def record(self) -> None:
        """Record the network's predictions."""
        import torch

        images = np.concatenate([split.images for split in self.splits.values()])
        ends = np.cumsum([len(split.labels) for split in self.splits.values()])[:-1]
        with torch.no_grad():
            by_split = np.split(self.model(images, training=False).cpu().numpy(), ends)
        self.probabilities.append(dict(zip(self.splits, by_split, strict=True)))

    @property
    def epochs(self) -> int:
        """Number of epochs trained."""
        return len(self.probabilities)

    def accuracy(self, split: str) -> NDArray[np.float64]:
        """Return the accuracy after each epoch. (epochs,)."""
        labels = self.splits[split].labels
        return np.array([(each[split].argmax(1) == labels).mean() for each in self.probabilities])

    def loss(self, split: str) -> NDArray[np.float64]:
        """Return the mean cross-entropy after each epoch, by tellapart's training loss. (epochs,)."""
        return np.array([self.losses(split, epoch).mean() for epoch in range(self.epochs)])

    def losses(self, split: str, epoch: int) -> NDArray[np.float64]:
        """Return each image's cross-entropy after an epoch, counted from 0. (N,)."""
        return losses_of(self.probabilities[epoch][split], self.splits[split].labels)


def losses_of(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each image's cross-entropy, by tellapart's training loss.

    Args:
        probabilities: (N, K).
        labels: (N,).

    Returns:
        (N,).
    """
    import torch

    from tellapart.training.loss import sparse_categorical_crossentropy

    losses = sparse_categorical_crossentropy(torch.from_numpy(labels), torch.from_numpy(probabilities))
    return losses.double().numpy()


def split_digits(seed: int, train_images: int = TRAIN_IMAGES, rare: bool = False) -> dict[str, Digits]:
    """Split scikit-learn's digits.

    Args:
        seed: of the order.
        train_images: how many. The test images do not depend on it.
        rare: whether only `RARE_IMAGES` of them show the digit `RARE`, with others in place of the rest.

    Returns:
        "train", "validation" and "test" (1,797 less `MORE_IMAGES` less `VALIDATION_IMAGES` images).
    """
    from sklearn.datasets import load_digits

    dataset = load_digits()
    images = (dataset.images[..., None] * (255 / 16)).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(images))
    pool = order[:MORE_IMAGES]
    if rare:
        is_rare = dataset.target[pool] == RARE
        pool = np.concatenate([pool[is_rare][:RARE_IMAGES], pool[~is_rare]])
    cuts = {
        "train": pool[:train_images],
        "validation": order[MORE_IMAGES : MORE_IMAGES + VALIDATION_IMAGES],
        "test": order[MORE_IMAGES + VALIDATION_IMAGES :],
    }
    return {name: Digits(images[rows], dataset.target[rows].astype(np.int64)) for name, rows in cuts.items()}


def network(seed: int, dropped: float = 0.0, width: int = WIDTH) -> Any:
    """Build two hidden layers, each followed by Dropout. (B, 8, 8, 1) pixels -> (B, 10) probabilities."""
    keras = import_keras()
    layers = keras.layers
    keras.utils.set_random_seed(seed)
    hidden = [layers.Dense(width, activation="relu"), layers.Dense(width, activation="relu")]
    dropouts = [[layers.Dropout(dropped)] if dropped else [] for _ in hidden]
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            *[layer for dense, dropout in zip(hidden, dropouts, strict=True) for layer in (dense, *dropout)],
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.RMSprop(RATE), "sparse_categorical_crossentropy")
    return model


@lru_cache(maxsize=4)
def trained(
    seed: int,
    dropped: float = 0.0,
    *,
    train_images: int = TRAIN_IMAGES,
    shifted: bool = False,
    rare: bool = False,
    epochs: int = EPOCHS,
) -> Training:
    """Train the network with `tellapart.fit`, and record its predictions after each epoch.

    Args:
        seed: of the split, the initial weights and the training.
        dropped: the rate of both Dropout layers; 0 omits them.
        train_images: how many.
        shifted: whether each image is shifted by up to a pixel whenever it is drawn.
        rare: whether one digit is rare among the training images.
        epochs: how many.
    """
    import tellapart

    keras = import_keras()
    splits = split_digits(seed, train_images, rare)
    training = Training(network(seed, dropped), splits)
    data: dict[str, Any] = {"x": splits["train"].images, "y": splits["train"].labels, "batch_size": BATCH}
    if shifted:
        batches = _shifted_batches(splits["train"], seed)
        data = {"x": batches, "steps_per_epoch": train_images // BATCH, "shuffle": False}
    recorder = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: training.record())
    tellapart.fit(training.model, **data, epochs=epochs, callbacks=[recorder], verbose=0)
    return training


def shifts() -> Any:
    """Return the augmentation: shifts by up to a pixel in each direction, fractions included."""
    from tellapart.data.augmentation.settings import Augmentation

    return Augmentation(width_shift_range=1.0, height_shift_range=1.0)


def _shifted_batches(digits: Digits, seed: int) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Yield batches forever, every image once per epoch, shifted by up to a pixel in each direction."""
    import torch

    from tellapart.data.augmentation.shift_flip import augment

    generator, random = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    channels_first = torch.from_numpy(digits.images).permute(0, 3, 1, 2).contiguous()
    while True:
        for rows in random.permutation(len(digits.labels)).reshape(-1, BATCH):
            moved = augment(channels_first[torch.from_numpy(rows)], shifts(), generator)
            yield moved.permute(0, 2, 3, 1).numpy(), digits.labels[rows]
