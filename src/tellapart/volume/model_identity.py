"""Which model this is: one digest of all that its predictions depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier.classifier import Classifier
from tellapart.inference.stored_net import StoredNet


def model_digest(classifier: Classifier) -> str:
    """Return a sha256, hexadecimal, of a classifier's weights, its card and how it is used.

    It is the same however the model was loaded; a copy of the file elsewhere is the same model.
    """
    usage = None if classifier.usage is None else classifier.usage.to_dict()
    digest = hashlib.sha256(json.dumps([classifier.card.to_json(), usage], default=str).encode())
    if classifier.reference is not None:
        for name, values in sorted(classifier.reference.to_arrays().items()):
            _add(digest, name, values)
    for number, weight in enumerate(_weights(classifier)):
        _add(digest, str(number), weight)
    return digest.hexdigest()


def _weights(classifier: Classifier) -> Iterator[NDArray[np.generic]]:
    """Yield the weights in Keras's order; those of a net that was read without Keras as they are."""
    net = classifier.net.net
    if isinstance(net, StoredNet):
        yield from (weight.detach().cpu().numpy() for weight in net.weights())
    else:
        yield from map(np.asarray, classifier.model.get_weights())


def _add(digest: Any, name: str, array: NDArray[np.generic]) -> None:
    digest.update(f"{name} {array.dtype} {array.shape}\0".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
