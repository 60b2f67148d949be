"""A fine-tuned network beside the head on the frozen one: which is better on held-out images."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.api.finish import HeldOut
from tellapart.classifier.classifier import Classifier
from tellapart.events import FineTuned
from tellapart.metrics.calibration import tempered
from tellapart.metrics.validation import is_better, loss_and_accuracy
from tellapart.recipes.class_weights import ClassWeights


class Candidate(NamedTuple):
    """A classifier, and its predictions of the held-out images."""

    classifier: Classifier
    held_out: HeldOut

    @property
    def probabilities(self) -> NDArray[np.floating]:
        """Of the held-out images, (N, classes), as the classifier answers: by its views, calibrated."""
        card, predictions = self.classifier.card, self.held_out.predictions
        averaged = predictions.averaged if card.tta_views > 1 else predictions.plain
        return tempered(averaged, card.temperature or 1.0)


def compared(
    head: Candidate, tuned: Candidate | None, weights: ClassWeights | None, seconds: float
) -> FineTuned:
    """Compare the fine-tuned network, None where it diverged before any epoch was finished, with the head alone.

    With class weights, they decide which is the better one, as in the loss; the figures are without them.
    """
    labels = head.held_out.images.labels
    head_loss, head_accuracy = loss_and_accuracy(head.probabilities, labels)
    outcome = FineTuned(False, head_loss, head_accuracy, len(labels), seconds)
    if tuned is None:
        return outcome
    before, after = (candidate.probabilities.argmax(1) == labels for candidate in (head, tuned))
    loss, accuracy = loss_and_accuracy(tuned.probabilities, labels)
    of_images = None if weights is None else weights.of(head.classifier.class_names)[labels]
    return replace(
        outcome,
        kept=is_better(tuned.probabilities, head.probabilities, labels, of_images),
        val_loss=loss,
        val_accuracy=accuracy,
        only_head_correct=int((before & ~after).sum()),
        only_tuned_correct=int((after & ~before).sum()),
    )
