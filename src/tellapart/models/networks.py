"""The networks that a recipe can name: how each is built, which settings it has, what it needs besides.

A new network is a file of this folder and one entry in `NETWORKS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import ConfigError
from tellapart.keras_backend import import_keras
from tellapart.models.backbones import DEFAULT_BACKBONE, backbone_side, open_backbone, with_head
from tellapart.models.first_cnn import first_cnn
from tellapart.models.photo_resnet import photo_resnet
from tellapart.models.whitened_cnn import freeze_whitening, initialize, whitened_cnn
from tellapart.models.wide_resnet import wide_resnet


class NetworkSettings(Protocol):
    """What a recipe may choose of a network: the fields of a TrainConfig that describe it."""

    @property
    def widths(self) -> tuple[int, int, int] | None:
        """Channels of its three groups."""
        ...

    @property
    def depth(self) -> int:
        """Layers or blocks of each group."""
        ...

    @property
    def backbone(self) -> str | None:
        """Name of a pretrained network."""
        ...


OWN = "own"
"""A Keras model that somebody gave; the run folder keeps it."""


Builder = Callable[[tuple[int, int, int], int, NetworkSettings], Any]
"""(image shape (H, W, C), classes, settings) -> a built, uncompiled Keras model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One architecture; an entry of NETWORKS."""

    build: Builder

    has_widths: bool = True
    """Whether a recipe chooses the widths of its three groups."""

    depths: tuple[int, ...] | None = None
    """The depths that it can have; None: any."""

    side: Callable[[NetworkSettings], int] | None = None
    """Height and width of the color images that it wants unless asked otherwise; None: the images' own."""

    standardizes: bool = False
    """Whether its first layer is a Rescaling, behind which layers that standardize images can stand."""

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


def _widths(settings: NetworkSettings) -> tuple[int, int, int]:
    assert settings.widths is not None  # `check` saw to it
    return settings.widths


def for_several_labels(model: Any) -> Any:
    """Return an uncompiled network whose last activation is a sigmoid for each label instead of a softmax over all."""
    keras = import_keras()
    last = model.layers[-1]
    assert last.activation is keras.activations.softmax, last.name
    last.activation = keras.activations.sigmoid
    return model


def _no_build(*_: Any) -> Any:
    raise ConfigError(
        "A network of one's own is given, not built: tellapart train DATA --model FILE.keras, or "
        "tellapart.train(DATA, model=MODEL)."
    )


NETWORKS: dict[str, Network] = {
    "first-cnn": Network(
        build=lambda shape, classes, _: first_cnn(shape, classes),
        has_widths=False,
        depths=(2,),
        standardizes=True,
    ),
    "whitened-cnn": Network(
        build=lambda shape, classes, settings: whitened_cnn(
            shape, classes, _widths(settings), settings.depth
        ),
        depths=(2, 3),
        initialize=initialize,
        finish=freeze_whitening,
    ),
    "photo-resnet": Network(
        build=lambda shape, classes, settings: photo_resnet(
            shape, classes, _widths(settings), settings.depth
        ),
        depths=(2, 3),
        initialize=initialize,
        finish=freeze_whitening,
    ),
    "wide-resnet": Network(
        build=lambda shape, classes, settings: wide_resnet(shape, classes, _widths(settings), settings.depth),
        standardizes=True,
    ),
    "backbone": Network(
        build=lambda shape, classes, settings: with_head(
            open_backbone(settings.backbone or DEFAULT_BACKBONE, shape[0], shape[1]), classes
        ),
        has_widths=False,
        side=lambda settings: backbone_side(settings.backbone or DEFAULT_BACKBONE),
    ),
    OWN: Network(build=_no_build, has_widths=False),
}
"""Name in a configuration -> network."""
