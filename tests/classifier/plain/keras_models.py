"""Small Keras models trained in a second, each on pictures prepared in one of the ways that people prepare them."""

import colorsys
from pathlib import Path

import numpy as np
from PIL import Image

from tellapart.keras_backend import import_keras

keras = import_keras()
layers = keras.layers

SIDE = 16

PREPARED = {
    "0-255": lambda x: x,
    "0-1": lambda x: x / 255,
    "-1-1": lambda x: x / 127.5 - 1,
    "imagenet": lambda x: keras.applications.imagenet_utils.preprocess_input(x.copy(), mode="torch"),
    "caffe": lambda x: keras.applications.imagenet_utils.preprocess_input(x.copy(), mode="caffe"),
}
"""Name of a scaling -> what a script does to pixels 0 to 255, in Keras's own words where it has them."""


def draw_photos(root: Path, names, count=8, size=(12, 30)):
    """A folder of pictures for each name, each class of its own hue, of sizes and proportions of their own."""
    random = np.random.default_rng(0)
    for number, name in enumerate(names):
        (root / name).mkdir(parents=True)
        color = 255 * np.array(colorsys.hsv_to_rgb(number / len(names), 0.8, 0.6))
        for index in range(count):
            height, width = random.integers(*size, 2)
            noise = random.normal(color, 20, (height, width, 3))
            Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8)).save(root / name / f"{index}.png")
    return root


def keras_pixels(root: Path, side=SIDE, interpolation="bilinear"):
    """What Keras's loaders make of a folder: pixels (N, side, side, 3) float32 0 to 255, and labels by sorted names."""
    images, labels = [], []
    for label, folder in enumerate(sorted(root.iterdir())):
        for path in sorted(folder.iterdir()):
            if interpolation == "nearest":
                image = np.asarray(keras.utils.load_img(path, target_size=(side, side)), np.float32)
            else:
                whole = np.asarray(keras.utils.load_img(path), np.float32)
                image = keras.ops.convert_to_numpy(keras.ops.image.resize(whole, (side, side)))
            images.append(image)
            labels.append(label)
    return np.stack(images), np.array(labels)


def trained_on(x, y, *, first=(), last="softmax", outputs=None, normalized=True):
    """A network that learned these pixels by heart, or nearly: (N, H, W, C) -> classes."""
    keras.utils.set_random_seed(0)
    outputs = int(y.max()) + 1 if outputs is None else outputs
    stack = [
        layers.Conv2D(12, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
        *([layers.BatchNormalization(momentum=0.5)] if normalized else []),
        layers.Dense(outputs, activation=last),
    ]
    model = keras.Sequential([keras.Input(x.shape[1:]), *first, *stack])
    if outputs == 1:
        loss = keras.losses.BinaryCrossentropy(from_logits=last is None)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=last is None)
    model.compile(keras.optimizers.Adam(0.03), loss, metrics=["accuracy"])
    model.fit(x, y, epochs=25, batch_size=16, verbose=0)
    return model


def share_right(model, x, y):
    """Keras's own accuracy."""
    return model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"]
