"""What the watch over a training says: of illnesses that were planted, and of healthy trainings.

    TELLAPART_DATA=FOLDER python benchmarks/faults/watch.py [--only NAME ...] [--dry]

FOLDER holds cifar-10-batches-bin and mnist. Each case is one `tellapart.train` in a process of its own; 200 recorded
epochs of `first-cnn` in four forms (benchmarks/why_63.py) are replayed through the rules besides. About 20 minutes on
two cores.
"""

import argparse
import dataclasses
import datetime
import json
import multiprocessing
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parents[1] / "results"
RECORDED = Path(__file__).parents[2] / "src/tellapart/guide/facts/why-63.json"
HEALTHY = "healthy"


def color(count, seed=0):
    """Return CIFAR-10 images and labels."""
    path = Path(os.environ["TELLAPART_DATA"]) / "cifar-10-batches-bin" / "data_batch_1.bin"
    rows = np.random.default_rng(seed).permutation(10_000)[:count]
    raw = np.fromfile(path, np.uint8).reshape(-1, 3073)[rows]
    return raw[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy(), raw[:, 0].astype(int)


def handwritten(count):
    """Return MNIST images and labels."""
    import gzip

    folder = Path(os.environ["TELLAPART_DATA"]) / "mnist"
    images, labels = (
        np.frombuffer(gzip.decompress((folder / name).read_bytes()), np.uint8, offset=offset)
        for name, offset in (("train-images-idx3-ubyte.gz", 16), ("train-labels-idx1-ubyte.gz", 8))
    )
    return images.reshape(-1, 28, 28, 1)[:count].copy(), labels[:count].astype(int)


def digits():
    """Return scikit-learn's digits, enlarged."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.kron(bunch.images * 15, np.ones((3, 3))).astype(np.uint8)[..., None], bunch.target


def of_classes(data, *classes):
    """Return the images of some classes, with labels from 0."""
    images, labels = data
    rows = np.isin(labels, classes)
    return images[rows], np.searchsorted(classes, labels[rows])


def shuffled(data):
    """Return images with labels of other images."""
    return data[0], np.random.default_rng(1).permutation(data[1])


def copied(data):
    """Return images each of which occurs twice."""
    return np.concatenate([data[0], data[0]]), np.concatenate([data[1], data[1]])


def rare(data, share):
    """Return two classes, one of them rare."""
    images, labels = of_classes(data, 0, 1)
    rows = (labels == 0) | (np.random.default_rng(0).random(len(labels)) < share)
    return images[rows], labels[rows]


def recipe(name, images, rate=1.0, **changes):
    """Return a recipe's configuration for so many images, its learning rates multiplied."""
    from tellapart.recipes.adapt import adapted_to, at_lower_rates
    from tellapart.recipes.recipes import RECIPES

    config = adapted_to(RECIPES[name](), images).changed(predictions=0)
    if name == "first-cnn":
        config = dataclasses.replace(config, validation="held out", epochs=12)
    if name == "quick":
        config = config.changed(epochs=10)
    config = config if rate == 1 else at_lower_rates(config, rate)
    return dataclasses.replace(config, **changes)


def sgd(images):
    """Return the configuration of `quick` with SGD, whose steps shrink with the gradients; Adam's do not."""
    from tellapart.recipes.optimizer_settings import OptimizerSettings

    return recipe(
        "quick", images, optimizer=OptimizerSettings(name="SGD", learning_rate=0.1, schedule="cosine")
    )


def with_network(change):
    """Return a patch under which a training begins with a changed network."""
    import tellapart.api.training_run as training_run

    build = training_run.build_model

    def changed(config, *arguments):
        model = build(config, *arguments)
        replaced = change(model)
        if replaced is None:
            return model
        replaced.compile(
            optimizer=type(model.optimizer).from_config(model.optimizer.get_config()), loss=model.loss
        )
        return replaced

    return mock.patch.object(training_run, "build_model", changed)


def dead_layer(model):
    """Set the biases of the second convolution so low that its ReLU passes nothing."""
    kernel, bias = model.layers[3].get_weights()
    model.layers[3].set_weights([kernel, bias - 100])


def without_rescaling(model):
    """Return the network fed with pixels from 0 to 255, as they come."""
    import keras

    return keras.Sequential([keras.Input(model.input_shape[1:]), *model.layers[1:]])


def of_sigmoids(model):
    """Return a deep network of sigmoids."""
    import keras

    layers = keras.layers
    row = [layers.Dense(64, activation="sigmoid") for _ in range(12)]
    out = layers.Dense(model.output_shape[-1], activation="softmax")
    return keras.Sequential(
        [keras.Input(model.input_shape[1:]), layers.Rescaling(1 / 255), layers.Flatten(), *row, out]
    )


ILL = {
    "quick, rate x 100": ("learning rate too high", lambda: (color(3000), recipe("quick", 3000, 100))),
    "fast, rate x 100": ("learning rate too high", lambda: (color(2000), recipe("fast", 2000, 100))),
    "first-cnn, rate x 100": (
        "learning rate too high",
        lambda: (color(2000), recipe("first-cnn", 2000, 100)),
    ),
    "quick, rate / 1000": ("learning rate too low", lambda: (color(3000), recipe("quick", 3000, 1e-3))),
    "fast, rate / 1000": ("learning rate too low", lambda: (color(1000), recipe("fast", 1000, 1e-3))),
    "quick, shuffled labels": (
        "no better than chance",
        lambda: (shuffled(color(4000)), recipe("quick", 4000)),
    ),
    "fast, shuffled labels": ("no better than chance", lambda: (shuffled(color(2000)), recipe("fast", 2000))),
    "transfer, shuffled labels": (
        "no better than chance",
        lambda: (shuffled(color(600)), recipe("transfer", 600, fine_tune="off")),
    ),
    "dead convolution": ("dead units", lambda: (color(1500), recipe("quick", 1500), dead_layer)),
    "one class of two never answered": (
        "few classes predicted",
        lambda: (rare(color(8000), 0.1), recipe("quick", 870)),
    ),
    "pixels not rescaled": (
        "inputs not normalized",
        lambda: (color(1500), recipe("quick", 1500), without_rescaling),
    ),
    "twelve layers of sigmoids, SGD": ("vanishing updates", lambda: (color(3000), sgd(3000), of_sigmoids)),
    "the same pictures in training and validation": (
        "data leak",
        lambda: (copied(color(600)), recipe("quick", 1200)),
    ),
    "batch normalization over 2 pictures": (
        "batch too small",
        lambda: (color(100), recipe("best", 100, epochs=2, batch_size=2, statistics_over=2)),
    ),
    "no augmentation, 40 epochs": (
        "overfitting",
        lambda: (color(600), recipe("quick", 600, augmentation=None, epochs=60)),
    ),
}

WELL = {
    "quick, 4,000 color": lambda: (color(4000), recipe("quick", 4000)),
    "quick, 4,000 others": lambda: (color(4000, 1), recipe("quick", 4000, seed=1)),
    "quick, 1,000 color": lambda: (color(1000), recipe("quick", 1000, epochs=15)),
    "quick, 60 color": lambda: (color(60), recipe("quick", 60)),
    "quick, 1,000 handwritten": lambda: (handwritten(1000), recipe("quick", 1000)),
    "quick, digits, 30 epochs": lambda: (digits(), recipe("quick", 1500, epochs=30)),
    "quick, batches of 8": lambda: (color(800), recipe("quick", 800, batch_size=8)),
    "quick, cats and dogs of 32 pixels": lambda: (of_classes(color(10_000), 3, 5), recipe("quick", 2000)),
    "quick, zeros and ones": lambda: (of_classes(handwritten(2000), 0, 1), recipe("quick", 400, epochs=20)),
    "quick, threes and few eights": lambda: (
        rare(of_classes(handwritten(4000), 3, 8), 0.1),
        recipe("quick", 400, epochs=15),
    ),
    "quick, 3 epochs": lambda: (color(4000), recipe("quick", 4000, epochs=3)),
    "fast, 3,000 color": lambda: (color(3000), recipe("fast", 3000)),
    "fast, 800 color": lambda: (color(800), recipe("fast", 800)),
    "fast, 100 color": lambda: (color(100), recipe("fast", 100)),
    "fast, 20 color": lambda: (color(20), recipe("fast", 20)),
    "fast, 2,000 handwritten": lambda: (handwritten(2000), recipe("fast", 2000)),
    "fast, digits": lambda: (digits(), recipe("fast", 1500)),
    "fast, 1 epoch": lambda: (color(3000), recipe("fast", 3000, epochs=1)),
    "fast, one class rare": lambda: (rare(color(8000), 0.1), recipe("fast", 870)),
    "first-cnn, 3,000 color": lambda: (color(3000), recipe("first-cnn", 3000)),
    "first-cnn, 2,000 handwritten": lambda: (handwritten(2000), recipe("first-cnn", 2000)),
    "accurate, 400 color": lambda: (color(400), recipe("accurate", 400, epochs=4)),
    "best, 200 color": lambda: (color(200), recipe("best", 200, epochs=4)),
    "transfer, 400 color": lambda: (color(400), recipe("transfer", 400)),
    "transfer, 1,200 color, fine-tuned": lambda: (color(1200), recipe("transfer", 1200, fine_tune="on")),
}


def case(name, sender):
    """Train one case; send what the watch said."""
    import tellapart

    (images, labels), config, *change = (ILL[name][1] if name in ILL else WELL[name])()
    if (
        images.shape[-1] == 1 and config.augmentation is not None
    ):  # mirrored digits: a harder task, on purpose
        config = config.changed(augmentation=dataclasses.replace(config.augmentation, any_orientation=True))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as patched:
        if change:
            patched.enter_context(with_network(*change))
        result = tellapart.train(
            images, labels=labels, recipe=config, out=Path(folder) / "run", verbose=False
        )
    told = [dataclasses.asdict(finding) for finding in result.findings]
    sender.send({"case": name, "seconds": round(time.monotonic() - began, 1), "told": told})


def run_case(name):
    """Train one case in a process of its own; return what the watch said."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=case, args=(name, sender))
    process.start()
    sender.close()
    try:
        told = receiver.recv()
    except EOFError:
        told = {"case": name, "seconds": 0.0, "told": [{"kind": "the training failed", "epoch": None}]}
    process.join()
    return told


def recorded():
    """Replay the recorded epochs; return what the watch says of each form."""
    from tellapart.events import EpochDone
    from tellapart.training.watch.course import Course
    from tellapart.training.watch.watch import findings_of_curves

    runs = []
    for name, run in json.loads(RECORDED.read_text())["runs"].items():
        curves = zip(run["loss"], run["held_out_loss"], run["accuracy"], strict=True)
        history = [
            EpochDone(i, 200, loss, 0.5, val, accuracy, 1e-4, 1.0)
            for i, (loss, val, accuracy) in enumerate(curves)
        ]
        told = findings_of_curves(history, Course(images=run["pictures"]["validation"], epochs=200))
        runs.append({"case": f"recorded, {name}", "told": [dataclasses.asdict(finding) for finding in told]})
    return runs


def judged(told):
    """Return a row of the table: what was expected, what was told, whether that is right."""
    kinds = [finding["kind"] for finding in told["told"]]
    expected = ILL[told["case"]][0] if told["case"] in ILL else HEALTHY
    words = ", ".join(
        finding["kind"] + ("" if finding["epoch"] is None else f" (epoch {finding['epoch'] + 1})")
        for finding in told["told"]
    )
    is_right = expected in kinds if expected != HEALTHY else not kinds
    return {
        "case": told["case"],
        "expected": expected,
        "told": words or "nothing",
        "right": "yes" if is_right else "NO",
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    machine, runs = hardware(), []
    for name in (*ILL, *WELL):
        if not options.only or any(part in name for part in options.only):
            runs.append(run_case(name))
            print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
    rows, replayed = [judged(told) for told in runs], recorded()
    ill = [row for row in rows if row["expected"] != HEALTHY]
    well = [row for row in rows if row["expected"] == HEALTHY]
    now = datetime.datetime.now(datetime.UTC)
    record = {
        "runs": runs, "recorded": replayed, "hardware": machine, "versions": versions(),
        "command": "python benchmarks/faults/watch.py",
    }  # fmt: skip
    page = [
        f"# The watch over trainings, {now:%Y-%m-%d}",
        "",
        f"Illnesses named: {sum(row['right'] == 'yes' for row in ill)} of {len(ill)}. Healthy trainings about which "
        f"something was said: {sum(row['right'] == 'NO' for row in well)} of {len(well)}.",
        "",
        table(rows, ["case", "expected", "told", "right"]),
        "",
        "200 recorded epochs of first-cnn, replayed through the rules of curves:",
        "",
        *[
            f"- {run['case']}: "
            + (
                "; ".join(f"epoch {f['epoch'] + 1}, {f['kind']}: {f['seen']}" for f in run["told"])
                or "nothing"
            )
            for run in replayed
        ],
        "",
        *origin_lines(record),
    ]
    if options.dry:
        print("\n".join(page))
    else:
        write_results(RESULTS, "watch", now, "\n".join(page), record)
    sys.exit(any(row["right"] == "NO" for row in rows))


if __name__ == "__main__":
    main()
