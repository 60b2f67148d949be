"""A tuning of seconds: 60 pictures of 16 pixels, a small network, two epochs."""

import json

import numpy as np

SMALL = {"recipe": "quick", "epochs": 2, "validation_share": 0.3, "batch_size": 16}
"""Settings that all trials have."""

SPACE = {"optimizer.warmup_fraction": "none", "augmentation.rotation_range": "none"}


def write_pictures(path, count=60):
    """Two classes of noise, one a little brighter, as an .npz; 30 test pictures."""
    random = np.random.default_rng(0)
    labels = np.arange(count) % 2
    of_test = np.arange(30) % 2
    arrays = {
        "x_train": noise(random, labels), "y_train": labels, "x_test": noise(random, of_test), "y_test": of_test
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return path


def noise(random, labels):
    pixels = random.normal(110 + 25 * labels[:, None, None, None], 40, (len(labels), 16, 16, 3))
    return pixels.clip(0, 255).astype(np.uint8)


def scored_runs(folder):
    """Name of a run folder -> how often it was scored on the test pictures; those that never were are left out."""
    counts = {
        log.parent.name: sum(json.loads(line)["event"] == "Scored" for line in log.read_text().splitlines())
        for log in folder.glob("trials/*/log.jsonl")
    }
    return {name: count for name, count in counts.items() if count}
