"""Few digits: a small network that is shown a hundred pictures, over and over, and judged on others.

Three lessons look at these trainings: dropout at their curves, softmax at how sure the networks are,
loss at one of their weights. Of scikit-learn's 1,797 digits each seed draws which are learned from,
which choose the epoch, and which judge; the judges are never looked at for a choice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.keras_backend import import_keras

LEARNED, HELD_OUT = 100, 300
"""Pictures that are learned from, and pictures that choose an epoch or a temperature; all others judge."""

MORE = 400
"""Pictures to learn from where there are more."""

RARE, RARE_PICTURES = 8, 2
"""A digit, and how often it is among the pictures to learn from where it is rare."""

EPOCHS, BATCH, WIDTH, RATE = 200, 20, 64, 1e-3
"""Passes, pictures a batch, neurons of each hidden layer, and RMSprop's learning rate."""

SPLITS = ("learned", "held_out", "judging")


@dataclass(frozen=True, slots=True)
class Pictures:
    """Some digits."""

    images: NDArray[np.float32]
    """(N, 8, 8, 1), 0 to 255."""

    labels: NDArray[np.int64]
    """(N,)."""


@dataclass(slots=True)
class Training:
    """What came of one training."""

    model: Any
    splits: dict[str, Pictures]
    probabilities: list[dict[str, NDArray[np.float32]]] = field(default_factory=list)
    """After each epoch, with nothing dropped: split -> (N, 10)."""

    def look(self) -> None:
        """Keep what the network answers now."""
        import torch

        everything = np.concatenate([one.images for one in self.splits.values()])
        ends = np.cumsum([len(one.labels) for one in self.splits.values()])[:-1]
        with torch.no_grad():
            answers = np.split(self.model(everything, training=False).cpu().numpy(), ends)
        self.probabilities.append(dict(zip(self.splits, answers, strict=True)))

    @property
    def epochs(self) -> int:
        """How many there were."""
        return len(self.probabilities)

    def accuracy(self, split: str) -> NDArray[np.float64]:
        """Share right after each epoch. (epochs,)."""
        labels = self.splits[split].labels
        return np.array([(found[split].argmax(1) == labels).mean() for found in self.probabilities])

    def loss(self, split: str) -> NDArray[np.float64]:
        """Mean cross-entropy after each epoch, by the loss that tellapart trains with. (epochs,)."""
        return np.array([self.losses(split, epoch).mean() for epoch in range(self.epochs)])

    def losses(self, split: str, epoch: int) -> NDArray[np.float64]:
        """Each picture's cross-entropy after an epoch, counted from 0. (N,)."""
        return losses_of(self.probabilities[epoch][split], self.splits[split].labels)


def losses_of(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each picture's cross-entropy, by the loss that tellapart trains with.

    Args:
        probabilities: (N, K).
        labels: (N,).

    Returns:
        (N,).
    """
    import torch

    from tellapart.training.loss import sparse_categorical_crossentropy

    found = sparse_categorical_crossentropy(torch.from_numpy(labels), torch.from_numpy(probabilities))
    return found.double().numpy()


def split_digits(seed: int, learned: int = LEARNED, rare: bool = False) -> dict[str, Pictures]:
    """Scikit-learn's digits, divided by a seed.

    Args:
        seed: of the order.
        learned: pictures to learn from. The judges are the same, however many these are.
        rare: whether they hold only `RARE_PICTURES` of the digit `RARE`, and others in place of the rest.

    Returns:
        "learned", "held_out" and "judging" (1,797 less `MORE` less `HELD_OUT` pictures).
    """
    from sklearn.datasets import load_digits

    told = load_digits()
    images = (told.images[..., None] * (255 / 16)).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(images))
    pool = order[:MORE]
    if rare:
        is_rare = told.target[pool] == RARE
        pool = np.concatenate([pool[is_rare][:RARE_PICTURES], pool[~is_rare]])
    cuts = {
        "learned": pool[:learned],
        "held_out": order[MORE : MORE + HELD_OUT],
        "judging": order[MORE + HELD_OUT :],
    }
    return {name: Pictures(images[rows], told.target[rows].astype(np.int64)) for name, rows in cuts.items()}


def network(seed: int, dropped: float = 0.0, width: int = WIDTH) -> Any:
    """Two hidden layers, each with Dropout behind it. (B, 8, 8, 1) pixels -> (B, 10) probabilities."""
    keras = import_keras()
    layers = keras.layers
    keras.utils.set_random_seed(seed)
    hidden = [layers.Dense(width, activation="relu"), layers.Dense(width, activation="relu")]
    behind = [[layers.Dropout(dropped)] if dropped else [] for _ in hidden]
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            *[one for pair in zip(hidden, behind, strict=True) for one in (pair[0], *pair[1])],
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
    learned: int = LEARNED,
    shifted: bool = False,
    rare: bool = False,
    epochs: int = EPOCHS,
) -> Training:
    """Train the network by `tellapart.fit`, and keep what it answers after each epoch.

    Args:
        seed: of the pictures' order, of the first weights and of all chance in training.
        dropped: the rate of both Dropout layers; 0 leaves them out.
        learned: pictures to learn from.
        shifted: whether each picture is shifted by up to a pixel whenever it is drawn.
        rare: whether one digit is rare among the pictures to learn from.
        epochs: passes over the pictures.
    """
    import tellapart

    keras = import_keras()
    splits = split_digits(seed, learned, rare)
    training = Training(network(seed, dropped), splits)
    data: dict[str, Any] = {"x": splits["learned"].images, "y": splits["learned"].labels, "batch_size": BATCH}
    if shifted:
        batches = _shifted_batches(splits["learned"], seed)
        data = {"x": batches, "steps_per_epoch": learned // BATCH, "shuffle": False}
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: training.look())
    tellapart.fit(training.model, **data, epochs=epochs, callbacks=[watch], verbose=0)
    return training


def shifts() -> Any:
    """By up to a pixel to each side, and up and down, with fractions."""
    from tellapart.data.augmentation.settings import Augmentation

    return Augmentation(width_shift_range=1.0, height_shift_range=1.0)


def _shifted_batches(
    pictures: Pictures, seed: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Batches without end, every picture once in each pass, shifted by up to one pixel each way."""
    import torch

    from tellapart.data.augmentation.shift_flip import augment

    generator, random = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    channels_first = torch.from_numpy(pictures.images).permute(0, 3, 1, 2).contiguous()
    while True:
        for rows in random.permutation(len(pictures.labels)).reshape(-1, BATCH):
            moved = augment(channels_first[torch.from_numpy(rows)], shifts(), generator)
            yield moved.permute(0, 2, 3, 1).numpy(), pictures.labels[rows]
