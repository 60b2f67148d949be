"""`train --backbone`: each kind of pretrained network, from the command to a file that plain Keras opens."""

import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from command_line import make_pictures, tellapart
from keras import layers
from PIL import Image

import tellapart as api
from tellapart.data.decode import decode

PLAIN_KERAS = """
import json, sys
import numpy as np, keras
assert "tellapart" not in sys.modules
model, images = keras.models.load_model(sys.argv[1]), np.load(sys.argv[2])
print(json.dumps(np.asarray(model.predict(images.astype("float32"), verbose=0)).tolist()))
"""


def tutorial(path):
    """A model as Keras's tutorial on transfer learning builds it: the base model is a layer."""
    base = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(32, 32, 3))
    image = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(base(layers.Rescaling(1 / 127.5, -1)(image), training=False))
    keras.Model(image, layers.Dense(1)(layers.Dropout(0.2)(x))).save(path)
    return path


def gray(path):
    stack = [layers.Conv2D(6, 3, activation="relu"), layers.Flatten(), layers.Dense(9, activation="relu")]
    keras.Sequential([keras.Input((20, 24, 1)), *stack, layers.Dense(3, activation="softmax")]).save(path)
    return path


def weights(path):
    network = keras.applications.MobileNetV3Small(weights=None, include_top=False, pooling="avg")
    network.save_weights(path)
    return f"mobilenetv3small={path}"


KINDS = {
    "application": lambda place, _: (weights(place / "net.weights.h5"), "--size", "48"),
    "built-in": lambda *_: ("cifar10",),
    "gray": lambda place, _: (gray(place / "gray.h5"),),
    "installed": lambda *_: ("lite0", "--size", "32x48"),
    "run": lambda _, run: (run,),
    "tutorial": lambda place, _: (tutorial(place / "net.keras"), "--size", "40"),
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_trains_predicts_and_opens_in_plain_keras(kind, folder, run, tmp_path):
    name, *options = KINDS[kind](tmp_path, run)
    out = tmp_path / "out"
    result = tellapart(
        "train", folder, "--backbone", name, *options, "--out", out, "--fine-tune", "off", "--json", "--quiet"
    )
    assert result.code == 0, result.err
    assert json.loads(result.out)["run"] == str(out)
    origin = api.load(out).card.origin
    assert origin["recipe"] == "transfer"
    assert len(origin["backbone_sha256"]) == 64

    files = sorted(folder.rglob("*.png"))[:6]
    predicted = tellapart("predict", out, *files, "--json")
    assert predicted.code == 0, predicted.err
    classifier = api.load(out)
    images = np.stack([classifier.card.preprocessing.apply(decode(file)) for file in files])
    np.save(tmp_path / "images.npy", images)
    command = [sys.executable, "-c", PLAIN_KERAS, out / "model.keras", tmp_path / "images.npy"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=200, env={"KERAS_BACKEND": "torch"}
    )
    assert done.returncode == 0, done.stderr
    plain = np.array(json.loads(done.stdout.splitlines()[-1]))
    np.testing.assert_allclose(classifier.probabilities(images, tta_views=1), plain, rtol=0, atol=1e-5)


@pytest.fixture
def without_network(tmp_path, monkeypatch):
    """Keras's downloads go to a port of this machine on which nobody listens."""
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path / "keras"))
    (tmp_path / "keras").mkdir()
    monkeypatch.setattr("keras.src.applications.mobilenet_v3.BASE_WEIGHT_PATH", "http://127.0.0.1:9/")


def refused(out, *arguments):
    """The error of a command, which is one paragraph and leaves no run folder."""
    result = tellapart("train", *arguments, "--out", out)
    assert result.out == ""
    assert not out.exists()
    *before, error = result.err.splitlines()
    assert error.startswith("Error: ")
    return result.code, error, before


def test_without_network_it_says_what_was_to_be_downloaded_and_what_else_there_is(
    folder, without_network, tmp_path
):
    code, error, before = refused(tmp_path / "out", folder, "--backbone", "mobilenetv3small")
    file = tmp_path / "keras/models/weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"
    assert before == [
        f"The ImageNet weights of MobileNetV3Small, about 4 MB, are downloaded once, to {file}."
    ]
    assert code == 1
    assert "could not be downloaded: http://127.0.0.1:9/" in error
    assert "Connection refused" in error
    assert f"--backbone MobileNetV3Small=FILE.h5, or put it at {file}" in error


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--backbone", "mobilnet"), 2, "Unknown backbone 'mobilnet'. Did you mean MobileNet"),
        (
            ("--backbone", "lite0", "--recipe", "quick"),
            2,
            "Only the recipe transfer has a backbone; quick trains",
        ),
        (("--backbone", "lite0", "--target", "90%"), 2, "The recipe transfer has no target"),
        (
            ("--backbone", "lite0", "--epochs", "3", "--fine-tune", "off"),
            2,
            "The recipe transfer uses the epochs only in fine-tuning, which is off",
        ),
        (("--backbone", "lite0", "--epochs", "0"), 2, "epochs must be a whole number of at least 1; got 0"),
        (("--backbone", "lite0", "--size", "10"), 2, "The network needs pictures of at least 14 x 14 pixels"),
        (
            ("--backbone", "ResNet50=missing.h5"),
            1,
            "missing.h5: no such file of weights in the current folder",
        ),
        (("--backbone", "missing.keras"), 1, "missing.keras: no such model file"),
        (("--backbone", "hub:resnet_18_imagenet"), 4, "pip install 'tellapart[hub]'"),
    ],
)
def test_what_cannot_be_is_refused_before_any_picture_is_read(
    arguments, code, words, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr("tellapart.models.hub.is_installed", lambda: False)
    monkeypatch.setattr("tellapart.api.prepare.load_stores", lambda *_: pytest.fail("pictures were read"))
    exit_code, error, before = refused(tmp_path / "out", folder, *arguments)
    assert (exit_code, before) == (code, [])
    assert words in error


def test_weights_of_another_network_are_refused(folder, tmp_path):
    name = weights(tmp_path / "net.weights.h5").replace("mobilenetv3small", "MobileNetV2")
    code, error, _ = refused(tmp_path / "out", folder, "--backbone", name, "--size", "48")
    assert code == 1
    assert "holds the weights of another network than MobileNetV2" in error
    assert "of shape" in error


def test_weights_with_another_checksum_are_refused(folder, tmp_path, monkeypatch):
    other = tmp_path / "lite0.pth"
    other.write_bytes(b"other weights")
    monkeypatch.setattr("tellapart.models.backbones.weights_file", lambda _: other)
    code, error, _ = refused(tmp_path / "out", folder, "--backbone", "lite0")
    assert code == 1
    assert f"{other} is damaged, or another file: its sha256 is" in error


def test_pictures_that_are_all_too_small_are_refused(tmp_path):
    for name in ("dark", "light"):
        (tmp_path / "tiny" / name).mkdir(parents=True)
        for number in range(9):
            Image.new("L", (9, 7), 20 * number).save(tmp_path / "tiny" / name / f"{number}.png")
    code, error, _ = refused(tmp_path / "out", tmp_path / "tiny")
    assert code == 2
    assert "the pictures are 7 x 9 pixels, too small to tell anything apart" in error


def test_one_small_picture_is_left_out_and_named(tmp_path):
    folder = make_pictures(tmp_path / "pictures", {"dark": 20, "light": 20})
    Image.new("RGB", (40, 5)).save(folder / "dark" / "strip.png")
    out = tmp_path / "out"
    result = tellapart("train", folder, "--backbone", "cifar10", "--fine-tune", "off", "--out", out)
    assert result.code == 0, result.err
    assert "dark/strip.png: too small: 5 x 40 pixels, less than 8 x 8" in result.out + result.err


def test_a_class_of_one_picture_is_refused(tmp_path):
    folder = make_pictures(tmp_path / "pictures", {"dark": 20, "light": 20, "single": 1})
    code, error, _ = refused(tmp_path / "out", folder, "--backbone", "cifar10")
    assert code == 3
    assert "single" in error


def test_the_card_travels_in_the_file(folder, run, tmp_path):
    out = tmp_path / "out"
    assert (
        tellapart("train", folder, "--backbone", run, "--out", out, "--fine-tune", "off", "--quiet").code == 0
    )
    with zipfile.ZipFile(out / "model.keras") as archive:
        card = json.loads(archive.read("tellapart.json"))
    own = api.load(run).card.preprocessing
    assert card["preprocessing"] == own.to_dict()
    assert card["origin"]["backbone"] == str(run)
