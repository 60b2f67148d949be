import numpy as np
import pytest
from PIL import Image

import tellapart  # before any test imports Keras: it chooses the backend

COLORS = {"blue": (30, 60, 200), "green": (40, 180, 60), "red": (200, 40, 40)}


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
