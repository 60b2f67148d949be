"""`tellapart.fit` in two processes that share each batch gives what one process gives."""

import json

import numpy as np
import pytest
from team_of import run_together

SCRIPT = """
import json, sys
import numpy as np, keras, torch, tellapart
from keras import layers

torch.set_num_threads(1)
rank = int(__import__("os").environ.get("RANK", 0))


def network(kind):
    keras.utils.set_random_seed(1 + rank)  # whatever each process begins with, the first one's weights count
    x = inputs = keras.Input((8, 8, 3))
    if kind == "plain":
        x = layers.Conv2D(8, 3, activation="relu")(x)
        x = layers.GlobalAveragePooling2D()(x)
    elif kind == "dropout":
        x = layers.Conv2D(8, 3, activation="relu")(x)
        x = layers.Dropout(0.25)(x)
        x = layers.Flatten()(x)
        x = layers.GaussianNoise(0.1)(x)
    else:
        x = layers.Conv2D(8, 3, use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("relu")(x)
        x = layers.Conv2D(8, 3, strides=2)(x)
        x = layers.BatchNormalization(momentum=0.9, scale=False)(x)
        x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


random = np.random.default_rng(0)
x, y = random.normal(size=(150, 8, 8, 3)).astype("float32"), random.integers(0, 3, 150)
results = {}
for kind in ("plain", "dropout", "batch statistics"):
    model = network(kind)
    weights = random.uniform(0.5, 2, 150).astype("float32")
    history = tellapart.fit(
        model, x, y, batch_size=32, epochs=2, verbose=0, validation_data=(x[:50], y[:50]), sample_weight=weights
    )
    results[kind] = {
        "weights": [w.numpy().tolist() for w in model.weights],
        "history": {name: [float(v) for v in values] for name, values in history.history.items()},
    }
if len(sys.argv) > 1:
    json.dump(results, open(f"{sys.argv[1]}-{rank}", "w"))
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("team")
    (folder / "script.py").write_text(SCRIPT)
    for name, processes in (("alone", 1), ("together", 2)):
        run_together(processes, str(folder / "script.py"), str(folder / name))
    return {name: json.loads((folder / name).read_text()) for name in ("alone-0", "together-0", "together-1")}


KINDS = ["plain", "dropout", "batch statistics"]


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_those_of_one_process(results, kind):
    for alone, together in zip(
        results["alone-0"][kind]["weights"], results["together-0"][kind]["weights"], strict=True
    ):
        np.testing.assert_allclose(together, alone, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_processes_hold_the_same_weights_to_the_bit(results, kind):
    assert results["together-0"][kind]["weights"] == results["together-1"][kind]["weights"]


@pytest.mark.parametrize("kind", KINDS)
def test_metrics_are_those_of_the_whole_batch_on_every_process(results, kind):
    assert results["together-0"][kind]["history"] == results["together-1"][kind]["history"]
    for name, values in results["alone-0"][kind]["history"].items():
        np.testing.assert_allclose(results["together-0"][kind]["history"][name], values, rtol=1e-4)
