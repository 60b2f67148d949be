"""LiteRT: files that its interpreter runs, one picture at a time, with every form of answer."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import tellapart
from tellapart.classifier.card import ModelCard, NoveltyLimit
from tellapart.classifier.classifier import Classifier
from tellapart.data.preprocess import Preprocessing
from tellapart.keras_backend import import_keras

pytest.importorskip("litert_torch", reason="litert-torch is not installed")
pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")

keras = import_keras()
layers = keras.layers
IMAGES = np.random.default_rng(0).integers(0, 256, (12, 17, 15, 3), dtype=np.uint8)


def classifier(classes=4, activation="softmax", **changes):
    """Odd sides and strides; poolings before activations that do not always grow; sharp answers."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((17, 15, 3)),
            layers.Rescaling(1 / 255, -0.3),
            layers.Conv2D(8, 4, 2, padding="same"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2, padding="same"),
            layers.Activation("silu"),
            layers.DepthwiseConv2D(3, 2, padding="same", activation="relu6"),
            layers.Flatten(),
            layers.Dense(12, activation="gelu"),
            layers.Dense(classes, activation=activation),
        ]
    )
    model.layers[-1].kernel.assign(model.layers[-1].kernel * 40)
    names = tuple("abcdefgh"[: max(classes, 2)])
    return Classifier.of_model(model, ModelCard(names, Preprocessing(height=17, width=15), **changes))


def proof_of(own, folder):
    return tellapart.export(own, "litert", folder / "net.tflite", pictures=IMAGES).proof


@pytest.mark.parametrize("views", [1, 2, 6])
def test_views_are_averaged_in_the_file(views, tmp_path):
    proof = proof_of(classifier(tta_views=views), tmp_path)
    assert proof.largest_difference <= 1e-5
    assert proof.agreement == 1


@pytest.mark.parametrize("views", [1, 6])
def test_labels_of_their_own(views, tmp_path):
    own = classifier(activation="sigmoid", multi_label=True, thresholds=(0.5,) * 4, tta_views=views)
    assert proof_of(own, tmp_path).largest_difference <= 1e-5


@pytest.mark.parametrize(("classes", "activation"), [(4, "linear"), (1, "sigmoid"), (1, "linear")])
def test_logits_and_single_outputs_become_probabilities(classes, activation, tmp_path):
    assert proof_of(classifier(classes, activation), tmp_path).largest_difference <= 1e-5


@pytest.mark.parametrize("method", ["energy", "standardized energy"])
def test_the_novelty_score_is_inside(method, tmp_path):
    assert proof_of(classifier(novelty=NoveltyLimit(method, 0.0)), tmp_path).novelty_agreement == 1


def test_the_distance_to_the_training_pictures_is_inside(tmp_path):
    own = classifier()
    features = np.abs(np.random.default_rng(1).normal(size=(200, 12))).astype(np.float32)
    own.learn_familiar(features, np.arange(200) % 4)
    assert proof_of(own, tmp_path).novelty_agreement == 1


def test_a_layer_without_a_rule_is_converted_too(tmp_path):
    inputs = keras.Input((17, 15, 3))
    x = layers.UnitNormalization(axis=-1)(layers.Conv2D(6, 3)(inputs))
    outputs = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    card = ModelCard(("a", "b", "c"), Preprocessing(height=17, width=15))
    own = Classifier.of_model(keras.Model(inputs, outputs), card)
    assert proof_of(own, tmp_path).largest_difference <= 1e-5


def test_the_file_runs_without_tellapart_and_names_what_goes_in_and_out(tmp_path):
    own = classifier(tta_views=2, novelty=NoveltyLimit("energy", 0.0))
    done = tellapart.export(own, "litert", tmp_path / "net.tflite", pictures=IMAGES)
    script = (
        "import sys, numpy\n"
        "from ai_edge_litert.interpreter import Interpreter\n"
        "predict = Interpreter(sys.argv[1]).get_signature_runner()\n"
        "answers = [predict(pictures=image[None]) for image in numpy.load(sys.argv[2])]\n"
        "numpy.save(sys.argv[3], [answer['probabilities'][0] for answer in answers])\n"
        "assert {name: answers[0][name].shape for name in answers[0]} == {'probabilities': (1, 4), 'novelty': (1,)}\n"
        "assert 'tellapart' not in sys.modules and 'torch' not in sys.modules\n"
    )
    np.save(tmp_path / "images.npy", IMAGES)
    files = [done.path, tmp_path / "images.npy", tmp_path / "answers.npy"]
    subprocess.run([sys.executable, "-c", script, *files], check=True)
    np.testing.assert_allclose(np.load(tmp_path / "answers.npy"), own.probabilities(IMAGES), atol=1e-5)


def test_the_file_holds_its_record_says_its_batch_and_has_no_paths(tmp_path):
    done = tellapart.export(classifier(), "litert", tmp_path / "net.tflite", pictures=IMAGES)
    with zipfile.ZipFile(done.path) as archive:
        record = json.loads(archive.read("tellapart.json"))
    assert record["class_names"] == list("abcd")
    assert record["input"]["shape"] == [1, 17, 15, 3]
    assert record["outputs"]["probabilities"]["shape"] == [1, 4]
    assert "one picture at a time" in done.notes[0]
    content = done.path.read_bytes()
    assert b"site-packages" not in content
    assert str(tmp_path).encode() not in content


def test_nothing_is_printed(tmp_path, capfd):
    proof_of(classifier(), tmp_path)
    assert capfd.readouterr().out == ""


def test_equal_models_give_equal_files(tmp_path):
    files = []
    for name in ("a", "b"):
        own = classifier()
        files.append(tellapart.export(own, "litert", tmp_path / f"{name}.tflite", pictures=IMAGES).path)
    assert files[0].read_bytes() == files[1].read_bytes()
