"""Presets of KerasHub, saved on this machine: features, pixels and files."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from tellapart.errors import ConfigError, DownloadError, ModelError
from tellapart.inference.feature_net import FeatureNet
from tellapart.models.backbones import with_head
from tellapart.models.hub import describe_preset, is_preset_folder, open_preset
from tellapart.models.stages import depths

keras_hub = pytest.importorskip("keras_hub", exc_type=ImportError)
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
SCALE, OFFSET = [1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)], [-0.485 / 0.229, -2.0, -1.8]


def outputs(model, pixels=PIXELS):
    return keras.ops.convert_to_numpy(model(pixels.astype(np.float32)))


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    """A small residual network with its folder."""
    models, folder = keras_hub.models, tmp_path_factory.mktemp("presets") / "resnet"
    backbone = models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 32],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
    )
    converter = keras_hub.layers.ResNetImageConverter(
        image_size=(64, 64), scale=SCALE, offset=OFFSET, crop_to_aspect_ratio=False, pad_to_aspect_ratio=True
    )
    preprocessor = models.ResNetImageClassifierPreprocessor(converter)
    task = models.ResNetImageClassifier(backbone, num_classes=5, preprocessor=preprocessor)
    task.save_to_preset(str(folder))
    return task, folder


@pytest.fixture(scope="module")
def transformer(tmp_path_factory):
    models, folder = keras_hub.models, tmp_path_factory.mktemp("presets") / "vit"
    backbone = models.ViTBackbone(
        image_shape=(64, 64, 3), patch_size=16, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64
    )
    converter = keras_hub.layers.ViTImageConverter(image_size=(64, 64), scale=1 / 127.5, offset=-1)
    preprocessor = models.ViTImageClassifierPreprocessor(converter)
    models.ViTImageClassifier(backbone, num_classes=4, preprocessor=preprocessor).save_to_preset(str(folder))
    return folder


def test_a_preset_says_which_images_it_reads(resnet):
    described = describe_preset(str(resnet[1]))
    assert (described.height, described.width, described.policy) == (64, 64, "pad")
    assert described.file == resnet[1] / "model.weights.h5"
    assert described.file.is_file()
    assert is_preset_folder(resnet[1])
    assert not is_preset_folder(resnet[1].parent)


def test_features_are_those_of_keras_hub(resnet):
    task, folder = resnet
    expected = keras.ops.convert_to_numpy(
        task.pooler(task.backbone(task.preprocessor.image_converter(PIXELS)))
    )
    features = open_preset(str(folder), 64, 64)
    np.testing.assert_allclose(outputs(features), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(FeatureNet(features)(PIXELS), expected, rtol=1e-4, atol=1e-4)
    assert open_preset(str(folder), 96, 80).input_shape == (None, 96, 80, 3)
    assert len(set(depths(with_head(features, 2)).values())) > 2  # its stages can be told apart


def opens_in(file, program):
    command = [sys.executable, "-c", f"{program}; import keras; keras.models.load_model({str(file)!r})"]
    return subprocess.run(command, capture_output=True, text=True, timeout=100).returncode == 0


def test_a_model_of_keras_layers_opens_without_keras_hub(resnet, tmp_path):
    with_head(open_preset(str(resnet[1]), 64, 64), 2).save(tmp_path / "net.keras")
    hidden = "import sys; sys.modules['keras_hub'] = None"
    assert opens_in(tmp_path / "net.keras", hidden)


def test_a_model_of_keras_hubs_own_layers_opens_with_it(transformer, tmp_path):
    features = open_preset(str(transformer), 64, 64)
    np.testing.assert_allclose(FeatureNet(features)(PIXELS), outputs(features), atol=1e-5)
    with_head(features, 2).save(tmp_path / "net.keras")
    assert opens_in(tmp_path / "net.keras", "pass")
    with pytest.raises(ConfigError, match="pictures of 64 x 64 pixels and no others"):
        open_preset(str(transformer), 96, 96)


def test_pixels_changed_in_another_way_are_refused(resnet, monkeypatch):
    converter = type(resnet[0].preprocessor.image_converter)
    monkeypatch.setattr(converter, "call", lambda self, images: images[..., ::-1])
    with pytest.raises(ModelError, match="changes pixels in a way that a Rescaling layer cannot"):
        open_preset(str(resnet[1]), 64, 64)


def test_a_name_that_is_no_preset_and_a_missing_network_are_told_apart(monkeypatch):
    with pytest.raises(ConfigError, match="hub:nonsense is no image network of KerasHub"):
        describe_preset("nonsense")

    def refuse(*_, **__):
        try:
            raise OSError("Connection refused")
        except OSError as reason:
            raise RuntimeError("a pool of many words") from reason

    monkeypatch.setattr("kagglehub.model_download", refuse)
    with pytest.raises(
        DownloadError, match=r"resnet_18_imagenet could not be downloaded: Connection refused. Without"
    ):
        describe_preset("resnet_18_imagenet")
