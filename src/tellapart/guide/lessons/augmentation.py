"""Augmentation: the cat, some digits, and what shifting and mirroring did to a small network that learned digits."""

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tellapart.guide.lessons._photo import cat
from tellapart.guide.small_training import digits

if TYPE_CHECKING:
    from tellapart.data.augmentation.settings import Augmentation
    from tellapart.data.store import ImageStore

SIDE = 96
"""Of the pictures that are moved, in pixels."""

SEEDS = (0, 1, 2, 3, 4)
EPOCHS, BATCH_SIZE = 20, 32
DISTANCES = tuple(quarter / 4 for quarter in range(9))
"""Pixels by which held-out digits of 8 x 8 are moved."""

WAYS = ("as they are", "shifted", "mirrored")
"""How digits are learned from; a training for each and each seed."""


def facts() -> dict[str, Any]:
    """What the lesson shows."""
    trained = {way: [told(way, seed) for seed in SEEDS] for way in WAYS}
    return {
        **quick_facts(),
        "moved": {way: [one["moved"] for one in trained[way]] for way in WAYS},
        "mirrored": {way: [one["mirrored"] for one in trained[way]] for way in WAYS},
        "mirrored_classes": np.mean([one["mirrored_classes"] for one in trained["as they are"]], 0).tolist(),
    }


def quick_facts() -> dict[str, Any]:
    """Of these, what needs no training."""
    from tellapart.data.augmentation.settings import Augmentation
    from tellapart.data.augmentation.shift_flip import FILL_MODES

    tutorial, (train, test) = Augmentation.tutorial(), digits()
    return {
        "side": SIDE,
        "picture": base64.b64encode(cat(SIDE).tobytes()).decode(),
        "fill_modes": list(FILL_MODES),
        "width_shift_range": tutorial.width_shift_range,
        "height_shift_range": tutorial.height_shift_range,
        "seeds": len(SEEDS),
        "epochs": EPOCHS,
        "pictures": {"train": len(train), "test": len(test)},
        "distances": list(DISTANCES),
        "digits": [test.images[test.labels == digit][0].flatten().tolist() for digit in range(10)],
    }


def plan_of(way: str) -> "Augmentation | None":
    """What may happen to the digits that are learned from."""
    from tellapart.data.augmentation.settings import Augmentation

    tutorial = Augmentation.tutorial()
    return {
        "as they are": None,
        "shifted": Augmentation(
            width_shift_range=tutorial.width_shift_range, height_shift_range=tutorial.height_shift_range
        ),
        "mirrored": Augmentation(horizontal_flip=True),
    }[way]


def told(way: str, seed: int) -> dict[str, Any]:
    """How a network that learned in that way answers about held-out digits.

    Returns:
        "moved": share answered rightly for each of DISTANCES, over four directions; "mirrored": the same of
        mirrored digits; "mirrored_classes": that for each of the ten.
    """
    test, net = digits()[1], learned(way, seed)
    mirrored = answers(net, test.images[:, :, ::-1].astype(np.float32)) == test.labels
    return {
        "moved": [right_when_moved(net, test, distance) for distance in DISTANCES],
        "mirrored": float(mirrored.mean()),
        "mirrored_classes": [float(mirrored[test.labels == digit].mean()) for digit in range(10)],
    }


def learned(way: str, seed: int) -> Any:
    """A network after its training: two convolutions with a pooling each, and a dense layer; the last epoch's."""
    from tellapart.data.sampler import BatchSampler
    from tellapart.keras_backend import import_keras
    from tellapart.lowering import lower
    from tellapart.training.loader import DataLoader
    from tellapart.training.step import TrainStep

    keras = import_keras()

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 3, padding="same", activation="relu"),  # (B, 8, 8, 16)
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"),  # (B, 4, 4, 32)
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "categorical_crossentropy")
    train = digits()[0]
    batches, net = BatchSampler(n=len(train), batch_size=BATCH_SIZE, seed=seed), lower(model, "float32")
    feed, step = DataLoader(train, 10, batches, plan_of(way)), TrainStep(net)
    for epoch in range(EPOCHS):
        for place in range(batches.steps_per_epoch):
            step(*feed.batch(epoch, place))
    return net


def answers(net: Any, images: NDArray[np.float32]) -> NDArray[np.int64]:
    """The likeliest class of each picture (N, 8, 8, 1)."""
    import torch

    with torch.inference_mode():
        return net(torch.from_numpy(np.ascontiguousarray(images)), training=False).numpy().argmax(1)


def right_when_moved(net: Any, test: "ImageStore", distance: float) -> float:
    """The share answered rightly when each digit is moved up, down, left and right by so many pixels."""
    directions = ((distance, 0.0), (-distance, 0.0), (0.0, distance), (0.0, -distance))
    right = [answers(net, moved(test.images, *by)) == test.labels for by in directions]
    return float(np.mean(right))


def moved(
    images: NDArray[np.uint8], dy: float, dx: float, is_mirrored: bool = False, fill_mode: str = "nearest"
) -> NDArray[np.float32]:
    """All pictures moved alike, by tellapart's augmentation.

    Args:
        images: (N, H, W, C).
        dy: rows; a positive one moves the content up.
        dx: columns; a positive one moves it left.
        is_mirrored: whether left and right change places afterward.
        fill_mode: what fills the places that are left empty.

    Returns:
        (N, H, W, C).
    """
    import torch

    from tellapart.data.augmentation.shift_flip import AugmentParams, apply

    still = torch.zeros(len(images))
    moves = AugmentParams(still + dy, still + dx, still.bool() | is_mirrored, still.bool())
    made = apply(torch.tensor(images).permute(0, 3, 1, 2), moves, fill_mode)
    return made.permute(0, 2, 3, 1).numpy()
