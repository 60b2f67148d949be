"""`adopt` writes a model file that needs no options, and predicts what the model with the options predicts."""

import json
import zipfile

import numpy as np
import pytest
from keras_models import PREPARED, keras, layers

import tellapart
from tellapart.classifier.card import ENTRY
from tellapart.errors import ConfigError, ModelError
from tellapart.inference.stored_net import StoredNet

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), np.uint8)


def network(nested=False):
    keras.utils.set_random_seed(0)
    body = [
        layers.Conv2D(8, 3, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.MaxPooling2D(),
    ]
    if nested:
        body = [keras.Sequential([keras.Input((16, 16, 3)), *body], name="body")]
    head = [layers.Flatten(), layers.Dense(3, activation="softmax")]
    model = keras.Sequential([keras.Input((16, 16, 3)), *body, *head])
    for weight in model.weights:
        weight.assign(weight + 0.1 * np.random.default_rng(1).random(weight.shape))
    return model


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("pixels", PREPARED)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_an_adopted_model_gives_the_same_probabilities_bit_for_bit(suffix, pixels, nested, tmp_path):
    file = tmp_path / f"net{suffix}"
    network(nested).save(file)
    said = {"pixels": pixels, "class_names": "a,b,c", "policy": "crop", "resampling": "nearest"}
    before = tellapart.load(file, **said)
    adopted = tellapart.adopt(file, **said)
    assert adopted.path == tmp_path / "net-tellapart.keras"
    after = tellapart.load(adopted.path)
    np.testing.assert_array_equal(after.probabilities(IMAGES), before.probabilities(IMAGES))
    assert after.class_names == ("a", "b", "c")
    assert after.card.preprocessing == before.card.preprocessing
    assert after.usage is None


def test_both_readers_give_the_same(tmp_path):
    """Without Keras, and by Keras from the same adopted file: its layers scale pixels, whoever reads it."""
    network().save(tmp_path / "net.keras")
    adopted = tellapart.adopt(tmp_path / "net.keras", pixels="caffe", class_names="a,b,c")
    by_keras = keras.models.load_model(adopted.path).predict(IMAGES.astype(np.float32), verbose=0)
    prepared = PREPARED["caffe"](IMAGES.astype(np.float32))
    expected = keras.models.load_model(tmp_path / "net.keras").predict(prepared, verbose=0)
    np.testing.assert_allclose(by_keras, expected, atol=1e-6)
    without_keras = tellapart.load(adopted.path)
    assert isinstance(without_keras.net.net, StoredNet)
    np.testing.assert_allclose(without_keras.probabilities(IMAGES), expected, atol=1e-5)


def test_the_original_stays_and_nothing_is_overwritten(tmp_path):
    file = tmp_path / "net.keras"
    network().save(file)
    content = file.read_bytes()
    said = {"pixels": "0-1", "class_names": "a,b,c"}
    adopted = tellapart.adopt(file, **said)
    assert file.read_bytes() == content
    with pytest.raises(ConfigError, match="already exists"):
        tellapart.adopt(file, **said)
    with pytest.raises(ConfigError, match="already exists"):
        tellapart.adopt(file, to=file, **said)
    with pytest.raises(ConfigError, match=r"is a \.keras file"):
        tellapart.adopt(file, to=tmp_path / "net.h5", **said)
    with pytest.raises(ConfigError, match="has a model card"):
        tellapart.adopt(adopted.path, to=tmp_path / "again.keras")


def test_the_card_says_where_each_answer_came_from(tmp_path):
    network().save(tmp_path / "net.keras")
    place = tellapart.adopt(
        tmp_path / "net.keras", tmp_path / "mine.keras", pixels="0-1", class_names="a,b,c"
    ).path
    with zipfile.ZipFile(place) as archive:
        usage = json.loads(archive.read(ENTRY))["origin"]["usage"]
    assert usage["pixels"] == {"value": "0 to 1", "source": "given", "why": "", "otherwise": ""}
    assert usage["policy"]["source"] == "assumed"


def test_class_names_are_asked_for(tmp_path):
    network().save(tmp_path / "net.keras")
    with pytest.raises(ConfigError, match=r"has 3 classes without names.*--classes"):
        tellapart.adopt(tmp_path / "net.keras", pixels="0-1")
    with pytest.raises(ModelError, match="no such model file"):
        tellapart.adopt(tmp_path / "nowhere.keras")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.keras"]


def test_a_summary_of_an_adopted_model_tells_how_it_is_used_and_all_its_classes(tmp_path):
    network().save(tmp_path / "net.keras")
    adopted = tellapart.adopt(tmp_path / "net.keras", pixels="0-1", class_names="a,b,c")
    card = tellapart.summary(adopted.path).facts["card"]
    assert card["classes"] == ["a", "b", "c"]
    assert "pixels 0 to 1 (given)" in card["adopted"]
    assert "usage" not in card["origin"]


def test_what_is_assumed_when_it_is_saved_is_warned_of(tmp_path):
    network().save(tmp_path / "net.keras")
    with pytest.warns(UserWarning, match="Assumed: .*policy stretch"):
        tellapart.adopt(tmp_path / "net.keras", pixels="0-1", class_names="a,b,c")
