"""Randomized networks: equally large weights, and nothing learned.

The numbers of each weight are shuffled, in the order of Keras's `get_weights`, so that a network gets the same noise
whether or not it was read without Keras.

Source: Adebayo et al. 2018, arXiv:1810.03292, with a permutation in place of a new initialization, so that the
magnitudes stay.
"""

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.inference.stored_net import StoredNet
from tellapart.lowering import LoweredNet, lower


def randomized_net(net: LoweredNet, seed: int) -> LoweredNet:
    """Return a copy of an unfused net in which each weight's numbers are shuffled.

    Raises:
        ValueError: Keras runs a layer, and the model cannot be cloned, because only its own code knows how to build it.
    """
    if net.keeps_layer_losses():
        return lower(_randomized_model(net.model, seed), "float32", fused=False)
    nets = [part for part in net.modules() if isinstance(part, LoweredNet)]
    memo: dict[int, Any] = {id(kept): kept for each in nets for kept in (each.model, each.graph)}
    random = np.random.default_rng(seed)
    for weight in net.model.weights:
        numbers = torch.from_numpy(_shuffled(weight.value.detach().numpy(), random))
        memo[id(weight.value)] = torch.nn.Parameter(numbers, requires_grad=False)
    return deepcopy(net, memo)


def randomized_stored_net(net: StoredNet, seed: int) -> StoredNet:
    """Return a copy of a stored net with each weight's numbers shuffled, as in `randomized_net`."""
    random, copy = np.random.default_rng(seed), deepcopy(net)
    for weight in copy.weights():
        weight.copy_(torch.from_numpy(_shuffled(weight.numpy(), random)))
    return copy


def _randomized_model(model: Any, seed: int) -> Any:
    import keras

    random = np.random.default_rng(seed)
    try:
        clone = keras.models.clone_model(model)
        clone.set_weights([_shuffled(weight, random) for weight in model.get_weights()])
    except (TypeError, NotImplementedError) as failed:
        raise ValueError(str(failed)) from failed
    return clone


def _shuffled(weight: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    return random.permutation(weight.ravel()).reshape(weight.shape)
