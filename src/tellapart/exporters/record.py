"""The record: what travels with an export, so that nobody has to guess how pictures go in and what comes out."""

import json
from typing import Any

from tellapart import __version__
from tellapart.classifier.classifier import Classifier
from tellapart.exporters.picture_net import NOVELTY, PICTURES, PROBABILITIES
from tellapart.inference.probability_net import OF_SECOND, Head
from tellapart.metrics.calibration import SMALLEST

FORMAT = 1

KEY = "tellapart"
"""Under which a file keeps its record."""

RECORD = ".json"
"""Ends the name of the file beside an export that holds the record: model.onnx.json."""

POLICY = {
    "crop": "the largest centered part of the network's proportions is resized",
    "pad": "the whole picture is resized to fit, and the rest filled with gray 127",
    "stretch": "the whole picture is resized, whatever its proportions",
}
READING = {
    "exact": "bicubic with antialiasing, as Pillow's resize with reducing_gap 3",
    "fast": "bicubic with antialiasing on bytes, as torch's interpolate; large JPEGs are decoded at 1/2, 1/4 or 1/8",
    "bilinear": "bilinear, as Keras's loaders",
    "nearest": "nearest, as Keras's loaders",
}


HEAD: dict[Head, str] = {
    "probabilities": "the probability of each class",
    "label probabilities": "the probability of each label, by itself",
    "logits": "logits: their softmax is the probability of each class",
    "one probability": "the probability of the second class; the first has the rest",
    "one logit": "a logit: its sigmoid is the probability of the second class",
}
"""What a network's outputs mean."""


def record_of_network(classifier: Classifier) -> dict[str, Any]:
    """Return the record of a file that holds the network alone, as plain Keras runs it."""
    record = record_of(classifier, 1, (PROBABILITIES,))
    record["input"] |= {"name": None, "dtype": "float32"}
    columns = 1 if classifier.net.head in OF_SECOND else len(classifier.class_names)
    outputs = {"shape": ["batch", columns], "dtype": "float32", "meaning": HEAD[classifier.net.head]}
    return {**record, "outputs": {"outputs": outputs}}


def record_of(
    classifier: Classifier, tta_views: int, outputs: tuple[str, ...], batch: int | None = None
) -> dict[str, Any]:
    """Return as plain values what a user of the file needs.

    Args:
        classifier: that is exported.
        tta_views: of each picture that the file averages.
        outputs: names of what it returns.
        batch: how many pictures it takes at a time; None: any number.
    """
    card, preprocessing = classifier.card, classifier.card.preprocessing
    height, width, channels = preprocessing.shape
    several, rows = card.multi_label, batch or "batch"
    described: dict[str, Any] = {
        PROBABILITIES: {
            "shape": [rows, len(card.class_names)],
            "dtype": "float32",
            "meaning": "the probability of each label, by itself"
            if several
            else "the probability of each class",
        }
    }
    if NOVELTY in outputs:
        assert card.novelty is not None
        described[NOVELTY] = {
            "shape": [rows],
            "dtype": "float32",
            "meaning": "how unlike the training pictures it is",
            "unfamiliar_above": card.novelty.limit,
        }
    return {
        "format": FORMAT,
        "tellapart": __version__,
        "class_names": list(card.class_names),
        "input": {
            "name": PICTURES,
            "shape": [rows, height, width, channels],
            "dtype": "uint8",
            "meaning": f"pixels 0 to 255, {'red, green, blue' if channels == 3 else 'gray'}; not scaled",
        },
        "preparing": {
            **preprocessing.to_dict(),
            "before": "turned upright by EXIF orientation; RGB, or gray for one channel",
            "resizing": f"{READING[preprocessing.reading]}; {POLICY[preprocessing.policy]}",
        },
        "outputs": described,
        "views": tta_views,
        "calibration": None
        if card.temperature is None
        else {
            "temperature": card.temperature,
            "meaning": f"calibrated = softmax(log(max(probabilities, {SMALLEST:g})) / temperature)",
        },
        "thresholds": dict(zip(card.class_names, card.thresholds, strict=True)) if card.thresholds else None,
        "card": json.loads(card.to_json()),
    }
