"""Which pretrained network a name or a path means, which images it reads, and what is said before it is opened."""

import hashlib

import keras
import numpy as np
import pytest
from keras import layers

from tellapart.classifier.backbone_choice import choose_backbone
from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ConfigError, MissingExtraError, ModelError
from tellapart.models import hub
from tellapart.models.backbones import weights_file
from tellapart.models.pretrained import pretrained_model


def opened(name):
    choice = choose_backbone(name)
    return choice.open(choice.preprocessing.height, choice.preprocessing.width)


def gray_network():
    return keras.Sequential(
        [
            keras.Input((20, 24, 1)), layers.Rescaling(1 / 255), layers.Conv2D(6, 3, activation="relu"),
            layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax"),
        ]
    )  # fmt: skip


@pytest.fixture(autouse=True)
def without_keras_hub(tmp_path, monkeypatch):
    """As where keras-hub is not installed; in a folder of its own, with an empty cache of Keras's downloads."""
    monkeypatch.setattr(hub, "is_installed", lambda: False)
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path / "keras"))
    monkeypatch.chdir(tmp_path)


def test_lite0_comes_with_its_package():
    choice = choose_backbone("lite0")
    assert choice.preprocessing == Preprocessing(height=224, width=224)
    assert choice.notice(224, 224) == ""
    backbone = choice.open(64, 64)
    assert backbone.features.output_shape == (None, 1280)
    assert backbone.origin == {
        "backbone": "lite0",
        "backbone_file": weights_file("lite0").name,
        "backbone_sha256": hashlib.sha256(weights_file("lite0").read_bytes()).hexdigest(),
    }


def test_a_folder_of_pictures_that_has_its_name_is_not_taken_for_it(tmp_path):
    (tmp_path / "lite0").mkdir()
    assert choose_backbone("lite0").preprocessing.height == 224
    with pytest.raises(ConfigError, match="lite0 is a folder without a model"):
        choose_backbone("./lite0")


def test_the_built_in_imagenet_model_is_lite0():
    assert choose_backbone("imagenet").name == "lite0"


@pytest.mark.parametrize("name", ["MobileNetV2", "mobilenetv2", "MOBILENETV2"])
def test_a_network_of_keras_says_beforehand_what_it_downloads(name, tmp_path):
    choice = choose_backbone(name)
    assert choice.name == "MobileNetV2"
    assert choice.notice(224, 224) == (
        "The ImageNet weights of MobileNetV2, about 9 MB, are downloaded once, to "
        f"{tmp_path}/keras/models/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
    )


def test_nothing_is_said_where_the_weights_are_there(tmp_path):
    choice = choose_backbone("MobileNetV2")
    file = choice.file(224, 224)
    file.parent.mkdir(parents=True)
    file.touch()
    assert choice.notice(224, 224) == ""


def test_a_local_file_of_weights_is_used_and_recorded(tmp_path):
    path = tmp_path / "my.weights.h5"
    network = keras.applications.MobileNetV3Small(weights=None, include_top=False, pooling="avg")
    network.save_weights(path)
    choice = choose_backbone(f"mobilenetv3small={path}")
    assert choice.notice(64, 64) == ""
    backbone = choice.open(64, 64)
    assert backbone.origin["backbone_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (backbone.origin["backbone"], backbone.origin["backbone_file"]) == (
        "MobileNetV3Small",
        "my.weights.h5",
    )
    for weight, expected in zip(backbone.features.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize(("name", "features"), [("cifar10", 256), ("digits", 128)])
def test_a_built_in_model_is_read_as_its_card_says(name, features):
    choice = choose_backbone(name)
    assert choice.preprocessing.channels == (1 if name == "digits" else 3)
    assert opened(name).features.output_shape == (None, features)
    assert opened(name).origin["backbone_file"] == pretrained_model(name).name


def test_a_run_folder_is_read_as_its_card_says(trained):
    choice = choose_backbone(str(trained.folder))
    assert choice.preprocessing == trained.classifier.card.preprocessing
    assert choice.notice(16, 16) == ""
    assert opened(str(trained.folder)).features.layers[-1].name != "head"


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_plain_model_is_assumed_to_read_raw_pixels_and_says_so(suffix):
    gray_network().save(f"net{suffix}")
    choice = choose_backbone(f"net{suffix}")
    assert choice.preprocessing == Preprocessing(height=20, width=24, channels=1)
    assert choice.notice(20, 24) == (
        f"net{suffix} has no model card: assumes that it reads pixels from 0 to 255, not scaled in advance"
    )
    assert opened(f"net{suffix}").features.output_shape == (None, 6)
    assert choice.open(40, 40).features.input_shape == (None, 40, 40, 1)


def test_a_network_for_any_size_needs_one():
    image = keras.Input((None, None, 3))
    keras.Model(image, layers.Conv2D(6, 3)(image)).save("any.keras")
    with pytest.raises(ConfigError, match=r"any\.keras takes pictures of any size.*--size 224"):
        choose_backbone("any.keras")
    assert choose_backbone("any.keras", (32, 40)).open(32, 40).features.input_shape == (None, 32, 40, 3)


def test_a_file_that_changed_is_read_again():
    gray_network().save("net.keras")
    assert choose_backbone("net.keras").preprocessing.channels == 1
    image = keras.Input((32, 32, 3))
    keras.Model(image, layers.Conv2D(6, 3)(image)).save("net.keras")
    assert choose_backbone("net.keras").preprocessing.channels == 3


def test_an_unknown_name_meets_similar_ones():
    with pytest.raises(
        ConfigError, match=r"^Unknown backbone 'resnet5'. Did you mean ResNet50.*Accepted: lite0 or"
    ):
        choose_backbone("resnet5")
    with pytest.raises(ConfigError, match=r"^Unknown backbone 'nothing-like-it'. Accepted: "):
        choose_backbone("nothing-like-it")
    with pytest.raises(ConfigError, match="cannot build NASNetMobile on its torch backend"):
        choose_backbone("nasnetmobile")


def test_a_missing_model_a_folder_and_weights_alone_are_told_apart(tmp_path):
    with pytest.raises(ModelError, match=r"runs/net\.keras: no such model file"):
        choose_backbone("runs/net.keras")
    with pytest.raises(ConfigError, match=r"runs/photos: no such file or folder in the current folder"):
        choose_backbone("runs/photos")
    (tmp_path / "photos").mkdir()
    with pytest.raises(
        ConfigError, match=r"photos is a folder without a model: a run folder holds model\.keras"
    ):
        choose_backbone("photos")
    gray_network().save_weights("net.weights.h5")
    with pytest.raises(
        ModelError, match=r"only weights, not the network.*--backbone MobileNetV2=net\.weights\.h5"
    ):
        choose_backbone("net.weights.h5")
    with pytest.raises(ConfigError, match=r"MobileNetV2= lacks a file"):
        choose_backbone("MobileNetV2=")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"neither"])
def test_a_damaged_model_is_refused(content, tmp_path):
    (tmp_path / "net.keras").write_bytes(content)
    with pytest.raises(ModelError, match=r"net\.keras cannot be read as a Keras model"):
        choose_backbone("net.keras")


def test_what_is_no_image_network_is_refused():
    keras.Sequential([keras.Input((7,)), layers.Dense(2)]).save("rows.keras")
    with pytest.raises(ModelError, match=r"rows\.keras is no image network: its input has shape \(None, 7\)"):
        choose_backbone("rows.keras")


def test_keras_hub_comes_with_its_install_line():
    with pytest.raises(MissingExtraError, match=r"pip install 'tellapart\[hub\]'"):
        choose_backbone("hub:resnet_18_imagenet")
