"""A saved classifier answers the same everywhere: in training, evaluate, predict, and plain Keras."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import tellapart
from tellapart.classifier.card import ENTRY, ModelCard, card_of_plain_model
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.model_file import save_keras
from tellapart.classifier.plain.said import Said
from tellapart.data.decode import decode
from tellapart.data.open import open_dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ConfigError, DataError, ModelError
from tellapart.keras_backend import import_keras
from tellapart.runtime.precision import resolve

keras = import_keras()

PLAIN_KERAS = """
import json, sys
import numpy as np
import keras
model = keras.models.load_model(sys.argv[1])
images = np.load(sys.argv[2])
assert "tellapart" not in sys.modules
print(json.dumps({"optimizer": type(model.optimizer).__name__, "answers": model.predict(images, verbose=0).tolist()}))
"""


@pytest.mark.parametrize("name", ["model.keras", "keras_first_cnn_test.h5"])
def test_a_saved_model_opens_in_plain_keras_with_the_same_probabilities(name, trained, tmp_path):
    trained.classifier.save(tmp_path / name)
    images = np.random.default_rng(0).integers(0, 256, (7, 16, 16, 3), np.uint8)
    np.save(tmp_path / "images.npy", images)
    command = [sys.executable, "-c", PLAIN_KERAS, str(tmp_path / name), str(tmp_path / "images.npy")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=tmp_path, env=_torch_keras()
    )
    found = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(found["answers"], trained.classifier.probabilities(images), atol=1e-5)
    assert found["optimizer"] == "Adam"


def _torch_keras():
    import os

    return {**os.environ, "KERAS_BACKEND": "torch"}


def test_training_evaluate_and_predict_give_one_number_for_one_picture(trained, color_photos):
    loaded = tellapart.load(trained.folder)
    source = open_dataset(str(color_photos))
    split = source.splits["test"]
    predictions, unreadable = loaded.predict([color_photos / name for name in split.ids])
    assert unreadable == []
    by_name = {p.picture: dict(zip(p.names, p.probabilities, strict=True)) for p in predictions}
    for shown in trained.shown:
        again = by_name[str(color_photos / shown.prediction.picture)]
        for name, probability in zip(shown.prediction.names, shown.prediction.probabilities, strict=True):
            assert again[name] == pytest.approx(probability, abs=1e-6)
    of_truth = [
        by_name[str(color_photos / name)][source.class_names[label]]
        for name, label in zip(split.ids, split.labels, strict=True)
    ]
    scores = loaded.evaluate(source)
    assert scores.loss == pytest.approx(-np.log(of_truth).mean(), rel=1e-5)
    assert scores.accuracy == trained.scores.accuracy
    assert scores.loss == pytest.approx(trained.scores.loss, rel=0.02)
    assert tellapart.evaluate(trained.folder).scores == trained.scores


def test_validation_during_training_is_what_evaluate_gives(trained, color_photos):
    from tellapart.data.split import apply_split, read_split_csv

    source = apply_split(open_dataset(str(color_photos)), read_split_csv(trained.folder / "split.csv"))
    best = max(trained.history, key=lambda done: (done.val_accuracy, -done.val_loss))
    scores = tellapart.load(trained.folder).evaluate(source, "validation", precision=resolve("auto"))
    assert (scores.loss, scores.accuracy) == pytest.approx((best.val_loss, best.val_accuracy), rel=1e-6)


def test_the_probabilities_of_a_picture_sum_to_one_and_are_sorted(trained, color_photos):
    (prediction,), _ = trained.classifier.predict([color_photos / "test" / "red" / "0.png"])
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-6)
    assert list(prediction.probabilities) == sorted(prediction.probabilities, reverse=True)
    (short,), _ = trained.classifier.predict([color_photos / "test" / "red" / "0.png"], top=2)
    assert short.names == prediction.names[:2]


@pytest.mark.parametrize("tta_views", [0, 3, "2"])
def test_a_number_of_views_that_does_not_exist_is_refused(tta_views, trained):
    with pytest.raises(ConfigError, match=f"views is 1, 2 or 6, .* got {tta_views!r}"):
        trained.classifier.probabilities(np.zeros((1, 16, 16, 3), np.uint8), tta_views=tta_views)


@pytest.mark.parametrize(
    ("images", "met"),
    [
        (np.zeros((2, 16, 16, 3), np.float32), r"float32 \(2, 16, 16, 3\)"),
        (np.zeros((2, 16, 17, 3), np.uint8), r"uint8 \(2, 16, 17, 3\)"),
        (np.zeros((16, 16, 3), np.uint8), r"uint8 \(16, 16, 3\)"),
        ([[0]], "list"),
    ],
)
def test_pictures_that_did_not_take_the_pixel_path_are_refused(images, met, trained):
    with pytest.raises(DataError, match=rf"uint8 .*\(N, 16, 16, 3\); got {met}\.") as caught:
        trained.classifier.probabilities(images)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("tta_views", [1, 6])
def test_of_no_pictures_there_are_no_answers(tta_views, precision, trained):
    none = trained.classifier.probabilities(np.zeros((0, 16, 16, 3), np.uint8), None, tta_views, precision)
    assert (none.shape, none.dtype) == ((0, 3), np.float32)


def test_an_array_is_answered_like_its_file(trained, color_photos):
    path = color_photos / "test" / "blue" / "1.png"
    (of_file,), _ = trained.classifier.predict([path])
    (of_array,), _ = trained.classifier.predict([decode(path)])
    assert of_array.probabilities == of_file.probabilities


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_answered(trained, color_photos, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    good = color_photos / "test" / "blue" / "1.png"
    predictions, unreadable = trained.classifier.predict([tmp_path / "broken.jpg", good])
    assert [prediction.picture for prediction in predictions] == [str(good)]
    assert [picture.id for picture in unreadable] == [str(tmp_path / "broken.jpg")]


def test_the_model_file_is_a_keras_file_with_one_more_entry(trained):
    with zipfile.ZipFile(trained.folder / "model.keras") as archive:
        assert {"config.json", "metadata.json", "model.weights.h5", ENTRY} == set(archive.namelist())
        card = ModelCard.from_json(archive.read(ENTRY).decode())
    assert card.class_names == ("blue", "green", "red")
    assert card.preprocessing == Preprocessing(height=16, width=16, reading="fast")


def test_data_with_classes_that_the_model_does_not_know_is_refused(trained):
    images = np.zeros((4, 16, 16, 3), np.uint8)
    source = open_dataset((images, np.array(["blue", "pink", "blue", "pink"])))
    with pytest.raises(DataError, match="does not know: pink"):
        trained.classifier.evaluate(source, "train")


def test_classes_are_matched_by_name_not_by_number(trained, color_photos):
    full = trained.classifier.evaluate(open_dataset(str(color_photos)))
    source = open_dataset(str(color_photos))
    order = ("red", "blue", "green")
    labels = {
        name: np.array([order.index(source.class_names[i]) for i in s.labels])
        for name, s in source.splits.items()
    }
    import dataclasses

    splits = {name: dataclasses.replace(s, labels=labels[name]) for name, s in source.splits.items()}
    assert trained.classifier.evaluate(source.replace(class_names=order, splits=splits)) == full


class TestPlainKerasModels:
    """Models that tellapart did not save."""

    def saved(self, model, tmp_path):
        model.save(tmp_path / "plain.keras")
        return Classifier.load(tmp_path / "plain.keras")

    def test_logits_become_probabilities(self, tmp_path):
        model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(4)])
        classifier = self.saved(model, tmp_path)
        images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
        expected = keras.ops.softmax(model(images.astype("float32"))).detach().numpy()
        np.testing.assert_allclose(classifier.probabilities(images), expected, atol=1e-6)
        assert classifier.class_names == ("0", "1", "2", "3")

    def test_a_sigmoid_that_is_an_operator_counts_too(self, tmp_path):
        pictures = keras.Input((8, 8, 3))
        raw = keras.layers.Dense(1)(keras.layers.Flatten()(pictures))
        model = keras.Model(pictures, keras.ops.sigmoid(raw))
        images = np.random.default_rng(0).integers(0, 2, (3, 8, 8, 3), np.uint8)
        answers = self.saved(model, tmp_path).probabilities(images)
        np.testing.assert_allclose(
            answers[:, 1:], model(images.astype("float32")).detach().numpy(), atol=1e-6
        )

    def test_one_sigmoid_becomes_two_classes(self, tmp_path):
        model = keras.Sequential(
            [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")]
        )
        images = np.random.default_rng(0).integers(0, 2, (3, 8, 8, 3), np.uint8)
        answers = self.saved(model, tmp_path).probabilities(images)
        np.testing.assert_allclose(
            answers[:, 1:], model(images.astype("float32")).detach().numpy(), atol=1e-6
        )
        np.testing.assert_allclose(answers.sum(1), 1, atol=1e-6)

    @pytest.mark.parametrize(
        "arrange",
        [lambda one: [one], lambda one: {one.name: one}, lambda one: {"nested": [one]}],
        ids=["list", "dict", "nested"],
    )
    @pytest.mark.parametrize("activation", ["softmax", None])
    def test_one_picture_and_one_answer_may_come_in_a_list_or_by_name(self, arrange, activation, tmp_path):
        picture = keras.Input((8, 8, 1), name="picture")
        x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(picture))
        answer = keras.layers.Dense(3, activation=activation)(x)
        wrapped = self.saved(keras.Model(arrange(picture), arrange(answer)), tmp_path)
        plain = self.saved(keras.Model(picture, answer), tmp_path)
        images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
        np.testing.assert_array_equal(wrapped.probabilities(images), plain.probabilities(images))

    def test_a_model_of_two_named_pictures_is_refused(self, tmp_path):
        left, right = keras.Input((8, 8, 1), name="left"), keras.Input((8, 8, 1), name="right")
        both = keras.layers.Flatten()(keras.layers.Add()([left, right]))
        model = keras.Model({"left": left, "right": right}, {"kind": keras.layers.Dense(2)(both)})
        with pytest.raises(ModelError, match="not an image classifier"):
            self.saved(model, tmp_path)

    def test_a_model_of_no_pictures_is_refused(self, tmp_path):
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)])
        with pytest.raises(ModelError, match="not an image classifier"):
            self.saved(model, tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK nonsense", b"\x89HDF\r\n\x1a\nnonsense"])
@pytest.mark.parametrize("name", ["bad.keras", "bad.h5"])
def test_a_file_that_is_no_model_is_refused_in_one_paragraph(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read as a Keras model") as caught:
        Classifier.load(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_missing_model_is_refused_with_the_next_step(tmp_path):
    with pytest.raises(ModelError, match="tellapart train"):
        Classifier.load(tmp_path / "none.keras")


def test_a_card_of_a_later_format_says_to_upgrade():
    later = json.dumps({"format": 99, "class_names": [], "preprocessing": {}, "origin": {}})
    with pytest.raises(ModelError, match="newer tellapart"):
        ModelCard.from_json(later)


class TestWhatOutputsMean:
    """Told from the outputs themselves, so that probabilities are not put through a softmax again."""

    def answers(self, layers, tmp_path):
        model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Rescaling(1 / 255), *layers])
        model.save(tmp_path / "plain.keras")
        images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)
        expected = model(images.astype("float32")).detach().float().numpy()
        return Classifier.load(tmp_path / "plain.keras").probabilities(images), expected

    def test_a_softmax_within_a_nested_model(self, tmp_path):
        head = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")])
        found, expected = self.answers([head], tmp_path)
        np.testing.assert_allclose(found, expected, atol=1e-6)

    def test_a_softmax_before_a_cast_to_float32(self, tmp_path):
        layers = [keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
        found, expected = self.answers(
            [*layers, keras.layers.Activation("linear", dtype="float32")], tmp_path
        )
        np.testing.assert_allclose(found, expected, atol=1e-6)

    @pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
    def test_a_softmax_in_half_precision(self, policy, tmp_path):
        """Computed in float32 where the weights are, else rounded by the layers; rows sum to one in any case."""
        keras.config.set_dtype_policy(policy)
        try:
            layers = [keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(), keras.layers.Flatten()]
            found, expected = self.answers([*layers, keras.layers.Dense(5, activation="softmax")], tmp_path)
        finally:
            keras.config.set_dtype_policy("float32")
        np.testing.assert_allclose(found, expected, atol=0.01)
        np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)

    def test_weights_that_are_no_numbers_are_said_to_be_it(self, tmp_path):
        layers = [
            keras.layers.Flatten(),
            keras.layers.Dense(3, bias_initializer=keras.initializers.Constant(np.nan)),
        ]
        with pytest.raises(ModelError, match="outputs NaN"):
            self.answers(layers, tmp_path)

    def test_several_sigmoids_are_refused(self, tmp_path):
        layers = [keras.layers.Flatten(), keras.layers.Dense(3, activation="sigmoid")]
        with pytest.raises(ModelError, match="ends in sigmoid"):
            self.answers(layers, tmp_path)

    @pytest.mark.parametrize("card", [False, True])
    def test_a_refusal_names_the_file_and_not_what_keras_calls_the_model(self, card, tmp_path):
        layers = [keras.layers.Flatten(), keras.layers.Dense(3, activation="sigmoid")]
        model = keras.Sequential([keras.Input((4, 4, 3)), *layers], name="inner_name")
        file = tmp_path / "mine.keras"
        save_keras(model, file, card_of_plain_model(model, file)) if card else model.save(file)
        with pytest.raises(ModelError, match=r"^mine\.keras ends in sigmoid"):
            Classifier.load(file)

    def test_two_sigmoids_that_noise_drives_to_1_and_0_are_refused_too(self, tmp_path):
        """Pixels of 0 to 255 do so in most networks, and then the two add up to 1 by chance."""
        opposed = keras.initializers.Constant(np.array([1.0, -1.0]))
        positive = keras.initializers.Constant(0.5)
        last = keras.layers.Dense(2, "sigmoid", kernel_initializer=opposed, bias_initializer=positive)
        with pytest.raises(ModelError, match="ends in sigmoid with 2 outputs"):
            self.answers([keras.layers.Flatten(), last], tmp_path)

    def test_a_lambda_layer_is_refused_with_what_to_put_in_its_place(self, tmp_path):
        scaling = keras.layers.Lambda(lambda image: image / 255, name="scale")
        with pytest.raises(ModelError, match=r"its layer scale is a Lambda.*Rescaling\(1 / 255\)"):
            self.answers([scaling, keras.layers.Flatten(), keras.layers.Dense(3)], tmp_path)


def test_an_h5_without_class_names_is_scored_in_the_order_of_the_datas(trained, color_photos, tmp_path):
    trained.classifier.save(tmp_path / "keras_first_cnn_test.h5")
    own_way = Said(policy="crop", resampling="antialiased")
    loaded = Classifier.load(tmp_path / "keras_first_cnn_test.h5", own_way)
    source = open_dataset(str(color_photos))
    assert loaded.evaluate(source) == trained.classifier.evaluate(source)


def test_one_picture_may_be_given_alone(trained, color_photos):
    path = color_photos / "test" / "red" / "0.png"
    expected, _ = trained.classifier.predict([path])
    for alone in (path, str(path), decode(path)):
        (found,), _ = trained.classifier.predict(alone)
        assert found.probabilities == expected[0].probabilities
