"""`predict` says of a picture unlike the training pictures that it is probably none of the classes."""

import csv
import io

import keras
import numpy as np
import pytest
from command_line import tellapart
from PIL import Image
from sklearn.datasets import load_sample_image

from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier
from tellapart.data.preprocess import Preprocessing


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder with a class of photos' crops and one of noise, sorted into classes of CIFAR-10."""
    folder = tmp_path_factory.mktemp("none") / "pictures"
    random = np.random.default_rng(0)
    for name in ("cat", "truck"):
        (folder / name).mkdir(parents=True)
    for number in range(5):
        noise = random.integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(noise).save(folder / "truck" / f"noise{number}.png")
    Image.fromarray(load_sample_image("china.jpg")).save(folder / "cat" / "china.jpg")
    return folder


def test_a_single_picture_has_the_condition_before_the_number(pictures):
    result = tellapart("predict", "cifar10", pictures / "truck" / "noise0.png")
    assert "noise0.png: probably none of these; if it is one: " in " ".join(result.out.split())


def test_a_familiar_picture_is_answered_without_it(pictures):
    assert "probably none of these" not in tellapart("predict", pictures / "cat" / "china.jpg").out


def test_of_several_pictures_each_row_says_it(pictures, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    out = tellapart("predict", "cifar10", pictures / "truck").out
    assert out.count("probably none of these; if it is one: ") == 5


def test_a_model_trained_with_few_pictures_says_that_it_cannot_tell(pictures, tmp_path):
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    )
    classifier = Classifier.of_model(model, ModelCard(("cat", "dog"), Preprocessing(height=8, width=8)))
    classifier.learn_familiar(np.random.default_rng(0).random((10, 192), np.float32), np.repeat([0, 1], 5))
    classifier.save(tmp_path / "few.keras")
    result = tellapart("predict", tmp_path / "few.keras", pictures / "cat" / "china.jpg")
    assert "trained with too few pictures to say when a picture shows none of these" in result.err
    assert "probably none of these" not in result.out


def test_json_and_csv_say_whether_and_by_how_much(pictures):
    (told,) = tellapart("predict", "cifar10", pictures / "truck" / "noise0.png", "--json").json["predictions"]
    assert told["familiar"] is False
    assert told["novelty"] > told["novelty_limit"]
    (row,) = csv.DictReader(
        io.StringIO(tellapart("predict", "cifar10", pictures / "truck" / "noise0.png", "--csv", "-").out)
    )
    assert (row["familiar"], float(row["novelty"])) == ("false", told["novelty"])


def test_evaluate_says_how_many(pictures):
    result = tellapart("evaluate", "cifar10", pictures)
    count = tellapart("evaluate", "cifar10", pictures, "--json").json["unfamiliar_pictures"]
    assert count >= 5
    assert f"Wrongly taken for none of these classes: {count} of 6 pictures ({count / 6:.1%})" in result.out
