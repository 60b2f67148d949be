"""The curves of a training, for a notebook: loss and accuracy after each epoch."""

from collections.abc import Sequence

from tellapart.events import EpochDone
from tellapart.pages.card import Drawing
from tellapart.pages.curve_svg import Panel, curves_svg


def curves_of(history: Sequence[EpochDone], *, multi_label: bool = False) -> Drawing:
    """Return loss and accuracy, on training and validation images, as a drawing.

    Args:
        history: finished epochs, at least one.
        multi_label: whether a picture may have several labels: mean average precision is of validation alone.
    """
    epochs = history[-1].epochs
    loss = {"training": [each.loss for each in history], "validation": [each.val_loss for each in history]}
    score = {} if multi_label else {"training": [each.accuracy for each in history]}
    score["validation"] = [each.val_accuracy for each in history]
    panels = [Panel("loss", loss, epochs), Panel("mAP" if multi_label else "accuracy", score, epochs)]
    return Drawing(curves_svg(panels))
