"""Formats: every file is proven on pictures, and opens in its own runtime without tellapart."""

import json
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import tellapart
from tellapart.classifier.card import ModelCard, NoveltyLimit
from tellapart.classifier.classifier import Classifier
from tellapart.data.preprocess import Preprocessing
from tellapart.exporters.registry import FORMATS
from tellapart.keras_backend import import_keras

keras = import_keras()
layers = keras.layers
INSTALLED = {
    name: form for name, form in FORMATS.items() if all(find_spec(package) for package in form.packages)
}
each_format = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.skipif(name not in INSTALLED, reason=f"{name}: not installed"))
        for name in FORMATS
    ],
)
IMAGES = np.random.default_rng(0).integers(0, 256, (24, 18, 15, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def classifier():
    """Convolutions, normalization, poolings before activations that do not always grow, an added branch."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((18, 15, 3))
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    for filters, activation in ((8, "hard_silu"), (16, "silu"), (16, "gelu")):
        x = layers.Conv2D(filters, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(2, padding="same")(x)
        x = layers.Activation(activation)(x)
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu6")(x)
    x = layers.Flatten()(layers.Add()([x, y]))
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(x))
    random = np.random.default_rng(1)
    model.set_weights(
        [random.normal(0.2, 0.4, w.shape) if w.ndim > 1 else np.abs(w) + 0.1 for w in model.get_weights()]
    )
    card = ModelCard(
        ("ant", "bee", "cow", "düne"),
        Preprocessing(height=18, width=15),
        temperature=1.5,
        tta_views=2,
        novelty=NoveltyLimit("energy", 0.0),
    )
    return Classifier.of_model(model, card)


@pytest.fixture(scope="module")
def exported(classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    return {
        name: tellapart.export(classifier, name, folder / f"net{form.suffix}", pictures=IMAGES)
        for name, form in INSTALLED.items()
    }


@each_format
def test_every_format_is_proven(exported, name):
    proof = exported[name].proof
    assert proof.pictures == len(IMAGES)
    assert proof.largest_difference <= 1e-5
    assert proof.agreement == 1
    assert proof.score is None
    assert proof.pictures_per_second > 0
    assert exported[name].path.is_file()


@each_format
def test_the_record_beside_says_how_pictures_go_in_and_what_comes_out(exported, name):
    record = json.loads(exported[name].record.read_text(encoding="utf-8"))
    assert record["class_names"] == ["ant", "bee", "cow", "düne"]
    batch = FORMATS[name].batch or "batch"
    assert record["input"]["shape"] == [batch, 18, 15, 3]
    assert all(output["shape"][0] == batch for output in record["outputs"].values())
    assert record["calibration"]["temperature"] == 1.5
    assert record["views"] == (2 if FORMATS[name].has_views else 1)
    assert record["proof"]["largest_difference"] == exported[name].proof.largest_difference
    if FORMATS[name].has_views:
        assert record["outputs"]["novelty"]["unfamiliar_above"] == 0.0


@each_format
def test_no_file_says_where_it_was_made(exported, name):
    path = exported[name].path
    contents = {file.name: file.read_bytes() for file in path.parent.glob(f"{path.stem}{path.suffix}*")}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            contents |= {entry: archive.read(entry) for entry in archive.namelist()}
    places = [str(path.parent), str(Path(tellapart.__file__).parent), str(Path.home()), "site-packages"]
    for file, content in contents.items():
        assert not [place for place in places if place.encode() in content], file


def test_onnx_takes_any_batch_and_holds_its_record_and_no_paths(exported, classifier):
    import onnx
    import onnxruntime

    path = exported["onnx"].path
    content = path.read_bytes()
    assert b"/tellapart/" not in content
    assert b"site-packages" not in content
    session = onnxruntime.InferenceSession(path)
    assert session.get_inputs()[0].shape == ["batch", 18, 15, 3]
    assert session.get_inputs()[0].type == "tensor(uint8)"
    record = json.loads(session.get_modelmeta().custom_metadata_map["tellapart"])
    assert record["class_names"][3] == "düne"
    for count in (1, 3, 24):
        probabilities, novelty = session.run(None, {"pictures": IMAGES[:count]})
        expected = classifier.tta_probabilities(IMAGES[:count], novelty=True)
        np.testing.assert_allclose(probabilities, expected.averaged, atol=1e-5)
        np.testing.assert_allclose(novelty, expected.novelty, rtol=1e-4)
    model = onnx.load(path)
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 18}
    kinds = {node.op_type for node in model.graph.node}
    assert "BatchNormalization" not in kinds
    for node in model.graph.node:
        assert "auto_pad" not in {a.name for a in node.attribute if a.s not in (b"", b"NOTSET")}, node.name


def test_torch_runs_its_program_without_tellapart(exported, classifier, tmp_path):
    import subprocess
    import sys

    script = (
        "import sys, numpy, torch\n"
        f"module = torch.export.load({str(exported['torch'].path)!r}).module()\n"
        "probabilities, _ = module(torch.from_numpy(numpy.load(sys.argv[1])))\n"
        "numpy.save(sys.argv[2], probabilities.detach().numpy())\n"
        "assert 'tellapart' not in sys.modules and 'keras' not in sys.modules\n"
    )
    np.save(tmp_path / "images.npy", IMAGES[:5])
    subprocess.run(
        [sys.executable, "-c", script, tmp_path / "images.npy", tmp_path / "found.npy"], check=True
    )
    np.testing.assert_allclose(
        np.load(tmp_path / "found.npy"), classifier.probabilities(IMAGES[:5]), atol=1e-5
    )


@pytest.mark.parametrize("name", ["keras", "h5"])
def test_plain_keras_opens_its_files(exported, classifier, name):
    model = keras.saving.load_model(exported[name].path)
    plain = classifier.probabilities(IMAGES, tta_views=1)
    np.testing.assert_allclose(model.predict(IMAGES.astype("float32"), verbose=0), plain, atol=1e-5)


def test_the_files_hold_the_record_where_they_can(exported):
    import h5py
    from safetensors import safe_open

    with zipfile.ZipFile(exported["keras"].path) as archive:
        assert json.loads(archive.read("tellapart-export.json"))["views"] == 1
    with h5py.File(exported["h5"].path) as file:
        assert json.loads(file.attrs["tellapart"])["class_names"][0] == "ant"
    with safe_open(exported["safetensors"].path, "numpy") as file:
        assert json.loads(file.metadata()["tellapart"])["class_names"][0] == "ant"


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_lower_precision_is_smaller_and_nearly_the_same(exported, classifier, tmp_path, precision):
    small = tellapart.export(classifier, "onnx", tmp_path / "s.onnx", pictures=IMAGES, precision=precision)
    assert 0 < small.proof.largest_difference < 0.3
    assert small.proof.agreement >= 0.9
    assert json.loads(small.record.read_text())["proof"]["precision"] == precision


def test_pictures_of_a_proof_that_were_also_used_for_calibration_are_said(classifier, tmp_path):
    small = tellapart.export(classifier, "onnx", tmp_path / "s.onnx", pictures=IMAGES, precision="int8")
    assert "also used for calibration" in small.proof.source


def test_the_record_of_a_plain_keras_file_says_what_it_takes_and_gives(exported):
    record = json.loads(exported["keras"].record.read_text(encoding="utf-8"))
    assert record["input"]["dtype"] == "float32"
    assert record["outputs"]["outputs"]["meaning"] == "the probability of each class"
