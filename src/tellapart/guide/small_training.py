"""A small network that learns the digits, with a frame after every batch, for the page on live training."""

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tellapart.data.open import open_dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.data.sampler import BatchSampler
from tellapart.data.store import ImageStore, load_split
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.training.loader import DataLoader
from tellapart.training.step import TrainStep

FILTERS, SIDE = 8, 3
BATCH_SIZE = 32
EPOCHS = 10
RATES = (0.002, 0.05, 0.5)
"""Learning rates to choose from: too small for ten epochs, good, and too large."""

RATE = 0.05
SEED = 0

_seeding = threading.Lock()
"""Held while seeding: Keras has one seed per process, and several pages may start at once."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The state of the network after a batch."""

    step: int
    """Batches trained on so far."""

    epoch: float
    """Epochs so far, with fractions."""

    loss: float | None
    """Mean loss of the batch, before its update; None before the first batch, and if it is not finite."""

    accuracy: float
    """Test accuracy."""

    filters: tuple[float, ...]
    """(FILTERS * SIDE * SIDE,) kernels of the first layer, one after another."""

    answer: tuple[float, ...]
    """(10,) predicted probabilities for the shown digit."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, rounded to three or four decimals."""
        return {
            "step": self.step,
            "epoch": round(self.epoch, 3),
            "loss": None if self.loss is None else round(self.loss, 3),
            "accuracy": round(self.accuracy, 4),
            "filters": [round(weight, 3) for weight in self.filters],
            "answer": [round(probability, 3) for probability in self.answer],
        }


def network(rate: float) -> Any:
    """Build and compile the network: two convolutions, each with pooling, and a dense layer; 1,898 parameters.

    Args:
        rate: learning rate of SGD with momentum 0.9.
    """
    keras = import_keras()
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(FILTERS, SIDE, padding="same", activation="relu"),  # (B, 8, 8, 8)
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 3, padding="same", activation="relu"),  # (B, 4, 4, 16)
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), "categorical_crossentropy")
    return model


def digits() -> tuple[ImageStore, ImageStore]:
    """Load scikit-learn's 8 x 8 digits: the training and the test split."""
    splits, preprocessing = open_dataset("digits").splits, Preprocessing(height=8, width=8, channels=1)
    return load_split(splits["train"], preprocessing), load_split(splits["test"], preprocessing)


def training(rate: float = RATE, seed: int = SEED) -> Iterator[Frame]:
    """Train, yielding a frame before the first batch and after each.

    Args:
        rate: the learning rate.
        seed: of the weights and the batches.
    """
    train, test = digits()
    batches = BatchSampler(n=len(train), batch_size=BATCH_SIZE, seed=seed)
    with _seeding:
        import_keras().utils.set_random_seed(seed)
        net = lower(network(rate), "float32")
    loader, step = DataLoader(train, 10, batches, None), TrainStep(net)
    images, labels = torch.from_numpy(test.images), test.labels

    def frame(count: int, loss: float = math.nan) -> Frame:
        with torch.inference_mode():
            probabilities = net(images, training=False).numpy()
        kernel = np.moveaxis(net.model.layers[1].get_weights()[0][..., 0, :], -1, 0)  # (FILTERS, SIDE, SIDE)
        return Frame(
            count,
            count / batches.steps_per_epoch,
            loss if math.isfinite(loss) else None,
            float((probabilities.argmax(1) == labels).mean()),
            tuple(np.nan_to_num(kernel).flatten().tolist()),
            tuple(np.nan_to_num(probabilities[0]).tolist()),
        )

    yield frame(0)
    for epoch in range(EPOCHS):
        for place in range(batches.steps_per_epoch):
            loss = float(step(*loader.batch(epoch, place)).loss)
            yield frame(epoch * batches.steps_per_epoch + place + 1, loss)


def shown_digit() -> tuple[list[int], int]:
    """Return the test digit that every frame predicts: its 64 pixels 0-255, row by row, and its class."""
    test = digits()[1]
    return test.images[0].flatten().tolist(), int(test.labels[0])
