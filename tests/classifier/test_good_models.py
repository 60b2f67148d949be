"""Good model files pass the guards that hostile ones do not, and give what Keras gives."""

import h5py
import numpy as np
import pytest

from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.hostile_model import checked_file
from tellapart.classifier.model_file import load_keras, save_keras
from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ModelError
from tellapart.keras_backend import import_keras

keras = import_keras()
layers = keras.layers


def same_weights(one, other):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50", "EfficientNetB0", "ConvNeXtTiny"])
def test_networks_of_keras_load(name, suffix, tmp_path):
    if (name, suffix) == ("ConvNeXtTiny", ".h5"):
        pytest.skip("Keras itself cannot read its LayerScale from .h5")
    model = getattr(keras.applications, name)(weights=None, classes=7)
    model.save(tmp_path / f"model{suffix}")
    same_weights(load_keras(tmp_path / f"model{suffix}"), model)


def small(dtype=None):
    stack = [
        layers.Conv2D(64, 3, dtype=dtype),
        layers.GlobalAveragePooling2D(),
        layers.Dense(300, dtype=dtype),
    ]
    return keras.Sequential([keras.Input((8, 8, 3)), *stack, layers.Dense(2, activation="softmax")])


@pytest.mark.parametrize(
    "options", [{"compression": "gzip"}, {"compression": "gzip", "shuffle": True, "fletcher32": True}]
)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_compressed_weights_are_read(suffix, options, tmp_path):
    from hostile_models import with_weights

    model, path = small(), tmp_path / f"model{suffix}"
    model.save(path)

    def compress(file, _):
        names = []
        file.visititems(lambda name, entry: names.append(name) if isinstance(entry, h5py.Dataset) else None)
        for name in names:
            values = file[name][...]
            del file[name]
            file.create_dataset(name, data=values, **(options if values.ndim else {}))

    packed = tmp_path / f"packed{suffix}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hostile_models.KERNEL", (3, 3, 3, 64))
        with_weights(path, packed, compress)
    same_weights(load_keras(packed), model)


def test_bfloat16_weights_are_read(tmp_path):
    model = small(dtype="bfloat16")
    model.save(tmp_path / "model.keras")
    same_weights(load_keras(tmp_path / "model.keras"), model)


def test_a_trained_model_keeps_its_optimizer_and_loads(tmp_path):
    model = small()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(np.zeros((4, 8, 8, 3)), np.zeros(4), verbose=0)
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"model{suffix}")
        same_weights(load_keras(tmp_path / f"model{suffix}"), model)


@keras.saving.register_keras_serializable("good_models")
class Doubling(layers.Layer):
    def call(self, x):
        return 2 * x


def test_registered_layers_of_the_users_own_load(tmp_path):
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), Doubling(), layers.Flatten(), layers.Dense(2, "softmax")]
    )
    save_keras(model, tmp_path / "model.keras", ModelCard(("a", "b"), Preprocessing(height=8, width=8)))
    classifier = Classifier.load(tmp_path / "model.keras")
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    expected = np.asarray(model.predict(images.astype("float32"), verbose=0))
    np.testing.assert_allclose(classifier.probabilities(images), expected, atol=1e-5)


def test_the_numbers_of_a_file_are_those_of_its_weights(tmp_path):
    model = small()
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"model{suffix}")
        assert checked_file(tmp_path / f"model{suffix}") == model.count_params()


def test_a_card_of_other_classes_or_images_is_told(tmp_path):
    model = small()
    save_keras(model, tmp_path / "a.keras", ModelCard(("a", "b", "c"), Preprocessing(height=8, width=8)))
    save_keras(model, tmp_path / "b.keras", ModelCard(("a", "b"), Preprocessing(height=8, width=9)))
    with pytest.raises(ModelError, match="3 classes"):
        Classifier.load(tmp_path / "a.keras")
    with pytest.raises(ModelError, match=r"brings images to \(8, 9, 3\), and its network reads \(8, 8, 3\)"):
        Classifier.load(tmp_path / "b.keras")
