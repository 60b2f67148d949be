"""What cannot be opened is refused with its name, the cause and the way out."""

import numpy as np
import pytest
from keras_models import keras, layers
from old_files import write

import tellapart
from tellapart.classifier.resolve import is_model
from tellapart.errors import ModelError

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)


class Halving(layers.Layer):
    def call(self, x):
        return x / 2


@pytest.fixture(params=[".keras", ".h5"])
def halving(request, tmp_path):
    """The file of a model with a layer of somebody's own, and the model."""
    stack = [layers.Rescaling(1 / 255), Halving(name="half"), layers.Flatten(), layers.Dense(2, "softmax")]
    model = keras.Sequential([keras.Input((8, 8, 3)), *stack])
    model.save(tmp_path / f"own{request.param}")
    return tmp_path / f"own{request.param}", model


def test_a_layer_of_ones_own_is_named_with_keras_s_words_and_what_to_register(halving):
    with pytest.raises(ModelError) as caught:
        tellapart.load(halving[0])
    words = str(caught.value)
    assert "its layer half is a Halving" in words
    assert "Keras says: " in words
    assert "'Halving'" in words
    assert 'custom_objects={"Halving": Halving}' in words
    assert "register_keras_serializable" in words
    assert len(words) < 700


def test_its_class_can_be_given(halving):
    file, model = halving
    classifier = tellapart.load(file, custom_objects={"Halving": Halving})
    expected = model.predict(IMAGES.astype(np.float32), verbose=0)
    np.testing.assert_allclose(classifier.probabilities(IMAGES), expected, atol=1e-6)
    adopted = tellapart.adopt(file, class_names="a,b", custom_objects={"Halving": Halving})
    np.testing.assert_array_equal(adopted.classifier.probabilities(IMAGES), classifier.probabilities(IMAGES))


def test_an_operation_of_tensorflow_is_named(tmp_path):
    layer = {
        "class_name": "TFOpLambda",
        "name": "tf.nn.bias_add",
        "config": {
            "name": "tf.nn.bias_add",
            "function": "nn.bias_add",
            "dtype": "float32",
            "trainable": True,
        },
        "inbound_nodes": [["input_1", 0, 0, {"bias": [-103.9, -116.8, -123.7]}]],
    }
    entry = {
        "class_name": "InputLayer",
        "name": "input_1",
        "config": {"batch_input_shape": [None, 8, 8, 3], "name": "input_1", "dtype": "float32"},
        "inbound_nodes": [],
    }
    ends = {"input_layers": [["input_1", 0, 0]], "output_layers": [["tf.nn.bias_add", 0, 0]]}
    config = {"class_name": "Functional", "config": {"name": "m", "layers": [entry, layer], **ends}}
    file = write(tmp_path / "old.h5", config, {}, "2.8.0")
    with pytest.raises(ModelError, match=r"tf\.nn\.bias_add, which only TensorFlow can run.*--pixels caffe"):
        tellapart.load(file)


def test_weights_without_a_network_are_said_to_be_it(tmp_path):
    write(tmp_path / "weights.h5", None, {}, "2.8.0")
    with pytest.raises(ModelError, match=r"holds only weights, not the network.*load_weights"):
        tellapart.load(tmp_path / "weights.h5")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("net.tflite", "TensorFlow Lite"),
        ("net.onnx", "ONNX"),
        ("net.pt", "PyTorch"),
        ("net.pth", "PyTorch"),
        ("frozen.pb", "TensorFlow"),
        ("net.safetensors", "without the network"),
    ],
)
def test_models_of_other_libraries_are_named_with_the_way_out(name, what, tmp_path):
    (tmp_path / name).write_bytes(b"anything")
    assert is_model(tmp_path / name)  # and so not mistaken for a picture
    with pytest.raises(ModelError, match=f"{what}.*(Build the network in Keras 3|Use the Keras model)"):
        tellapart.load(tmp_path / name)


def test_a_saved_model_folder_is_named_with_the_way_out(tmp_path):
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"anything")
    assert is_model(tmp_path / "saved")
    with pytest.raises(ModelError, match=r"SavedModel folder.*model\.h5"):
        tellapart.load(tmp_path / "saved")
