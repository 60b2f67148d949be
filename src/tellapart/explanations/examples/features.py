"""Features: what a network makes of a picture before its last dense layer decides.

Pictures that are alike to the network lie close together there.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellapart.classifier.classifier import Classifier
from tellapart.errors import ModelError
from tellapart.events import Progress
from tellapart.explanations.recorder import LayerRun, Recorder, Recording
from tellapart.inference.folded_net import InferenceNet
from tellapart.inference.predictor import probabilities
from tellapart.inference.probability_net import Head, ProbabilityNet
from tellapart.lowering.ops.dense import Dense


def features(
    classifier: Classifier,
    images: NDArray[np.uint8],
    progress: Progress | None = None,
    precision: str = "float32",
) -> NDArray[np.float32]:
    """What the last dense layer is given for each picture.

    Args:
        classifier: any.
        images: (N, H, W, C) uint8, of its pixel path's shape.
        progress: called with (pictures done, pictures in all).
        precision: "float32", or "bfloat16", correct to two digits.

    Returns:
        (N, features) float32.

    Raises:
        ModelError: the network has no dense layer, or only its own code knows how it runs.
    """
    return _seen(classifier, images, progress, precision)[0]


def features_and_probabilities(
    classifier: Classifier,
    images: NDArray[np.uint8],
    progress: Progress | None = None,
    precision: str = "float32",
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the last dense layer is given for each picture, and what comes of it, in one go.

    Args:
        classifier: any; its views are not asked about.
        images: (N, H, W, C) uint8, of its pixel path's shape.
        progress: called with (pictures done, pictures in all).
        precision: "float32", or "bfloat16", correct to two digits.

    Returns:
        (N, features) and (N, classes), float32.

    Raises:
        ModelError: the network has no dense layer, or only its own code knows how it runs.
    """
    return _seen(classifier, images, progress, precision)


def _seen(
    classifier: Classifier, images: NDArray[np.uint8], progress: Progress | None, precision: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    both = probabilities(_FeatureNet(classifier), images, progress, precision)
    classes = len(classifier.class_names)
    return both[:, :-classes], both[:, -classes:]


class _FeatureNet:
    """A classifier's network that tells its features and, behind them, its answer, as `train.score` asks nets."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier

    def ready(self, precision: str) -> "_Folded | _Recorded":
        """The fast form, where there is one; else a recording of every layer."""
        folded = self.classifier.net.ready(precision).net
        if isinstance(folded, InferenceNet) and folded.has_features:
            return _Folded(folded, self.classifier.net.head)
        return _Recorded(Recorder(self.classifier.model, self.classifier.net.head))


@dataclass(frozen=True, slots=True)
class _Folded:
    net: InferenceNet
    head: Head
    divides = True

    def __call__(self, images: Tensor) -> Tensor:
        features, answers = self.net.features_and_answers(images)
        answer = ProbabilityNet(lambda *_, **__: answers, self.head)
        return torch.cat([features.flatten(1).float(), answer(images)], 1)


@dataclass(frozen=True, slots=True)
class _Recorded:
    recorder: Recorder
    divides = False

    def __call__(self, images: Tensor) -> Tensor:
        recording = self.recorder.run(images.float())
        return torch.cat([last_dense(recording).inputs[0].flatten(1), recording.logits.softmax(-1)], 1)


def last_dense(recording: Recording) -> LayerRun:
    """The run of the last dense layer; its input are the features.

    Raises:
        ModelError: none is to be seen.
    """
    dense = [run for run in recording.layers if isinstance(run.operation, Dense)]
    if not dense:
        raise ModelError(
            "The network has no dense layer to be seen, so there are no features to compare pictures by."
        )
    return dense[-1]
