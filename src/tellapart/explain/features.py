"""Features: what a network makes of a picture before its last dense layer decides.

Pictures that are alike to the network lie close together there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tellapart.classifier import Classifier, Progress
from tellapart.errors import ModelError
from tellapart.explain.record import Recorder
from tellapart.lower.inference import InferenceNet
from tellapart.lower.operations import Dense
from tellapart.train.score import probabilities


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
    return probabilities(_FeatureNet(classifier), images, progress, precision)


class _FeatureNet:
    """A classifier's network up to its last dense layer, as `train.score` asks nets."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier

    def ready(self, precision: str) -> "_Folded | _Recorded":
        """The fast form, where there is one; else a recording of every layer."""
        folded = self.classifier.net.ready(precision).net
        if isinstance(folded, InferenceNet) and folded.has_features:
            return _Folded(folded)
        return _Recorded(Recorder(self.classifier.model, self.classifier.net.head))


@dataclass(frozen=True, slots=True)
class _Folded:
    net: InferenceNet
    divides = True

    def __call__(self, images: Tensor) -> Tensor:
        return self.net.features(images).flatten(1)


@dataclass(frozen=True, slots=True)
class _Recorded:
    recorder: Recorder
    divides = False

    def __call__(self, images: Tensor) -> Tensor:
        layers = self.recorder.run(images.float()).layers
        dense = [run for run in layers if isinstance(run.operation, Dense)]
        if not dense:
            raise ModelError(
                "The network has no dense layer to be seen, so there are no features to compare pictures by."
            )
        return dense[-1].inputs[0].flatten(1)
