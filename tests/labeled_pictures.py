"""Small pictures with several labels each: patches of the colors that they are labeled by."""

import csv

import numpy as np
from PIL import Image

COLORS = {"blue": (30, 60, 200), "green": (40, 180, 60), "red": (200, 40, 40)}

LABELS_SETTINGS = {
    "recipe": "quick",
    "epochs": 10,
    "batch_size": 16,
    "validation_share": 0.25,
    "learning_rate": 3e-3,
    "precision": "float32",  # bfloat16 learns otherwise on each processor
}


def draw_patches(random):
    """A gray picture of 24 x 24 with a patch of each of some colors, and their names."""
    pixels = random.normal(120, 20, (24, 24, 3))
    names = [name for name in COLORS if random.random() < 0.5]
    for name, quarter in zip(names, random.permutation(4), strict=False):
        top, left = (half * 12 + random.integers(0, 4) for half in (quarter // 2, quarter % 2))
        pixels[top : top + 8, left : left + 8] = random.normal(COLORS[name], 20, (8, 8, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8), names


def write_labeled_pictures(root, count):
    """Write pictures and labels.csv, with a column such as blue|red; return the file."""
    random, rows = np.random.default_rng(0), []
    for number in range(count):
        pixels, names = draw_patches(random)
        Image.fromarray(pixels).save(root / f"{number}.png")
        rows.append((f"{number}.png", "|".join(names)))
    with (root / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "labels"), *rows])
    return root / "labels.csv"
