"""The classifier that a backbone is by itself: 1,000 classes of ImageNet, weights from an installed package."""

from pathlib import Path

from tellapart.classifier.card import ModelCard, NoveltyLimit
from tellapart.data.preprocess import Preprocessing
from tellapart.inference.stored_net import StoredNet, stored_net_of
from tellapart.models.backbones import BACKBONES, read_weights
from tellapart.models.pretrained.classes import read_classes

NOVELTY = NoveltyLimit("standardized energy", -7.65)
"""How pictures of none of the 1,000 classes are told, with no training photos at hand: 96% of 200 photos of cats and
dogs, and 98% of 500 photos of different classes, stay below (`benchmarks/none_of_these.py`)."""


def backbone_card(backbone: str, table: Path) -> ModelCard:
    """Return the card of a backbone's own classifier; `table` lists its classes.

    Pictures are cropped to their middle square: it tells 393 of 400 photos apart, smaller crops, padding, stretching
    and a mirrored copy 391 to 395 (benchmarks/first_answer.py).
    """
    classes = read_classes(table)
    entry = BACKBONES[backbone]
    return ModelCard(
        class_names=tuple(each.name for each in classes),
        preprocessing=Preprocessing(height=entry.side, width=entry.side),
        origin={"data": table.stem, "backbone": backbone, "weights": f"{entry.package}, {entry.file}"},
        groups={each.name: each.group for each in classes if each.group},
        novelty=NOVELTY,
    )


def backbone_net(backbone: str) -> StoredNet:
    """Return a backbone with its head, ready to predict without Keras: pixels 0-255 -> 1,000 probabilities.

    Raises:
        ModelError: its weights are missing or damaged.
    """
    layers = BACKBONES[backbone].layers(None)
    return stored_net_of(layers, read_weights(backbone, layers))
