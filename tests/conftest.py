import numpy as np
import pytest
from labeled_pictures import COLORS, LABELS_SETTINGS, write_labeled_pictures
from PIL import Image

import tellapart  # before any test imports Keras: it chooses the backend


def save_noisy_picture(path, color, random, size=None):
    """A picture of roughly one color, of a size of its own."""
    height, width = size or random.integers(20, 60, 2)
    pixels = np.clip(random.normal(color, 40, (height, width, 3)), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="session")
def color_photos(tmp_path_factory):
    """A folder of small pictures in three classes, divided into train and test, sizes mixed."""
    root = tmp_path_factory.mktemp("colors")
    random = np.random.default_rng(0)
    for split, count in {"train": 12, "test": 5}.items():
        for name, color in COLORS.items():
            for number in range(count):
                save_noisy_picture(root / split / name / f"{number}.png", color, random)
    return root


@pytest.fixture(scope="session")
def trained(color_photos, tmp_path_factory):
    """A classifier trained on `color_photos` in a few seconds."""

    out = tmp_path_factory.mktemp("runs") / "colors"
    return tellapart.train(
        str(color_photos),
        recipe="quick",
        out=out,
        epochs=3,
        size=(16, 16),
        batch_size=8,
        validation_share=0.2,
    )


@pytest.fixture(scope="session")
def labels_file(tmp_path_factory):
    """A file of labels such as blue|red, and 160 pictures with none to three of three labels beside it."""
    return write_labeled_pictures(tmp_path_factory.mktemp("patches"), 160)


@pytest.fixture(scope="session")
def labeled(labels_file, tmp_path_factory):
    """A training on the labels of `labels_file`, in a few seconds."""
    out = tmp_path_factory.mktemp("runs") / "labels"
    return tellapart.train(labels_file, multi_label=True, out=out, **LABELS_SETTINGS)
