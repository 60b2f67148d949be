"""Does every number on an explanation page match the network? Random cells, read in a browser and recomputed.

    python benchmarks/explain_numbers.py [--cells 500] [--models NAME ...]

For each network, `explain` writes the page for a sample photo of scikit-learn, and Chromium opens it offline. Cells
are chosen at random among all layers, with the page's own controls; every number that the page then shows is compared
with Keras and NumPy (`tests/browser/recomputed.py`), to within 1e-4 of the number, or of 1 if it is smaller.
Networks have random weights (no download) and random batch statistics, except the built-in CIFAR-10 model, which is
a `fast` network, and EfficientNet-Lite0, which comes with its trained ones.

Writes a dated page and all figures to benchmarks/results/.
"""

import argparse
import datetime
import shlex
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
ORACLE = Path(__file__).parents[1] / "tests" / "browser"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def vit(keras, size=64, width=96, depth=4, patch=8):
    """Return a small vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929), without a class token."""
    layers = keras.layers
    pictures = keras.Input((size, size, 3))
    x = layers.Conv2D(width, patch, strides=patch)(layers.Rescaling(1 / 127.5, offset=-1)(pictures))
    x = layers.Reshape(((size // patch) ** 2, width))(x)
    for _ in range(depth):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(4, width // 4)(y, y)])
        y = layers.Dense(4 * width, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(width)(y)])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return keras.Model(pictures, layers.Dense(10, activation="softmax")(x))


def networks(keras):
    from networks import resnet20, tutorial

    from tellapart.models.backbones import pretrained_keras_model

    applications = keras.applications
    return {
        "tutorial": lambda: tutorial(keras),
        "fast (built-in)": None,
        "EfficientNet-Lite0, 224 x 224": lambda: pretrained_keras_model("lite0"),
        "ResNet-20": lambda: resnet20(keras),
        "ResNet-50, 224 x 224": lambda: applications.ResNet50(weights=None, classes=10),
        "MobileNetV2, 224 x 224": lambda: applications.MobileNetV2(weights=None, classes=10),
        "ConvNeXt-Tiny, 224 x 224": lambda: applications.ConvNeXtTiny(weights=None, classes=10),
        "small ViT, 64 x 64": lambda: vit(keras),
    }


def classifier_of(name, build):
    import keras

    import tellapart
    from tellapart.classifier.card import card_of_plain_model
    from tellapart.classifier.classifier import Classifier

    if build is None:
        return tellapart.load("cifar10")
    keras.utils.set_random_seed(0)
    model, random = build(), np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and "Lite0" not in name:
            layer.set_weights([random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return Classifier.of_model(model, card_of_plain_model(model, Path(name)))


def row_of(browser, name, build, cells, folder):
    from recomputed import check
    from sklearn.datasets import load_sample_image

    import tellapart

    classifier = classifier_of(name, build)
    begun = time.perf_counter()
    explanation = tellapart.explain(classifier, np.ascontiguousarray(load_sample_image("flower.jpg")))
    path = explanation.save(folder / "page.html")
    seconds = time.perf_counter() - begun
    context = browser.new_context(offline=True)
    page, troubles = context.new_page(), []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.set_default_timeout(120_000)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    checked = check(page, classifier.model, explanation.subject.image, cells)
    context.close()
    return {
        "network": name,
        "layers": len(explanation.recording.layers),
        "cells": checked.cells,
        "numbers compared": checked.numbers,
        "wrong": len(checked.wrong),
        "largest error": f"{checked.worst:.1e}",
        "console": len(troubles),
        "not shown": len(explanation.gaps),
        "page, MB": f"{path.stat().st_size / 1e6:.1f}",
        "made in, s": f"{seconds:.0f}",
        "kinds": sorted(checked.kinds),
        "first wrong": checked.wrong[:3],
    }


def page_of(record):
    heads = [name for name in record["rows"][0] if name not in ("kinds", "first wrong")]
    kinds = [f"- {row['network']}: " + ", ".join(row["kinds"]) for row in record["rows"]]
    return "\n".join(
        [
            f"# Every number of an explanation page, recomputed, {record['date']}",
            "",
            "Errors are relative to the number, or to 1 if it is smaller; more than 1e-4 is wrong. Console: errors "
            "and warnings of the browser. Not shown: sections that the page lists as missing (these networks have "
            "no training pictures).",
            "",
            table([{head: row[head] for head in heads} for row in record["rows"]], heads),
            "",
            "Kinds of layers among the cells:",
            "",
            *kinds,
            "",
            *origin_lines(record),
        ]
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=500)
    parser.add_argument("--models", nargs="*")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    import tellapart.api  # noqa: F401 (chooses Keras's backend)

    import keras  # isort: skip
    from playwright.sync_api import sync_playwright

    sys.path.insert(0, str(ORACLE))
    machine, now, rows = hardware(), datetime.datetime.now().astimezone(), []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, build in networks(keras).items():
            if options.models and name not in options.models:
                continue
            rows.append(row_of(browser, name, build, options.cells, Path(folder)))
            print({key: value for key, value in rows[-1].items() if key != "kinds"}, flush=True)
        browser.close()
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/explain_numbers.py " + shlex.join(sys.argv[1:]),
        "hardware": machine,
        "versions": versions(),
        "rows": rows,
    }
    write_results(options.results, "explain_numbers", now, page_of(record), record)


if __name__ == "__main__":
    main()
