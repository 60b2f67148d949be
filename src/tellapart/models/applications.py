"""The networks of `keras.applications`, without their heads: weights from Keras's own download, or from a local file.

Each reads pixels 0 to 255 here: what its `preprocess_input` does to them becomes a layer.

Knows nothing of class names.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tellapart.errors import ConfigError
from tellapart.events import Progress
from tellapart.keras_backend import import_keras
from tellapart.keras_internals import keras_home
from tellapart.models.headless import first_line, headless
from tellapart.models.keras_download import fetching
from tellapart.models.pixel_scaling import IMAGENET_DEVIATIONS, PIXEL_SCALINGS
from tellapart.models.weights_file import load_weights_file

Scaling = Literal["0-255", "-1-1", "imagenet", "caffe"]
"""A name of PIXEL_SCALINGS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A network of `keras.applications`; an entry of APPLICATIONS."""

    side: int
    """Pixels of the images that it was trained on, height and width; Keras's default input size."""

    scaling: Scaling
    """What `preprocess_input` makes of pixels; "0-255": nothing, as a layer of the network scales them."""

    parameters: int
    """Without its head."""

    file: str
    """Keras's name of the downloaded weights. {side}: of the images, where there are weights for several sides."""

    sides: tuple[int, ...] = ()
    """Those sides; for others Keras takes the weights of 224."""

    def file_for(self, height: int, width: int) -> str:
        """Return Keras's name of the weights for images of a size."""
        return self.file.format(side=height if height == width and height in self.sides else 224)


def _family(
    scaling: Scaling, file: str, members: Mapping[str, tuple[str, int, int]]
) -> dict[str, Application]:
    """Return the applications of a family; members: name -> (what stands in the file's name, side, parameters)."""
    return {
        name: Application(side=side, scaling=scaling, parameters=parameters, file=file.replace("*", part))
        for name, (part, side, parameters) in members.items()
    }


_KERNELS = "*_weights_tf_dim_ordering_tf_kernels_notop.h5"
APPLICATIONS: dict[str, Application] = {
    "MobileNet": Application(
        side=224, scaling="-1-1", parameters=3_228_864, file="mobilenet_1_0_{side}_tf_no_top.h5",
        sides=(128, 160, 192, 224),
    ),
    "MobileNetV2": Application(
        side=224, scaling="-1-1", parameters=2_257_984,
        file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_{side}_no_top.h5", sides=(96, 128, 160, 192, 224),
    ),
    **_family("0-255", "weights_mobilenet_v3_*_224_1.0_float_no_top_v2.h5", {
        "MobileNetV3Small": ("small", 224, 939_120),
        "MobileNetV3Large": ("large", 224, 2_996_352),
    }),
    **_family("0-255", "efficientnet*_notop.h5", {
        "EfficientNetB0": ("b0", 224, 4_049_571),
        "EfficientNetB1": ("b1", 240, 6_575_239),
        "EfficientNetB2": ("b2", 260, 7_768_569),
        "EfficientNetB3": ("b3", 300, 10_783_535),
        "EfficientNetB4": ("b4", 380, 17_673_823),
        "EfficientNetB5": ("b5", 456, 28_513_527),
        "EfficientNetB6": ("b6", 528, 40_960_143),
        "EfficientNetB7": ("b7", 600, 64_097_687),
    }),
    **_family("0-255", "efficientnetv2-*_notop.h5", {
        "EfficientNetV2B0": ("b0", 224, 5_919_312),
        "EfficientNetV2B1": ("b1", 240, 6_931_124),
        "EfficientNetV2B2": ("b2", 260, 8_769_374),
        "EfficientNetV2B3": ("b3", 300, 12_930_622),
        "EfficientNetV2S": ("s", 384, 20_331_360),
        "EfficientNetV2M": ("m", 480, 53_150_388),
        "EfficientNetV2L": ("l", 480, 117_746_848),
    }),
    **_family("0-255", "convnext_*_notop.h5", {
        "ConvNeXtTiny": ("tiny", 224, 27_820_128),
        "ConvNeXtSmall": ("small", 224, 49_454_688),
        "ConvNeXtBase": ("base", 224, 87_566_464),
        "ConvNeXtLarge": ("large", 224, 196_230_336),
        "ConvNeXtXLarge": ("xlarge", 224, 348_147_968),
    }),
    **_family("caffe", _KERNELS, {
        "ResNet50": ("resnet50", 224, 23_587_712),
        "ResNet101": ("resnet101", 224, 42_658_176),
        "ResNet152": ("resnet152", 224, 58_370_944),
        "VGG16": ("vgg16", 224, 14_714_688),
        "VGG19": ("vgg19", 224, 20_024_384),
    }),
    **_family("imagenet", _KERNELS, {
        "DenseNet121": ("densenet121", 224, 7_037_504),
        "DenseNet169": ("densenet169", 224, 12_642_880),
        "DenseNet201": ("densenet201", 224, 18_321_984),
    }),
    **_family("-1-1", _KERNELS, {
        "ResNet50V2": ("resnet50v2", 224, 23_564_800),
        "ResNet101V2": ("resnet101v2", 224, 42_626_560),
        "ResNet152V2": ("resnet152v2", 224, 58_331_648),
        "InceptionV3": ("inception_v3", 299, 21_802_784),
        "InceptionResNetV2": ("inception_resnet_v2", 299, 54_336_736),
        "Xception": ("xception", 299, 20_861_480),
    }),
    **_family("-1-1", "nasnet_*_no_top.h5", {"NASNetLarge": ("large", 331, 84_887_922)}),
}  # fmt: skip
"""Keras's name -> network. NASNetMobile is missing: Keras cannot build it on its torch backend."""


def application_file(name: str, height: int, width: int) -> Path:
    """Return where Keras keeps an application's downloaded weights."""
    return Path(keras_home(import_keras())) / "models" / APPLICATIONS[name].file_for(height, width)


def open_application(
    name: str, height: int, width: int, weights: Path | None = None, progress: Progress | None = None
) -> Any:
    """Return an application without its head: (B, height, width, 3) pixels 0-255 -> (B, features).

    Args:
        name: of APPLICATIONS.
        height: of the images, in pixels.
        width: likewise.
        weights: a file that Keras published or that `save_weights` wrote, with or without a head; None: Keras
            downloads its own, unless it has them.
        progress: called with (bytes downloaded, bytes in all).

    Raises:
        ConfigError: the network cannot read images of that size.
        DownloadError: the weights could not be fetched, or arrived damaged.
        ModelError: the file of weights is missing, damaged or of another network.
    """
    if weights is None:
        with fetching(name, application_file(name, height, width), APPLICATIONS[name].parameters, progress):
            network = _built(name, height, width, weights="imagenet", include_top=False, pooling="avg")
    else:
        network = _built(name, height, width, include_top=False, pooling="avg")
        side = APPLICATIONS[name].side  # of files with a head, whose shapes may depend on it
        load_weights_file(weights, name, network, lambda classes: _built(name, side, side, classes=classes))
        _as_downloaded(network)
    if PIXEL_SCALINGS[APPLICATIONS[name].scaling].blue_first:
        _read_red_first(network)
    return headless(network)


def _built(name: str, height: int, width: int, weights: str | None = None, **settings: Any) -> Any:
    """Return the network behind a layer that scales pixels.

    Raises:
        ConfigError: it cannot read images of that size.
    """
    keras, shape = import_keras(), (height, width, 3)
    pixels = keras.Input(shape)
    scaling = PIXEL_SCALINGS[APPLICATIONS[name].scaling].rescaling
    scaled = pixels if scaling is None else keras.layers.Rescaling(**scaling)(pixels)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="`input_shape` is undefined or non-square")
            build = getattr(keras.applications, name)
            return build(weights=weights, input_tensor=scaled, input_shape=shape, **settings)
    except ValueError as reason:
        if "corrupted" in str(reason):  # the download
            raise
        raise ConfigError(
            f"{name} cannot read pictures of {height} x {width} pixels ({first_line(reason)}). It was trained at "
            f"{APPLICATIONS[name].side}: leave out --size, or choose a larger one."
        ) from reason


def _as_downloaded(network: Any) -> None:
    """Scale pixels as Keras does for the weights that it published for EfficientNetB0 to B7.

    Their file holds the deviations of ImageNet's channels where Normalization expects variances, and with
    weights="imagenet" Keras adds a layer that divides by the root of the deviations once more. The squares of the
    deviations as variances do the same.

    Source: keras/src/applications/efficientnet.py; tensorflow/tensorflow issue 49930.
    """
    for layer in network.layers:
        if type(layer).__name__ == "Normalization" and layer.weights:
            mean, variance, count = layer.get_weights()
            if np.allclose(variance, IMAGENET_DEVIATIONS, rtol=1e-3):
                layer.set_weights([mean, variance * np.asarray(IMAGENET_DEVIATIONS, variance.dtype), count])
                layer.finalize_state()


def _read_red_first(network: Any) -> None:
    """Turn the first convolution's input channels round: it was trained on blue, green, red."""
    layers = import_keras().layers
    first = next(layer for layer in network.layers if isinstance(layer, layers.Conv2D))
    kernel, *bias = first.get_weights()  # (height, width, 3, filters)
    first.set_weights([kernel[:, :, ::-1], *bias])
