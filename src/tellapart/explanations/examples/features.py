"""Features: the inputs of a network's last dense layer, in which similar images lie close together."""

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
    """Return the last dense layer's input for each image, (N, features) float32.

    Takes and raises what `features_and_probabilities` does.
    """
    return features_and_probabilities(classifier, images, progress, precision)[0]


def features_and_probabilities(
    classifier: Classifier,
    images: NDArray[np.uint8],
    progress: Progress | None = None,
    precision: str = "float32",
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the last dense layer's input and the probabilities for each image, from one run.

    Args:
        classifier: its test-time augmentation is not used.
        images: (N, H, W, C) uint8, preprocessed.
        progress: called with (images done, images in all).
        precision: "float32", or "bfloat16", correct to two digits.

    Returns:
        (N, features) and (N, classes), float32.

    Raises:
        ModelError: the network has no dense layer, or is a subclassed model.
    """
    both = probabilities(_FeatureNet(classifier), images, progress, precision)
    classes = len(classifier.class_names)
    return both[:, :-classes], both[:, -classes:]


class _FeatureNet:
    """A classifier's network that returns features followed by probabilities, as a `Predictor` runs networks."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier

    def ready(self, precision: str) -> "_FoldedFeatures | _RecordedFeatures":
        """Return the fast form, where there is one; else one that records every layer."""
        folded = self.classifier.net.ready(precision).net
        if isinstance(folded, InferenceNet) and folded.has_features:
            return _FoldedFeatures(folded, self.classifier.net.head)
        return _RecordedFeatures(Recorder(self.classifier.model, self.classifier.net.head))


@dataclass(frozen=True, slots=True)
class _FoldedFeatures:
    net: InferenceNet
    head: Head
    divides = True

    def __call__(self, images: Tensor) -> Tensor:
        features, outputs = self.net.features_and_outputs(images)
        to_probabilities = ProbabilityNet(lambda *_, **__: outputs, self.head)
        return torch.cat([features.flatten(1).float(), to_probabilities(images)], 1)


@dataclass(frozen=True, slots=True)
class _RecordedFeatures:
    recorder: Recorder
    divides = False

    def __call__(self, images: Tensor) -> Tensor:
        recording = self.recorder.run(images.float())
        probabilities = self.recorder.probabilities(recording.logits)
        return torch.cat([last_dense(recording).inputs[0].flatten(1), probabilities], 1)


def last_dense(recording: Recording) -> LayerRun:
    """Return the run of the last dense layer, whose input are the features.

    Raises:
        ModelError: there is none, or it cannot be seen.
    """
    dense = [run for run in recording.layers if isinstance(run.operation, Dense)]
    if not dense:
        raise ModelError(
            "The network has no dense layer that can be seen, so there are no features to compare."
        )
    return dense[-1]
