"""What a fine-tuned network's features tell: which images are familiar."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tellapart.api.listener import Listener
from tellapart.classifier.card import NoveltyLimit
from tellapart.classifier.classifier import Classifier
from tellapart.explanations.examples.features import features_and_probabilities
from tellapart.metrics.novelty import BY_FEATURES, familiar_limit, fit_reference
from tellapart.runs.setup import TrainingSetup


def learn_features(
    setup: TrainingSetup, classifier: Classifier, listener: Listener
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute a fine-tuned network's features, and learn from them which images are familiar.

    From which score on an image is unfamiliar is learned from held-out images: the training images lie closer
    together than new ones, now that the network has been trained on them.

    Returns:
        Features (N, features) and probabilities (N, classes) of the training images.
    """
    train, validation = setup.stores["train"], setup.validation
    features, probabilities = features_and_probabilities(
        classifier, train.images, listener.featuring, setup.precision
    )
    new, _ = features_and_probabilities(classifier, validation.images, precision=setup.precision)
    reference = fit_reference(features, train.labels, setup.config.seed)
    classifier.reference = reference
    limit = familiar_limit(reference.score(new))
    classifier.card = replace(classifier.card, novelty=NoveltyLimit(BY_FEATURES, limit))
    return features, probabilities
