"""Exports: every format of every network proven on 1,000 pictures; and ONNX Runtime on our file beside Keras's own.

    python benchmarks/exports.py [--networks A,B] [--formats A,B] [--pictures 1000] [--rounds 9]

first-cnn and fast are trained on CIFAR-10 pictures for a moment, transfer on a folder of photos; the other networks
are plain Keras, trained by `tellapart.fit` for a moment, so that weights and moving statistics are no longer the
initial ones. Each is exported to every format; the proof's figures are the table. Test pictures are CIFAR-10's, brought
to the network's size. Then the same Keras model is exported by `model.export(format="onnx")`, and both files predict
the same pictures in ONNX Runtime, in turn: medians, and the ratio. For that, our file is exported without views.

int8 and float16 are proven on the transfer model, with the accuracy of both sides.

Writes a dated page and every figure to benchmarks/results/.
"""

import argparse
import datetime
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results
from networks import resnet20

import tellapart
from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier
from tellapart.data.preprocess import Preprocessing
from tellapart.errors import TellapartError
from tellapart.exporters.onnx_file import session
from tellapart.exporters.registry import FORMATS
from tellapart.keras_backend import import_keras

keras = import_keras()
RESULTS = Path(__file__).parent / "results"
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
LEARNED = 1280
"""Pictures of the moment of training."""


def application(kind, side, scale, offset):
    """A network of keras.applications with random weights and a last layer of ten classes."""

    def build():
        body = getattr(keras.applications, kind)(
            include_top=False, weights=None, input_shape=(side, side, 3), pooling="avg"
        )
        pictures = keras.Input((side, side, 3))
        features = body(keras.layers.Rescaling(scale, offset)(pictures))
        return keras.Model(pictures, keras.layers.Dense(10, activation="softmax")(features))

    return build


def small_vit():
    """A vision transformer of four blocks on patches of 4 x 4 (Dosovitskiy et al. 2021), in Keras's layers."""
    layers = keras.layers
    pictures = keras.Input((32, 32, 3))
    x = layers.Conv2D(64, 4, 4)(layers.Rescaling(1 / 127.5, -1)(pictures))
    x = layers.Reshape((64, 64))(x)
    for _ in range(4):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(4, 16)(y, y)])
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.Dense(64)(layers.Dense(128, activation="gelu")(y))])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return keras.Model(pictures, layers.Dense(10, activation="softmax")(x))


PLAIN = {
    "ResNet-20": (lambda: resnet20(keras), 32),
    "MobileNetV2": (application("MobileNetV2", 96, 1 / 127.5, -1.0), 96),
    "ConvNeXt-Tiny": (application("ConvNeXtTiny", 64, 1.0, 0.0), 64),
    "small ViT": (small_vit, 32),
}
"""Network -> how it is built, and the side of its pictures."""

RECIPES = {"first-cnn": {"epochs": 1}, "fast": {"epochs": 1}}
NETWORKS = (*RECIPES, "transfer", *PLAIN)


def resized(images, side):
    """Return CIFAR-10 pictures at another size, every pixel repeated."""
    return images.repeat(side // 32, 1).repeat(side // 32, 2)


def trained(name, cifar, folder):
    """Return a classifier, and test pictures for it with their labels."""
    (x_train, y_train), (x_test, y_test) = cifar
    if name in RECIPES:
        data = ((x_train[:LEARNED], y_train[:LEARNED]), (x_test, y_test))
        result = tellapart.train(
            data,
            recipe=name,
            class_names=NAMES,
            out=folder / name,
            verbose=False,
            predictions=0,
            **RECIPES[name],
        )
        return result.classifier, (x_test, y_test)
    if name == "transfer":
        photos = Path(os.environ["TELLAPART_DATA"]) / "cats-and-dogs"
        return tellapart.train(photos, recipe="transfer", out=folder / name, verbose=False).folder, None
    build, side = PLAIN[name]
    keras.utils.set_random_seed(0)
    model = build()
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    images = resized(x_train[:LEARNED], side).astype("float32")
    tellapart.fit(model, images, y_train[:LEARNED], batch_size=64, epochs=1, verbose=0)
    card = ModelCard(NAMES, Preprocessing(height=side, width=side))
    return Classifier.of_model(model, card), (resized(x_test, side), y_test)


def proven(name, classifier, pictures, options, folder):
    """Export to every format; return a row for each."""
    rows = []
    for form in options.formats:
        jobs = [(form, "float32")]
        if name == "transfer" and form == "onnx":
            jobs += [(form, "float16"), (form, "int8")]
        for form, precision in jobs:
            place = folder / f"{name}-{precision}{FORMATS[form].suffix}".replace(" ", "-")
            given = (
                {}
                if pictures is None
                else {"data": {"x": pictures[0], "y": pictures[1], "class_names": NAMES}}
            )
            began = time.monotonic()
            try:
                done = tellapart.export(
                    classifier, form, place, count=options.pictures, precision=precision, **given
                )
            except TellapartError as reason:
                rows.append({"network": name, "format": f"{form} {precision}", "refused": str(reason)})
                continue
            proof = done.proof
            rows.append(
                {
                    "network": name,
                    "format": form if precision == "float32" else f"{form} {precision}",
                    "pictures": proof.pictures,
                    "largest difference": f"{proof.largest_difference:.1e}",
                    "agreement": f"{100 * proof.agreement:.2f}%",
                    "accuracy": f"{100 * proof.exported_score:.2f}% of {100 * proof.score:.2f}%",
                    "MB": f"{proof.size / 1e6:.2f}",
                    "pictures/s": f"{proof.pictures_per_second:.0f}",
                    "seconds": round(time.monotonic() - began, 1),
                }
            )
            print(rows[-1], flush=True)
    return rows


def beside_keras(name, classifier, pictures, options, folder):
    """Return the speed of both ONNX files in ONNX Runtime, in turn; pictures/s."""
    model = classifier.model if isinstance(classifier, Classifier) else tellapart.load(classifier).model
    theirs, ours = folder / "keras.onnx", folder / "ours.onnx"
    try:
        model.export(theirs, format="onnx", verbose=False)
    except Exception as reason:
        return {"network": name, "refused": f"Keras: {type(reason).__name__}: {str(reason)[:120]}"}
    size = model.input_shape[1:]
    images = np.random.default_rng(0).integers(0, 256, (64, *size), dtype=np.uint8)
    given = {"pictures": images} if pictures is None else {"data": {"x": pictures[0], "y": pictures[1]}}
    tellapart.export(classifier, "onnx", ours, views=1, count=100, **given)
    sides = {}
    for side, place, batch in (("keras", theirs, images.astype(np.float32)), ("ours", ours, images)):
        opened = session(place)
        sides[side] = (opened, {opened.get_inputs()[0].name: batch}, [opened.get_outputs()[0].name])
    outputs = {side: opened.run(names, batch)[0] for side, (opened, batch, names) in sides.items()}
    times = {side: [] for side in sides}
    for turn in range(options.rounds):
        for side in list(sides)[:: 1 if turn % 2 else -1]:
            opened, batch, names = sides[side]
            began = time.perf_counter()
            opened.run(names, batch)
            times[side].append(time.perf_counter() - began)
    speeds = {side: 64 / statistics.median(of_side) for side, of_side in times.items()}
    return {
        "network": name,
        "ours": f"{speeds['ours']:.0f}",
        "Keras's": f"{speeds['keras']:.0f}",
        "ratio": f"{speeds['ours'] / speeds['keras']:.2f}",
        "our MB": f"{ours.stat().st_size / 1e6:.2f}",
        "Keras's MB": f"{theirs.stat().st_size / 1e6:.2f}",
        "outputs differ by": f"{np.abs(outputs['ours'] - outputs['keras']).max():.1e}",
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    options.formats = options.formats.split(",")
    machine, now = hardware(), datetime.datetime.now(datetime.UTC)
    cifar, rows, speeds = tellapart.load_data("cifar10"), [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.networks.split(","):
            place = Path(folder) / name.replace(" ", "-")
            place.mkdir()
            classifier, pictures = trained(name, cifar, place)
            rows += proven(name, classifier, pictures, options, place)
            if options.rounds:
                speeds.append(beside_keras(name, classifier, pictures, options, place))
                print(speeds[-1], flush=True)
    columns = (
        "network",
        "format",
        "pictures",
        "largest difference",
        "agreement",
        "accuracy",
        "MB",
        "pictures/s",
    )
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": f"python benchmarks/exports.py --networks '{options.networks}' --pictures {options.pictures}",
        "hardware": machine,
        "versions": versions(),
        "proofs": rows,
        "beside_keras": speeds,
    }
    page = [
        f"# Exports, {record['date']}",
        "",
        "Each file through its own runtime, beside the model. Accuracy: the file's, of the model's.",
        "",
        table([row for row in rows if "refused" not in row], columns),
        "",
        *[f"- {row['network']}, {row['format']}: {row['refused']}" for row in rows if "refused" in row],
        "",
        "ONNX Runtime on our file and on that of Keras's `model.export`, 64 pictures at a time, in turn, pictures/s.",
        "",
        table(
            [row for row in speeds if "refused" not in row],
            ("network", "ours", "Keras's", "ratio", "our MB", "Keras's MB", "outputs differ by"),
        ),
        "",
        *[f"- {row['network']}: {row['refused']}" for row in speeds if "refused" in row],
        "",
        *origin_lines(record),
    ]
    write_results(RESULTS, "exports", now, "\n".join(page), record)


if __name__ == "__main__":
    main()
