"""Recognizing the networks of `keras.applications` inside a model, by the names of their layers.

Knows nothing of how pixels are scaled; `models.applications` does.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from tellapart.models.applications import APPLICATIONS


class Family(NamedTuple):
    """Networks that share the names of their layers; an entry of FAMILIES."""

    title: str
    member: str
    """One of them, a name of APPLICATIONS."""
    layers: frozenset[str]
    """Names that every member has; of the first family whose names a model has, it is one."""


def _family(title: str, member: str, *layers: str) -> Family:
    return Family(title, member, frozenset(layers))


FAMILIES = (
    _family("MobileNetV2", "MobileNetV2", "bn_Conv1", "expanded_conv_depthwise"),
    _family("MobileNet", "MobileNet", "conv_dw_1", "conv_pw_1"),
    _family("Xception", "Xception", "block1_conv1", "block2_sepconv1"),
    _family("InceptionV3", "InceptionV3", "mixed0", "mixed10"),
    _family("InceptionResNetV2", "InceptionResNetV2", "mixed_5b", "conv_7b"),
    _family("DenseNet", "DenseNet121", "conv2_block1_0_bn", "pool2_conv"),
    _family("ResNetV2", "ResNet50V2", "conv2_block1_preact_bn", "post_bn"),
    _family("ResNet", "ResNet50", "conv1_conv", "conv2_block1_1_conv"),
    _family("ResNet50", "ResNet50", "bn_conv1", "res2a_branch2a"),  # as Keras 2.0 to 2.2 named them
    _family("VGG", "VGG16", "block1_conv1", "block5_conv3"),
    _family("NASNet", "NASNetLarge", "stem_conv1", "stem_bn1"),
)
"""The later ones, such as EfficientNet, scale pixels themselves."""


def family_of(layer_names: Iterable[str]) -> Family | None:
    """Return the family of a network with these layers, those of models within it too; None: it is of no family."""
    names = set(layer_names)
    return next((family for family in FAMILIES if family.layers <= names), None)


def scaling_of(family: Family) -> str:
    """Return the name of the pixel scaling that `preprocess_input` of a family does."""
    return APPLICATIONS[family.member].scaling


def layer_names(model: Any) -> list[str]:
    """Return the names of a model's layers, those of models within it too."""
    return [
        name
        for layer in getattr(model, "operations", model.layers)
        for name in (layer_names(layer) if hasattr(layer, "layers") else [layer.name])
    ]
