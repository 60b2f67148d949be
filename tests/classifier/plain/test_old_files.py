"""Files of Keras 2 and of Teachable Machine open, and compute what their layers say; those that cannot say why."""

import json
import zipfile

import numpy as np
import pytest
from keras_models import keras, layers
from old_files import (
    batch_normalization,
    conv,
    dense,
    depthwise,
    drawn,
    first,
    flatten,
    graph,
    image_input,
    in_graph,
    pool,
    write,
)

import tellapart
from tellapart.classifier.model_file import load_keras
from tellapart.classifier.plain.old_config import todays
from tellapart.errors import ModelError

SHAPE = (8, 8, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), np.uint8)
KERNEL, BIAS = {"kernel": (3, 3, 3, 4)}, {"bias": (4,)}
STATISTICS = {"gamma": (4,), "beta": (4,), "moving_mean": (4,), "moving_variance": (4,)}
HEAD = {"kernel": (36, 3), "bias": (3,)}
WEIGHTS = {
    "conv2d_1": drawn(1, **KERNEL, **BIAS),
    "batch_normalization_1": drawn(2, **STATISTICS),
    "max_pooling2d_1": {},
    "flatten_1": {},
    "dense_1": {name: value / 20_000 for name, value in drawn(3, **HEAD).items()},
}
NAMED = {
    layer: {f"{layer}/{name}:0": array for name, array in arrays.items()} for layer, arrays in WEIGHTS.items()
}


def stack():
    return [
        conv("conv2d_1", 4),
        batch_normalization("batch_normalization_1"),
        pool("max_pooling2d_1"),
        flatten("flatten_1"),
        dense("dense_1", 3),
    ]


def as_sequential():
    """Until 2.2.2, a Sequential model's configuration was a bare list."""
    return {"class_name": "Sequential", "config": [first(stack()[0], SHAPE), *stack()[1:]]}


def as_functional():
    """Until 2.2, a Functional model was called Model."""
    names = ["input_1", *WEIGHTS]
    called = [in_graph(layer, before) for before, layer in zip(names[:-1], stack(), strict=True)]
    return {
        "class_name": "Model",
        "config": graph("model_1", in_graph(image_input("input_1", SHAPE)), *called),
    }


def as_tensorflow():
    """tf.keras wrote an input layer, and the shape once more in the layer behind it."""
    named = [image_input("conv2d_1_input", SHAPE), first(stack()[0], SHAPE), *stack()[1:]]
    settings = {"name": "sequential", "layers": named}
    return {"class_name": "Sequential", "config": settings}


def expected(turned=False):
    """Probabilities by today's layers, built by hand."""
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    weights = [array for arrays in WEIGHTS.values() for array in arrays.values()]
    model.set_weights([weights[0][::-1, ::-1] if turned else weights[0], *weights[1:]])
    return model.predict(IMAGES.astype(np.float32), verbose=0)


@pytest.mark.parametrize(
    ("config", "version"),
    [(as_sequential, "2.0.4"), (as_functional, "2.1.6"), (as_sequential, "2.2.2"), (as_tensorflow, "2.4.0")],
)
def test_files_of_keras_2_open(config, version, tmp_path):
    file = write(tmp_path / "old.h5", config(), NAMED, version)
    classifier = tellapart.load(file, pixels="0-255", class_names="a,b,c")
    np.testing.assert_allclose(classifier.probabilities(IMAGES), expected(), atol=1e-5)


def test_kernels_of_theano_are_turned(tmp_path):
    """It convolved, where TensorFlow and torch correlate; what it saved is turned by 180 degrees."""
    file = write(tmp_path / "old.h5", as_sequential(), NAMED, "2.0.4", backend="theano")
    found = tellapart.load(file, pixels="0-255").probabilities(IMAGES)
    np.testing.assert_allclose(found, expected(turned=True), atol=1e-5)
    assert np.abs(found - expected()).max() > 1e-3  # it matters which way round


def teachable_machine(path, groups=1, labels="0 dog\n1 cat\n"):
    """A MobileNetV2's first layers in one Sequential model, the head in another, as Teachable Machine puts them."""
    body = graph(
        "model1",
        in_graph(image_input("input_1", SHAPE)),
        in_graph(conv("Conv1", 4), "input_1"),
        in_graph(batch_normalization("bn_Conv1"), "Conv1"),
        in_graph(depthwise("expanded_conv_depthwise", groups=groups), "bn_Conv1"),
    )
    pooling = {"class_name": "GlobalAveragePooling2D", "config": {"name": "pooling", "trainable": True}}
    features = [image_input("model1_input", SHAPE), {"class_name": "Functional", "config": body}, pooling]
    head = [image_input("dense_input", (4,)), dense("dense", 2)]
    parts = [
        {"class_name": "Sequential", "config": {"name": "sequential_1", "layers": features}},
        {"class_name": "Sequential", "config": {"name": "sequential_3", "layers": head}},
    ]
    settings = {"name": "sequential_4", "layers": [image_input("sequential_1_input", SHAPE), *parts]}
    weights = {
        "sequential_1": {
            f"{name}:0": array
            for name, array in [
                *WEIGHTS["conv2d_1"].items(),
                *WEIGHTS["batch_normalization_1"].items(),
                *drawn(4, depthwise_kernel=(3, 3, 4, 1)).items(),
            ]
        },
        "sequential_3": {
            f"head_{name}:0": array for name, array in drawn(5, kernel=(4, 2), bias=(2,)).items()
        },
    }
    moving = [name for name in weights["sequential_1"] if name.startswith("moving")]
    weights["sequential_1"] |= {
        name: weights["sequential_1"].pop(name) for name in moving
    }  # trained ones first
    if labels:
        path.with_name("labels.txt").write_text(labels)
    return write(path, {"class_name": "Sequential", "config": settings}, weights, "2.4.0")


def test_a_model_of_teachable_machine_opens_and_is_used_as_its_own_code_does(tmp_path):
    classifier = tellapart.load(teachable_machine(tmp_path / "keras_model.h5"))
    assert classifier.class_names == ("dog", "cat")
    assert classifier.card.preprocessing.policy == "crop"
    assert classifier.usage.pixels.value == "-1 to 1"
    assert {setting.source for setting in classifier.usage.settings.values()} == {"found"}
    assert any("labels.txt" in line for line in classifier.usage.lines())
    model = load_keras(tmp_path / "keras_model.h5")
    np.testing.assert_allclose(
        classifier.probabilities(IMAGES), model.predict(IMAGES / np.float32(127.5) - 1, verbose=0), atol=1e-5
    )


def test_labels_beside_a_model_that_name_other_outputs_are_not_used_and_it_is_said(tmp_path):
    file = teachable_machine(tmp_path / "keras_model.h5", labels="0 dog\n1 cat\n2 bird\n")
    classes = tellapart.load(file).usage.classes
    assert classes.source == "assumed"
    assert "labels.txt beside it does not name 2" in classes.why


def test_groups_that_mean_something_are_not_dropped(tmp_path):
    with pytest.raises(ModelError, match=r"saved by Keras 2\.4\.0.*groups"):
        load_keras(teachable_machine(tmp_path / "keras_model.h5", groups=2))


def operator(name, function, arguments=(), reads="before"):
    config = {"name": name, "trainable": True, "dtype": "float32", "function": function}
    return {
        "class_name": "TFOpLambda",
        "config": config,
        "name": name,
        "inbound_nodes": [[reads, 0, 0, dict(arguments)]],
    }


@pytest.mark.parametrize(
    ("function", "number", "settings"),
    [
        ("math.truediv", 127.5, {"scale": 1 / 127.5, "offset": 0.0}),
        ("math.subtract", 1.0, {"scale": 1.0, "offset": -1.0}),
        ("math.multiply", 2, {"scale": 2.0, "offset": 0.0}),
        ("__operators__.add", 3, {"scale": 1.0, "offset": 3.0}),
    ],
)
def test_operators_of_tensorflow_that_scale_become_layers(function, number, settings):
    """As `preprocess_input` left them in a graph."""
    layer = todays(operator("op", function, {"y": number, "name": None}), vars(layers))
    assert layer["class_name"] == "Rescaling"
    assert layer["config"] == {"name": "op", "dtype": "float32", **settings}
    assert layer["inbound_nodes"] == [[["before", 0, 0, {}]]]


@pytest.mark.parametrize(
    ("function", "arguments"), [("nn.bias_add", {"bias": [1.0]}), ("math.truediv", {"y": ["other", 0, 0]})]
)
def test_other_operators_of_tensorflow_stay_and_are_refused(function, arguments):
    layer = operator("op", function, arguments)
    assert todays(layer, vars(layers)) == layer


def test_operators_of_tensorflow_in_a_file_scale_pixels(tmp_path):
    divided = operator("divided", "math.truediv", {"y": 127.5, "name": None}, reads="input_1")
    shifted = operator("shifted", "math.subtract", {"y": 1.0, "name": None}, reads="divided")
    config = graph(
        "model",
        in_graph(image_input("input_1", SHAPE)),
        divided,
        shifted,
        in_graph(flatten("flatten_1"), "shifted"),
        in_graph(dense("dense_1", 3), "flatten_1"),
    )
    head = drawn(3, kernel=(192, 3), bias=(3,))
    weights = {"dense_1": {f"dense_1/{name}:0": array for name, array in head.items()}}
    file = write(tmp_path / "old.h5", {"class_name": "Functional", "config": config}, weights, "2.8.0")
    classifier = tellapart.load(file)
    assert (classifier.usage.pixels.value, classifier.usage.pixels.source) == ("0 to 255", "found")
    logits = (IMAGES.reshape(4, -1) / 127.5 - 1) @ head["kernel"] + head["bias"]
    powers = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(
        classifier.probabilities(IMAGES), powers / powers.sum(1, keepdims=True), atol=1e-4
    )


def test_a_keras_file_of_keras_2_opens_too(tmp_path):
    """Keras 2.13 wrote .keras files as well, with settings that today's layers refuse."""
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.DepthwiseConv2D(3),
            layers.Conv2DTranspose(4, 3),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.save(tmp_path / "new.keras")
    with zipfile.ZipFile(tmp_path / "new.keras") as new, zipfile.ZipFile(tmp_path / "old.keras", "w") as old:
        config, metadata = (json.loads(new.read(f"{name}.json")) for name in ("config", "metadata"))
        for layer in config["config"]["layers"][1:3]:
            layer["config"]["groups"] = 1
        old.writestr("config.json", json.dumps(config))
        old.writestr("metadata.json", json.dumps({**metadata, "keras_version": "2.13.1"}))
        old.writestr("model.weights.h5", new.read("model.weights.h5"))
    found = tellapart.load(tmp_path / "old.keras", pixels="0-255").probabilities(IMAGES)
    np.testing.assert_allclose(found, model.predict(IMAGES.astype(np.float32), verbose=0), atol=1e-5)


def test_files_of_keras_1_are_refused_with_their_version_and_the_way_out(tmp_path):
    config = {
        "name": "conv",
        "nb_filter": 4,
        "nb_row": 3,
        "nb_col": 3,
        "dim_ordering": "tf",
        "border_mode": "valid",
    }
    layer = first({"class_name": "Convolution2D", "config": config}, SHAPE)
    file = write(tmp_path / "old.h5", {"class_name": "Sequential", "config": [layer]}, {"conv": {}}, "1.2.2")
    with pytest.raises(ModelError, match=r"saved by Keras 1\.2\.2 .*model\.load_weights\('old\.h5'\)"):
        load_keras(file)
