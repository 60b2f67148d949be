"""The networks that a recipe can name: how each is built, which settings it has, what it needs besides.

A new network is a file of this folder and one entry in `NETWORKS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import ConfigError
from tellapart.models.first_cnn import first_cnn
from tellapart.models.whitened_cnn import freeze_whitening, initialize, whitened_cnn
from tellapart.models.wide_resnet import wide_resnet

Builder = Callable[..., Any]
"""(image shape (H, W, C), classes, widths, depth) -> a built, uncompiled Keras model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One architecture; an entry of NETWORKS."""

    build: Builder

    has_widths: bool = True
    """Whether a recipe chooses the widths of its three groups."""

    depths: tuple[int, ...] | None = None
    """The depths that it can have; None: any."""

    initialize: Callable[[Any, NDArray[np.uint8], int], None] | None = None
    """(model, training images, seed): sets the initial weights; None: Keras's own are kept."""

    finish: Callable[[Any], None] | None = None
    """Prepares a trained model for saving, so that Keras reads it back unchanged; None: nothing to do."""

    def check(self, name: str, widths: Any, depth: int) -> None:
        """Check the settings of this network.

        Raises:
            ConfigError: widths or a depth that it cannot have; it states the accepted ones.
        """
        if self.has_widths and not _are_three_widths(widths):
            raise ConfigError(f"The network {name} has three widths, such as (64, 128, 256); got {widths}.")
        if not self.has_widths and widths is not None:
            raise ConfigError(
                f"The network {name} has fixed widths; got {widths}. "
                "Omit widths, or use the recipe fast, accurate or best."
            )
        if self.depths is not None and depth not in self.depths:
            choices = " or ".join(map(str, self.depths))
            raise ConfigError(f"The depth of the network {name} is {choices}; got {depth}.")


def _are_three_widths(widths: Any) -> bool:
    return widths is not None and len(widths) == 3 and all(isinstance(w, int) and w > 0 for w in widths)


NETWORKS = {
    "first-cnn": Network(
        build=lambda shape, classes, _widths, _depth: first_cnn(shape, classes),
        has_widths=False,
        depths=(2,),
    ),
    "whitened-cnn": Network(
        build=whitened_cnn, depths=(2, 3), initialize=initialize, finish=freeze_whitening
    ),
    "wide-resnet": Network(build=wide_resnet),
}
"""Name in a configuration -> network."""
