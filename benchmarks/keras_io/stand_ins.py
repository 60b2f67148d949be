"""What the examples of keras.io download, replaced by a few pictures of the same shapes and dtypes.

CIFAR-10, MNIST, and the cats and dogs come from the folder $TELLAPART_DATA where it has them; everything else is
generated. Pretrained weights are replaced by random ones. Modules that only show pictures or videos, and are
not installed, become objects that do nothing.

Knows nothing of tellapart.
"""

import gzip
import importlib.util
import inspect
import os
import sys
import types
from pathlib import Path
from unittest.mock import MagicMock

import file_trees
import keras
import numpy as np
from PIL import Image

TRAIN, TEST = 2048, 512
"""Pictures of CIFAR. MNIST is as long as it is, since examples count on its length."""

SHOWS_ONLY = ("imageio", "ipywidgets", "tensorflow_docs", "cv2", "imutils", "wandb")
"""Packages that examples use to show results or to read files that a stand-in replaces."""

random = np.random.default_rng(0)


def install(text):
    """Replace what the example `text` would download."""
    keras.datasets.mnist.load_data = lambda *_, **__: grey_digits()
    keras.datasets.fashion_mnist.load_data = lambda *_, **__: grey_digits()
    keras.datasets.cifar10.load_data = lambda *_, **__: colored(10)
    keras.datasets.cifar100.load_data = lambda *_, **__: colored(100)
    keras.utils.get_file = file_trees.get_file
    for module in vars(keras.applications).values():
        if isinstance(module, types.ModuleType):
            without_pretrained_weights(module)
    without_pretrained_weights(keras.applications)
    keras.Model.load_weights = lambda *_, **__: None
    for name in SHOWS_ONLY:
        if importlib.util.find_spec(name) is None:
            for part in (name, f"{name}.vis", f"{name}.v2"):
                sys.modules[part] = MagicMock(name=part)
            sys.modules[name].VideoCapture, sys.modules[name].resize = Video, resized
    keras.utils.plot_model = keras.utils.model_to_dot = lambda *_, **__: None
    if "pandas" in text:
        importlib.import_module(
            "pandas"
        ).options.future.infer_string = False  # as when the examples were written
    if 'projection="3d"' in text:
        importlib.import_module("mpl_toolkits.mplot3d").Axes3D.plot = lambda *_, **__: []
    if "nibabel" in text:
        sys.modules["nibabel"] = MagicMock(load=lambda _: MagicMock(get_fdata=scan))
    if "tensorflow_datasets" in text or "keras_cv" in text:  # which imports it too
        sys.modules["tensorflow_datasets"] = tensorflow_datasets()
    if "tensorflow_addons" in text:
        sys.modules["tensorflow_addons"] = tensorflow_addons()
    file_trees.plant(text)


def without_pretrained_weights(module):
    """Let every network of `keras.applications` begin with random weights, and name no classes."""
    for name, value in list(vars(module).items()):
        if inspect.isfunction(value) and "weights" in inspect.signature(value).parameters:
            setattr(module, name, random_weights(value))
        elif name == "decode_predictions":
            setattr(module, name, unnamed)


def unnamed(predictions, top=5):
    """Stand in for `decode_predictions`, which downloads ImageNet's names."""
    return [[("n00000000", "thing", 0.5)] * top for _ in predictions]


def random_weights(function):
    def build(*args, **kwargs):
        given = inspect.signature(function).bind(*args, **kwargs)
        if given.arguments.get("weights", "imagenet") == "imagenet":
            given.arguments["weights"] = None
        return function(*given.args, **given.kwargs)

    return build


def grey_digits():
    """Return MNIST's beginning, or noise of its shape."""
    folder = Path(os.environ.get("TELLAPART_DATA", "")) / "mnist"
    parts = []
    for prefix, count in (("train", 60_000), ("t10k", 10_000)):
        files = [folder / f"{prefix}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")]
        if all(file.exists() for file in files):
            images = np.frombuffer(gzip.decompress(files[0].read_bytes()), np.uint8)[16:]
            labels = np.frombuffer(gzip.decompress(files[1].read_bytes()), np.uint8)[8:]
            parts.append((images.reshape(count, 28, 28), labels))
        else:
            parts.append((noise(count, 28, 28), random.integers(0, 10, count).astype(np.uint8)))
    return tuple(parts)


def colored(classes):
    """Return CIFAR-10's beginning, or noise of its shape; with 100 classes the labels are drawn."""
    folder = Path(os.environ.get("TELLAPART_DATA", "")) / "cifar-10-batches-bin"
    parts = []
    for name, count in (("data_batch_1.bin", TRAIN), ("test_batch.bin", TEST)):
        if (folder / name).exists():
            with (folder / name).open("rb") as file:
                rows = np.frombuffer(file.read(count * 3073), np.uint8).reshape(count, 3073)
            images, labels = rows[:, 1:].reshape(count, 3, 32, 32).transpose(0, 2, 3, 1), rows[:, :1]
        else:
            images, labels = noise(count, 32, 32, 3), random.integers(0, 10, (count, 1))
        drawn = labels if classes == 10 else random.integers(0, classes, (count, 1))
        parts.append((np.ascontiguousarray(images), drawn.astype(np.uint8)))
    return tuple(parts)


class Video:
    """Two frames of noise, as OpenCV reads a file."""

    def __init__(self, _path):
        self.frames = [noise(240, 320, 3) for _ in range(2)]

    def read(self):
        return (True, self.frames.pop()) if self.frames else (False, None)

    def release(self):
        pass


def resized(image, size, **_):
    return np.asarray(Image.fromarray(image).resize(size))


def scan():
    return random.integers(-1024, 2000, (128, 128, 64)).astype("float64")


def noise(*shape):
    return random.integers(0, 256, shape, dtype=np.uint8)


TFDS = {
    "stanford_dogs": ((250, 230, 3), 120, 96),
    "tf_flowers": ((240, 320, 3), 5, 512),
    "cats_vs_dogs": ((240, 320, 3), 2, 160),
    "oxford_iiit_pet": ((240, 320, 3), 37, 96),
    "svhn_cropped": ((32, 32, 3), 10, 512),
    "cifar10_corrupted/saturate_5": ((32, 32, 3), 10, 512),
    "horses_or_humans": ((300, 300, 3), 2, 256),
    "stl10": ((96, 96, 3), 10, 2048),
    "omniglot": ((105, 105, 3), 40, 1600),
}
"""Name -> shape of a picture, classes, pictures of each split."""


def tensorflow_datasets():
    """Return a module that stands in for TensorFlow Datasets."""
    module = MagicMock(name="tensorflow_datasets")
    module.load = load_tfds
    module.Split.TRAIN, module.Split.TEST = "train", "test"
    return module


def load_tfds(name, split=None, as_supervised=False, with_info=False, batch_size=None, **_):
    import tensorflow as tf

    if name not in TFDS:
        raise LookupError(f"No stand-in for the data set {name!r}.")
    shape, classes, count = TFDS[name]

    def one():
        labels = np.arange(count) % classes if name == "omniglot" else random.integers(0, classes, count)
        base = noise(min(count, 64), *shape)
        images = tf.data.Dataset.from_tensor_slices((np.arange(count), labels.astype("int64")))
        held = tf.constant(base)

        def example(index, label):
            image = tf.ensure_shape(held[index % len(base)], shape)
            if as_supervised:
                return image, label
            mask = tf.cast(1 + image[..., :1] % 3, tf.uint8)
            return {"image": image, "label": label, "segmentation_mask": mask}

        dataset = images.map(example)
        return dataset.batch(batch_size) if batch_size else dataset

    result = [one() for _ in split] if isinstance(split, list | tuple) else one()
    if not with_info:
        return result
    info = MagicMock()
    info.features = {"image": MagicMock(shape=shape), "label": MagicMock(num_classes=classes)}
    info.splits = {key: MagicMock(num_examples=count) for key in ("train", "test")}
    return result, info


def tensorflow_addons():
    """Return what examples of 2021 use of the package that Keras's own optimizers have replaced."""
    module = MagicMock(name="tensorflow_addons")
    module.optimizers.AdamW = keras.optimizers.AdamW
    return module
