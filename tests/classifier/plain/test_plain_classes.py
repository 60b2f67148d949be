"""Outputs without names take the order in which Keras sorts folders, or the one that is given, or none."""

import numpy as np
import pytest
from keras_models import draw_photos, keras, keras_pixels, layers, share_right, trained_on

import tellapart
from tellapart.classifier.plain.class_list import class_list
from tellapart.errors import ConfigError, DataError, ModelError

TWELVE = tuple(str(number) for number in range(1, 13))
MIXED = ("Zebra", "ant", "Bee", "cow")
DIGITS = tuple(str(number) for number in range(5))


def saved(root, place, **options):
    """A model trained on a folder in Keras's order, its file and Keras's accuracy."""
    x, y = keras_pixels(root)
    model = trained_on(x, y, first=[layers.Rescaling(1 / 255)], **options)
    model.save(place)
    return place, share_right(model, x, y)


@pytest.fixture(scope="module")
def twelve(tmp_path_factory):
    place = tmp_path_factory.mktemp("twelve")
    root = draw_photos(place / "train", TWELVE)
    return root, *saved(root, place / "twelve.keras")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    place = tmp_path_factory.mktemp("digits")
    root = draw_photos(place / "train", DIGITS)
    return root, *saved(root, place / "digits.keras")


def test_folders_1_to_12_are_scored_as_keras_scores_them(twelve):
    """Keras sorts "10" before "2"; by natural order the same model would be right in one of twelve classes."""
    root, file, expected = twelve
    evaluation = tellapart.evaluate(file, root)
    assert evaluation.scores.accuracy == expected > 0.8
    assert evaluation.usage.classes.value.startswith("1, 10, 11, 12, 2, 3")
    assert "sort" in evaluation.usage.classes.why


def test_names_of_mixed_case_are_sorted_as_python_does(tmp_path):
    root = draw_photos(tmp_path / "train", MIXED)
    file, expected = saved(root, tmp_path / "mixed.keras")
    assert tellapart.evaluate(file, root).scores.accuracy == expected > 0.9
    assert tellapart.evaluate(file, root).usage.classes.value == "Bee, Zebra, ant, cow"


def test_a_missing_class_is_refused_though_folder_names_are_output_numbers(digits, tmp_path):
    root, file, _ = digits
    for name in DIGITS[1:]:
        (tmp_path / "part" / name).mkdir(parents=True)
        for picture in (root / name).iterdir():
            (tmp_path / "part" / name / picture.name).write_bytes(picture.read_bytes())
    with pytest.raises(
        DataError, match=r"digits.keras has 5 classes without names, but the data has 4 .*--classes"
    ):
        tellapart.evaluate(file, tmp_path / "part")
    scored = tellapart.evaluate(file, tmp_path / "part", class_names=DIGITS).scores
    assert scored.pictures == 32
    assert scored.accuracy > 0.8


def test_data_with_a_class_that_the_given_names_lack_is_refused(digits):
    root, file, _ = digits
    with pytest.raises(DataError, match="does not know: 4"):
        tellapart.evaluate(file, root, class_names=("0", "1", "2", "3", "four"))


def test_labels_that_are_numbers_are_the_outputs_numbers(digits):
    """As in arrays: also where a class is missing, since a label says which output is meant."""
    root, file, expected = digits
    x, y = keras_pixels(root)
    images = np.rint(x).astype(np.uint8)
    assert tellapart.evaluate(file, (images, y)).scores.accuracy == pytest.approx(expected, abs=0.03)
    few = tellapart.evaluate(file, (images[y != 0], y[y != 0]))
    assert few.scores.accuracy > 0.8
    assert "numbers" in few.usage.classes.why


def test_more_labels_than_outputs_are_refused(digits):
    images, labels = np.zeros((12, 16, 16, 3), np.uint8), np.arange(12) % 6
    with pytest.raises(DataError, match="5 classes"):
        tellapart.evaluate(digits[1], (images, labels))


@pytest.mark.parametrize("last", ["sigmoid", None])
def test_one_output_is_the_second_of_two_classes(last, tmp_path):
    root = draw_photos(tmp_path / "train", ("dog", "Cat"))
    file, expected = saved(root, tmp_path / "two.keras", last=last, outputs=1)
    evaluation = tellapart.evaluate(file, root)
    assert evaluation.scores.accuracy == expected > 0.9
    assert evaluation.usage.classes.value == "Cat, dog"
    assert "second class" in evaluation.usage.outputs.value
    assert evaluation.usage.outputs.source == ("assumed" if last is None else "found")


def test_logits_are_put_through_a_softmax_and_it_is_said(tmp_path):
    root = draw_photos(tmp_path / "train", ("a", "b", "c"))
    file, expected = saved(root, tmp_path / "logits.keras", last=None)
    evaluation = tellapart.evaluate(file, root)
    assert evaluation.scores.accuracy == expected > 0.9
    assert evaluation.usage.outputs.source == "assumed"
    assert "softmax" in evaluation.usage.outputs.value


FILES = {
    "lines.txt": "cat\ndog\n",
    "labels.txt": "0 cat\n1 dog\n",
    "list.json": '["cat", "dog"]',
    "by_number.json": '{"1": "dog", "0": "cat"}',
    "class_indices.json": '{"dog": 1, "cat": 0}',
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_class_names_is_read(name, tmp_path):
    (tmp_path / name).write_text(FILES[name])
    assert class_list(tmp_path / name) == class_list(str(tmp_path / name)) == ("cat", "dog")


def test_class_names_may_be_typed_or_those_of_folders(tmp_path):
    draw_photos(tmp_path / "train", TWELVE, count=1)
    assert class_list("cat, dog") == class_list(["cat", "dog"]) == ("cat", "dog")
    assert class_list(tmp_path / "train") == tuple(sorted(TWELVE))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("cat,cat", "appears twice"),
        ("cat,,dog", "is empty"),
        (["cat"], "at least two"),
        ("nowhere.txt", "no such file"),
        ("", "is empty"),
        (3, "a list of names"),
    ],
)
def test_class_names_that_cannot_be_meant_are_refused(given, problem):
    with pytest.raises(ConfigError, match=problem):
        class_list(given)


def test_a_file_that_leaves_out_an_output_is_refused(tmp_path):
    (tmp_path / "names.json").write_text('{"0": "cat", "2": "dog"}')
    with pytest.raises(DataError, match="none for output 1"):
        class_list(tmp_path / "names.json")


def test_another_number_of_names_than_of_outputs_is_refused(digits):
    with pytest.raises(ConfigError, match="tells 5 classes apart, and 2 names"):
        tellapart.load(digits[1], class_names="cat,dog")


def test_nothing_can_be_said_of_a_model_with_a_card(trained, tmp_path):
    for model in (trained.folder, "cifar10"):
        with pytest.raises(ConfigError, match=r"has a model card.*Leave out --pixels, --classes"):
            tellapart.load(model, pixels="0-1", class_names="a,b")
    with pytest.raises(ConfigError, match="loaded classifier"):
        tellapart.predict(trained.classifier, np.zeros((4, 4, 3), np.uint8), pixels="0-1")


@pytest.mark.parametrize(
    ("said", "problem"),
    [({"pixels": "0-2"}, "pixels is one of"), ({"pixel": "0-1"}, "Unknown keywords: pixel")],
)
def test_unknown_options_are_refused(said, problem, digits):
    with pytest.raises(ConfigError, match=problem):
        tellapart.load(digits[1], **said)


def test_several_outputs_are_refused_with_their_number(tmp_path):
    image = keras.Input((8, 8, 3))
    flat = layers.Flatten()(image)
    heads = {"kind": layers.Dense(3)(flat), "age": layers.Dense(1)(flat)}
    keras.Model(image, heads).save(tmp_path / "heads.keras")
    with pytest.raises(ModelError, match="it has 2 outputs"):
        tellapart.load(tmp_path / "heads.keras")


def test_a_network_of_any_size_is_asked_for_one(tmp_path):
    stack = [layers.Rescaling(1 / 255), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    keras.Sequential([keras.Input((None, None, 3)), *stack]).save(tmp_path / "any.keras")
    with pytest.raises(ConfigError, match="--size 224"):
        tellapart.load(tmp_path / "any.keras")
    assert tellapart.load(tmp_path / "any.keras", size=20).card.preprocessing.shape == (20, 20, 3)
