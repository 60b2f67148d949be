"""Several labels a picture: 2,000 pictures with 1 to 4 of 8 labels, from the drawing to plain Keras.

    python benchmarks/several_labels.py [--out FOLDER] [--recipe quick] [--epochs N] [--pictures 2000] [--seed 0]

Draws shapes in random colors and sizes on textured ground (their kinds are the labels), trains by `tellapart train
--multi-label`, and then holds against the libraries that others trust:

- every average precision, macro and micro, against scikit-learn's `average_precision_score`, to 1e-6;
- the probabilities of the saved file against those of plain Keras, to 1e-5;
- F1 at the thresholds against scikit-learn's `f1_score`;
- the heat map of each label against where its shape was drawn: the share of the map's positive mass within its box,
  beside the box's share of the picture.

Writes a dated page and every figure to benchmarks/results/, and leaves pictures, run, report, explanations in FOLDER.
"""

import argparse
import csv
import datetime
import math
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results
from PIL import Image, ImageDraw

RESULTS = Path(__file__).parent / "results"
LABELS = ("circle", "square", "triangle", "star", "cross", "ring", "stripes", "heart")
SIDE = 32
MOST = 4
"""Labels of a picture."""

EXPLAINED = 2
"""Test pictures with an explanation."""


def draw_set(folder, count, seed):
    """Draw pictures and labels.csv; return where each label is drawn: file -> {label: (left, top, right, bottom)}."""
    random, boxes = np.random.default_rng(seed), {}
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        labels = random.choice(len(LABELS), random.integers(1, MOST + 1), replace=False)
        image, placed = draw_picture(random, [LABELS[label] for label in labels])
        name = f"pictures/{number:05d}.png"
        image.save(folder / name)
        boxes[name] = placed
        rows.append((name, "|".join(placed)))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "labels"), *rows])
    return boxes


def draw_picture(random, labels):
    """Return a picture of shapes in the quarters of a textured ground, and the box of each."""
    ground = random.integers(60, 190, (1, 1, 3)) + random.normal(0, 18, (SIDE // 8, SIDE // 8, 3))
    image = Image.fromarray(ground.clip(0, 255).astype(np.uint8)).resize(
        (SIDE, SIDE), Image.Resampling.BICUBIC
    )
    grain = np.asarray(image) + random.normal(0, 8, (SIDE, SIDE, 3))
    image = Image.fromarray(grain.clip(0, 255).astype(np.uint8))
    quarters = random.permutation(4)[: len(labels)]
    boxes = {}
    for label, quarter in zip(labels, quarters, strict=True):
        size = int(random.integers(11, 14))
        left, top = (
            int(half * SIDE // 2 + random.integers(1, SIDE // 2 - size))
            for half in (quarter % 2, quarter // 2)
        )
        behind = np.asarray(image)[top : top + size, left : left + size].mean((0, 1))
        color = contrasting(random, behind)
        draw_shape(ImageDraw.Draw(image), label, left, top, size, color)
        boxes[label] = (left, top, left + size, top + size)
    return image, boxes


def contrasting(random, behind):
    """Return a random color that differs from what is behind it."""
    while True:
        color = random.integers(0, 256, 3)
        if np.abs(color - behind).sum() > 200:
            return tuple(map(int, color))


def draw_shape(pen, label, left, top, size, color):
    right, bottom, middle, center = left + size - 1, top + size - 1, left + size / 2, top + size / 2
    if label == "circle":
        pen.ellipse((left, top, right, bottom), fill=color)
    elif label == "ring":
        pen.ellipse((left, top, right, bottom), outline=color, width=max(3, size // 6))
    elif label == "square":
        pen.rectangle((left, top, right, bottom), fill=color)
    elif label == "triangle":
        pen.polygon([(middle, top), (right, bottom), (left, bottom)], fill=color)
    elif label == "cross":
        arm = size / 6
        pen.rectangle((middle - arm, top, middle + arm, bottom), fill=color)
        pen.rectangle((left, center - arm, right, center + arm), fill=color)
    elif label == "stripes":
        for step in range(0, size, 6):
            pen.rectangle((left, top + step, right, min(bottom, top + step + 2)), fill=color)
    elif label == "star":
        points = [
            (
                middle + size / 2 * (1 if tip % 2 == 0 else 0.4) * math.sin(tip * math.pi / 5),
                center - size / 2 * (1 if tip % 2 == 0 else 0.4) * math.cos(tip * math.pi / 5),
            )
            for tip in range(10)
        ]
        pen.polygon(points, fill=color)
    else:
        pen.ellipse((left, top, middle, center), fill=color)
        pen.ellipse((middle, top, right, center), fill=color)
        pen.polygon(
            [(left + 1, center - size / 6), (right - 1, center - size / 6), (middle, bottom)], fill=color
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--recipe", default="quick")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = options.out or Path(tempfile.mkdtemp(prefix="several-labels-"))
    machine = hardware()
    figures = measured(folder, options)
    now = datetime.datetime.now(datetime.UTC)
    given = f" --epochs {options.epochs}" if options.epochs else ""
    command = (
        f"python benchmarks/several_labels.py --recipe {options.recipe}{given} --pictures {options.pictures} "
        f"--seed {options.seed}"
    )
    record = {**figures, "hardware": machine, "versions": versions(), "command": command}
    write_results(RESULTS, "several_labels", now, page(record, options), record)
    failed = [name for name, (value, most) in figures["held"].items() if not value <= most]
    if failed:
        sys.exit(f"Not held: {', '.join(failed)}")


def measured(folder, options):
    """Draw, train, evaluate, predict, explain; return every figure."""
    import tellapart

    boxes = draw_set(folder, options.pictures, options.seed)
    began = time.monotonic()
    run = folder / "run"
    if (run / "run.toml").exists():  # stopped before
        result = tellapart.train(resume=run)
    else:
        changes = {} if options.epochs is None else {"epochs": options.epochs}
        changes |= {"recipe": options.recipe, "seed": options.seed}
        result = tellapart.train(folder / "labels.csv", multi_label=True, out=run, **changes)
    seconds = time.monotonic() - began
    evaluation = tellapart.evaluate(folder / "run")
    scores = evaluation.scores
    assert scores == result.scores, (scores, result.scores)
    probabilities, targets, ids = saved_test(folder / "run")
    predictions = tellapart.predict(folder / "run", [folder / name for name in ids])
    thresholds = np.asarray(result.classifier.card.thresholds, np.float32)
    given = [
        {label for label, reached in zip(result.classifier.class_names, row, strict=True) if reached}
        for row in probabilities >= thresholds
    ]
    differing = sum(set(a.labels) != b for a, b in zip(predictions, given, strict=True))
    return {
        "seconds": seconds,
        "recipe": options.recipe,
        "epochs": len(result.history),
        "scores": scores.to_dict(),
        "thresholds_from": evaluation.thresholds_from,
        "maps": maps_within_boxes(folder, ids, boxes),
        "held": {
            **against_scikit_learn(scores, probabilities, targets, thresholds),
            "probabilities of plain Keras": (against_keras(folder, ids, probabilities, result), 1e-5),
            "pictures that predict and the training label differently": (differing, 0),
        },
    }


def saved_test(run):
    """Return the probabilities, the targets and the ids of the test pictures, as the run folder keeps them."""
    from tellapart.runs.predictions import load_predictions

    test = load_predictions(run / "predictions.safetensors")["test"]
    return test.probabilities, test.labels, test.ids


def against_scikit_learn(scores, probabilities, targets, thresholds):
    """Return the largest differences from scikit-learn's figures, each with the largest that is allowed."""
    from sklearn.metrics import accuracy_score, average_precision_score, f1_score, log_loss

    given = probabilities >= thresholds
    each = average_precision_score(targets, probabilities, average=None)
    own = [row.average_precision for row in scores.labels]
    clipped = np.clip(probabilities.astype(np.float64), 1e-7, 1 - 1e-7)
    loss = np.mean([log_loss(t, p, labels=[0, 1]) for t, p in zip(targets.T, clipped.T, strict=True)])
    return {
        "average precision of each label": (float(np.abs(each - own).max()), 1e-6),
        "macro average precision": (abs(float(each.mean()) - scores.mean_average_precision), 1e-6),
        "micro average precision": (
            abs(
                average_precision_score(targets, probabilities, average="micro")
                - scores.micro_average_precision
            ),
            1e-6,
        ),
        "macro F1": (abs(f1_score(targets, given, average="macro") - scores.macro_f1), 1e-9),
        "micro F1": (abs(f1_score(targets, given, average="micro") - scores.micro_f1), 1e-9),
        "exact match": (abs(accuracy_score(targets, given) - scores.exact_match), 1e-9),
        "binary cross-entropy": (abs(float(loss) - scores.loss), 1e-6),
    }


def against_keras(folder, ids, probabilities, result):
    """Return the largest difference from the probabilities of the saved file in plain Keras."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    model = keras.saving.load_model(folder / "run" / "model.keras")
    height, width = result.classifier.card.preprocessing.shape[:2]
    fitted = [np.asarray(Image.open(folder / name).resize((width, height))) for name in ids]
    if (height, width) != (SIDE, SIDE):  # as tellapart enlarges them
        fitted = list(result_images(folder))
    images = np.stack(fitted)
    views = [images, images[:, :, ::-1]] if result.classifier.card.tta_views == 2 else [images]
    answers = [np.clip(model.predict(view, verbose=0).astype(np.float64), 1e-12, 1 - 1e-12) for view in views]
    odds = [np.log(answer / (1 - answer)) for answer in answers]
    plain = 1 / (1 + np.exp(-np.mean(odds, axis=0)))
    return float(np.abs(plain - probabilities).max())


def result_images(folder):
    """Return the test pictures as the network gets them."""
    from tellapart.runs.saved_run import load_run

    return load_run(folder / "run").stores["test"].images


def maps_within_boxes(folder, ids, boxes):
    """Return for each label of some test pictures which share of its most faithful map lies where it was drawn."""
    import tellapart

    rows = []
    for name in ids[:EXPLAINED]:
        explanation = tellapart.explain(folder / "run", folder / name)
        explanation.save(folder / f"{Path(name).stem}.html")
        names = explanation.subject.class_names
        for index in explanation.answer.given:
            maps = next(maps for contrast, maps in explanation.heat_maps.maps.items() if contrast.of == index)
            heat = np.maximum(maps[0].values - np.median(maps[0].values), 0)
            if names[index] not in boxes[name]:
                continue
            left, top, right, bottom = boxes[name][names[index]]
            rows.append(
                {
                    "picture": name,
                    "label": names[index],
                    "method": maps[0].method,
                    "is_faithful": maps[0].faithfulness.is_faithful,
                    "share": float(heat[top:bottom, left:right].sum() / max(float(heat.sum()), 1e-12)),
                    "area": (right - left) * (bottom - top) / SIDE**2,
                }
            )
    return rows


def page(record, options):
    """Return the page."""
    scores, held = record["scores"], record["held"].items()
    low, high = scores["interval"] or (float("nan"),) * 2
    labels = [
        {
            **{name: row[name] for name in ("name", "pictures")},
            **{name: f"{row[name]:.4f}" for name in ("average_precision", "threshold", "f1")},
            "interval": "–" if row["interval"] is None else "{:.3f} to {:.3f}".format(*row["interval"]),
        }
        for row in scores["labels"]
    ]
    differences = [
        {"figure": name, "difference": f"{value:.1e}", "allowed": f"{most:g}"} for name, (value, most) in held
    ]
    lines = [
        "# Several labels a picture",
        "",
        f"{options.pictures:,} pictures of {SIDE} x {SIDE} pixels with 1 to {MOST} of {len(LABELS)} labels. Recipe "
        f"{record['recipe']}, {record['epochs']} epochs, seed {options.seed}, {record['seconds']:.0f} s.",
        "",
        f"Test mean average precision: **{scores['mean_average_precision']:.4f}** ({low:.4f} to {high:.4f}, "
        f"n = {scores['pictures']}; random order {scores['naive_average_precision']:.3f}). All labels right: "
        f"{scores['exact_match']:.3f}.",
        "",
        table(labels, ["name", "average_precision", "interval", "threshold", "f1", "pictures"]),
        "",
        f"Thresholds: {record['thresholds_from']}.",
        "",
        "## Held against scikit-learn and plain Keras",
        "",
        table(differences, ["figure", "difference", "allowed"]),
        "",
        "## Heat maps",
        "",
        "Of the most faithful map of each given label: the share of what is above its median that lies within the "
        "box of "
        "the drawn shape, beside that box's share of the picture.",
        "",
        table(record["maps"], ["picture", "label", "method", "is_faithful", "share", "area"]),
        "",
        *origin_lines(record),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
