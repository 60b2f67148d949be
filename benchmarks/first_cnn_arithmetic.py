"""Two claims about the arithmetic of the tutorial's network, on the real CIFAR-10.

    python benchmarks/first_cnn_arithmetic.py

1. It is chaotic: under Keras alone, initial weights that differ by 1e-7 end far apart after 50 batches.
2. bfloat16 trains as well as float32: mean training losses of `first-cnn`'s first 1,200 steps, same seed.

Writes a dated page to benchmarks/results/. CIFAR-10 comes from TELLAPART_DATA or a download.
"""

import datetime
from pathlib import Path

import numpy as np
import torch

from tellapart.api.prepare import preprocessing_for
from tellapart.data.open import open_dataset
from tellapart.data.sampler import BatchSampler
from tellapart.data.store import load_split
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.models.first_cnn import first_cnn as network
from tellapart.recipes.build import build_model, build_optimizer
from tellapart.recipes.recipes import first_cnn
from tellapart.runtime.machine import processor_name
from tellapart.training.loader import DataLoader
from tellapart.training.step import TrainStep

RESULTS = Path(__file__).parent / "results"
BATCHES, STEPS, WINDOW, NOISE = 50, 1200, 300, 1e-7


def main() -> None:
    dataset, config = open_dataset("cifar10", download=True), first_cnn()
    store = load_split(dataset.splits["train"], preprocessing_for(dataset, config))
    keras = import_keras()
    lines = [
        "# The arithmetic of first-cnn",
        "",
        f"{processor_name()}, {torch.get_num_threads()} threads, "
        f"keras {keras.__version__}, torch {torch.__version__}, one run, seed {config.seed}. "
        "Command: `python benchmarks/first_cnn_arithmetic.py`.",
        "",
        f"Initial weights {NOISE} apart (relative), Keras's own fit, {BATCHES} batches of {config.batch_size}, "
        "dropout off: |difference| / |weights| of each tensor, kernel and bias in turn: "
        + ", ".join(f"{value:.1e}" for value in differences(keras, config, store))
        + ".",
        "",
        f"Mean training loss in windows of {WINDOW} steps:",
        "",
    ]
    for precision in ("bfloat16", "float32"):
        losses = first_losses(config, store, precision).reshape(-1, WINDOW).mean(1)
        lines.append(f"- {precision}: " + ", ".join(f"{loss:.4f}" for loss in losses))
    path = RESULTS / f"{datetime.date.today()}-first-cnn-arithmetic.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(path.read_text(encoding="utf-8"), path)


def differences(keras, config, store) -> list[float]:
    count = BATCHES * config.batch_size
    x, y = store.images[:count].astype("float32"), keras.utils.to_categorical(store.labels[:count], 10)
    ends = []
    for noise in (0.0, NOISE):
        keras.utils.set_random_seed(config.seed)
        model = network((32, 32, 3), 10)
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        random = np.random.default_rng(1)
        model.set_weights([w * (1 + noise * random.normal(size=w.shape)) for w in model.get_weights()])
        model.compile(build_optimizer(config.optimizer, BATCHES), "categorical_crossentropy")
        model.fit(x, y, batch_size=config.batch_size, shuffle=False, verbose=0)
        ends.append(model.get_weights())
    return [float(np.linalg.norm(p - q) / np.linalg.norm(p)) for p, q in zip(*ends, strict=True)]


def first_losses(config, store, precision: str) -> np.ndarray:
    batches = BatchSampler(n=len(store), batch_size=config.batch_size, seed=config.seed)
    model = build_model(config, (32, 32, 3), 10, batches.steps_per_epoch)
    step = TrainStep(lower(model, precision))
    loader = DataLoader(store, 10, batches, config.augmentation)
    return np.array([float(step(*loader.batch(0, index)).loss) for index in range(STEPS)])


if __name__ == "__main__":
    main()
