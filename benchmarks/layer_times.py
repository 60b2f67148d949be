"""What does a layer cost in training: ours against Keras's own, on the same weights and inputs?

    python benchmarks/layer_times.py [--rounds 7] [--layers NAME ...]

Each layer stands alone in a model; timed are the forward pass in training mode and the gradients of its input and
weights, in float32, on one thread, in seconds of the processor, which a busy machine changes little. The rounds go
through ours and Keras's in turn; reported are medians and the median of the rounds' ratios. A layer that runs as itself
should cost what Keras's costs: the table shows whether it does, and what lowering gains elsewhere.

Writes a dated page and all rounds to benchmarks/results/.
"""

import argparse
import datetime
import shlex
import statistics
import sys
import time
from pathlib import Path

import tellapart  # noqa: F401 (chooses Keras's backend)

import torch  # isort: skip
import keras  # isort: skip
from machine import hardware, origin_lines, table, versions, write_results

from tellapart.lowering import lower

RESULTS = Path(__file__).parent / "results"
layers, ops = keras.layers, keras.ops

IMAGES, PHOTOS = (32, 32, 32, 16), (8, 64, 64, 3)
SEQUENCES, VOLUMES, FRAMES = (16, 64, 32), (4, 8, 24, 24, 8), (4, 4, 16, 16, 8)


def attention_by_name(x):
    return layers.MultiHeadAttention(4, 16)(query=x, value=x)


def split_and_joined(x):
    first, second = ops.split(x, 2, axis=-1)
    return ops.concatenate([ops.relu(second), first], axis=-1)


def windows(x):
    x = ops.reshape(x, (-1, 4, 8, 4, 8, 16))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, 1024, 16))


CASES = {
    "Conv2D": (IMAGES, lambda x: layers.Conv2D(32, 3, padding="same", activation="relu")(x)),
    "Dense, activation=keras.ops.gelu": (SEQUENCES, lambda x: layers.Dense(64, activation=ops.gelu)(x)),
    "MultiHeadAttention by name": (SEQUENCES, attention_by_name),
    "MultiHeadAttention over pixels": ((8, 14, 14, 32), lambda x: layers.MultiHeadAttention(4, 8)(x, x)),
    "Split, Relu, Concatenate": (IMAGES, split_and_joined),
    "Reshape and Transpose to windows": (IMAGES, windows),
    "ExtractPatches": (PHOTOS, lambda x: ops.image.extract_patches(x, 8)),
    "RandomFlip": (PHOTOS, lambda x: layers.RandomFlip()(x)),
    "RandomCrop": (PHOTOS, lambda x: layers.RandomCrop(56, 56)(x)),
    "RandomContrast": (PHOTOS, lambda x: layers.RandomContrast(0.2)(x)),
    "RandomRotation": (PHOTOS, lambda x: layers.RandomRotation(0.1)(x)),
    "RandomZoom": (PHOTOS, lambda x: layers.RandomZoom(0.1)(x)),
    "RandomTranslation": (PHOTOS, lambda x: layers.RandomTranslation(0.1, 0.1)(x)),
    "Conv3D": (VOLUMES, lambda x: layers.Conv3D(16, 3, padding="same", activation="relu")(x)),
    "MaxPooling3D": (VOLUMES, lambda x: layers.MaxPooling3D(2)(x)),
    "GlobalAveragePooling3D": (VOLUMES, lambda x: layers.GlobalAveragePooling3D()(x)),
    "BatchNormalization of volumes": (VOLUMES, lambda x: layers.BatchNormalization()(x)),
    "LSTM": (SEQUENCES, lambda x: layers.LSTM(32)(x)),
    "GRU": (SEQUENCES, lambda x: layers.GRU(32)(x)),
    "Bidirectional LSTM": (SEQUENCES, lambda x: layers.Bidirectional(layers.LSTM(16))(x)),
    "ConvLSTM2D": (FRAMES, lambda x: layers.ConvLSTM2D(8, 3, padding="same")(x)),
    "TimeDistributed Conv2D": (FRAMES, lambda x: layers.TimeDistributed(layers.Conv2D(16, 3))(x)),
    "Attention": (SEQUENCES, lambda x: layers.Attention()([x, x])),
    "SpectralNormalization": (IMAGES, lambda x: layers.SpectralNormalization(layers.Conv2D(16, 3))(x)),
}
"""Name of a row -> the shape of its input, and what is called on it."""


def step_seconds(run, model, images):
    """Return the processor seconds of a forward pass in training mode and all gradients."""
    images = images.clone().requires_grad_()
    begun = time.process_time()
    output = run(images * 1.0, training=True)
    torch.autograd.grad(output.sum(), [images, *(variable.value for variable in model.trainable_variables)])
    return time.process_time() - begun


def measured(name, rounds):
    """Return the seconds of each round, ours and Keras's, and whether the layer runs lowered."""
    shape, call = CASES[name]
    inputs = keras.Input(shape[1:])
    model = keras.Model(inputs, call(inputs))
    net, images = lower(model), torch.rand(shape)
    runs = {"ours": net, "Keras": model}
    seconds = {side: [] for side in runs}
    for run in runs.values():
        step_seconds(run, model, images)
    for number in range(rounds):
        for side in sorted(runs, reverse=bool(number % 2)):
            seconds[side].append(step_seconds(runs[side], model, images))
    return seconds | {"lowered": all(row.lowered for row in net.report())}


def row_of(name, found):
    ratios = [theirs / ours for ours, theirs in zip(found["ours"], found["Keras"], strict=True)]
    ours, theirs = (1000 * statistics.median(found[side]) for side in ("ours", "Keras"))
    path = "fast path" if found["lowered"] else "Keras's own"
    shape = " x ".join(map(str, CASES[name][0]))
    return {
        "layer": name,
        "input": shape,
        "runs as": path,
        "ours, ms": ours,
        "Keras, ms": theirs,
        "Keras / ours": f"{statistics.median(ratios):.2f}x",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--layers", nargs="*", default=list(CASES), choices=list(CASES), metavar="NAME")
    options = parser.parse_args()
    now, machine = datetime.datetime.now(), hardware()
    torch.set_num_threads(1)
    keras.utils.set_random_seed(0)
    found = {name: measured(name, options.rounds) for name in options.layers}
    record = {
        "hardware": machine,
        "versions": versions(),
        "command": shlex.join(["python", *sys.argv]),
        "seconds": found,
    }
    rows = [row_of(name, rounds) for name, rounds in found.items()]
    page = "\n".join(
        [
            "# One step of training of single layers",
            "",
            f"Forward pass and gradients, float32, processor time of one thread, medians of {options.rounds} rounds.",
            "",
            table(rows, list(rows[0])),
            "",
            *origin_lines(record),
        ]
    )
    write_results(RESULTS, "layer_times", now, page, record)


if __name__ == "__main__":
    main()
