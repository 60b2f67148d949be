"""Files and arrays of several labels a picture: each form that people have, what is asked, what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from tellapart.data.open import open_dataset
from tellapart.data.sources.label_choice import Labels
from tellapart.errors import ConfigError, DataError

SEVERAL = Labels(multi_label=True)
MEANT = {
    "0.png": {"cat"},
    "1.png": {"cat", "dog"},
    "2.png": {"dog"},
    "3.png": {"cat", "dog", "owl"},
    "4.png": set(),
}


@pytest.fixture
def place(tmp_path):
    for number in range(6):
        Image.new("RGB", (16, 16), (number, 0, 0)).save(tmp_path / f"{number}.png")
    return tmp_path


def write(place, text, name="labels.csv"):
    (place / name).write_text(text)
    return place / name


def labels_of(dataset):
    return {
        identifier: {name for name, has in zip(dataset.class_names, row, strict=True) if has}
        for split in dataset.splits.values()
        for identifier, row in zip(split.ids, split.labels, strict=True)
    }


def in_one_column(sign, quote=""):
    rows = [f"{name},{quote}{sign.join(sorted(labels))}{quote}" for name, labels in MEANT.items()]
    return "\n".join(["file,labels", *rows]) + "\n"


FORMS = {
    "bars": (in_one_column("|"), "labels divided by |"),
    "semicolons": (in_one_column("; "), "labels divided by ;"),
    "commas": (in_one_column(", ", '"'), "labels divided by ,"),
    "spaces": (in_one_column(" "), "labels divided by spaces"),
    "columns of 0 and 1": (
        "file,cat,dog,owl\n0.png,1,0,0\n1.png,1,1,0\n2.png,0,1,0\n3.png,1,1,1\n4.png,0,0,0\n",
        "3 columns of 0 and 1 are the labels (cat, dog, owl)",
    ),
    "columns of 1.0 and True": (
        "file,cat,dog,owl\n0.png,1.0,False,0\n1.png,1.0,True,0\n2.png,0.0,True,0\n3.png,1.0,True,1\n4.png,0.0,False,0\n",
        "3 columns of 0 and 1 are the labels",
    ),
    "several rows": (
        "file,label\n0.png,cat\n1.png,cat\n1.png,dog\n2.png,dog\n3.png,owl\n3.png,cat\n3.png,dog\n4.png,\n",
        "one label a cell",
    ),
    "JSON lists in cells": (
        'file\tlabels\n0.png\t["cat"]\n1.png\t["cat", "dog"]\n2.png\t["dog"]\n'
        '3.png\t["owl", "cat", "dog"]\n4.png\t[]\n',
        "lists of labels",
    ),
    "Python lists in cells": (
        "file\tlabels\n0.png\t['cat']\n1.png\t['cat', 'dog']\n2.png\t['dog']\n3.png\t['owl', 'cat', "
        "'dog']\n4.png\t[]\n",
        "lists of labels",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_several_labels_is_read(place, form):
    text, said = FORMS[form]
    dataset = open_dataset(write(place, text), labels=SEVERAL)
    assert labels_of(dataset) == MEANT
    assert dataset.class_names == ("cat", "dog", "owl")
    assert dataset.splits["train"].labels.dtype == np.float32
    notices = "\n".join(dataset.notices)
    assert said in notices
    assert "1 picture without any" in notices


def test_json_lists_are_read(place):
    rows = [{"file_name": name, "labels": sorted(labels)} for name, labels in MEANT.items()]
    file = write(place, "\n".join(map(json.dumps, rows)), "labels.jsonl")
    assert labels_of(open_dataset(file, labels=SEVERAL)) == MEANT
    named = write(
        place, json.dumps({name: sorted(labels) for name, labels in MEANT.items() if labels}), "a.json"
    )
    assert labels_of(open_dataset(named, labels=SEVERAL)) == {
        name: labels for name, labels in MEANT.items() if labels
    }


def test_splits_are_read(place):
    text = "file,labels,split\n0.png,cat|dog,train\n1.png,dog,train\n2.png,cat,test\n3.png,,test\n"
    dataset = open_dataset(write(place, text), labels=SEVERAL)
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 2, "test": 2}


def test_a_folder_with_a_metadata_file_is_read(place):
    write(place, "file_name,labels\n0.png,cat|dog\n1.png,dog\n2.png,cat\n", "metadata.csv")
    assert labels_of(open_dataset(place, labels=SEVERAL))["0.png"] == {"cat", "dog"}


ASKED = {
    "two signs": (
        "file,labels\n0.png,cat;dog\n1.png,cat|dog\n2.png,dog\n",
        "--label-separator '|' or --label-separator ';'",
    ),
    "a space": (
        "file,labels\n0.png,traffic light\n1.png,stop sign\n2.png,car\n",
        "--label-separator space, or",
    ),
    "a sign that is nowhere": ("file,labels\n0.png,cat|dog\n1.png,dog\n2.png,cat\n", "no cell with '/'"),
    "neither 0 nor 1": (
        "file,cat,dog\n0.png,1,0\n1.png,0,1\n2.png,1,-1\n3.png,1,1\n",
        "has '-1' for dog; accepted: 0 or 1",
    ),
    "captions": (
        "file,labels\n" + "".join(f"{n % 6}.png,word{n} other{n}\n" for n in range(12)),
        "hardly any appears twice",
    ),
    "one label": ("file,labels\n0.png,cat\n1.png,\n2.png,cat\n", "fewer than two labels"),
    "a label in the test alone": (
        "file,labels,split\n0.png,cat|dog,train\n1.png,owl,test\n",
        "no training picture is labeled owl",
    ),
}


@pytest.mark.parametrize("case", ASKED)
def test_what_is_not_clear_is_asked_or_refused(place, case):
    text, words = ASKED[case]
    separator = "/" if case == "a sign that is nowhere" else None
    with pytest.raises(DataError, match=words.replace("|", r"\|").replace("(", r"\(")):
        open_dataset(write(place, text), labels=Labels(multi_label=True, label_separator=separator))


def test_the_separator_can_be_said(place):
    file = write(place, "file,labels\n0.png,traffic light;car\n1.png,stop sign\n2.png,car\n3.png,stop sign\n")
    by_space = open_dataset(file, labels=Labels(multi_label=True, label_separator="space"))
    assert "traffic" in by_space.class_names
    whole = open_dataset(file, labels=Labels(multi_label=True, label_separator="none"))
    assert whole.class_names == ("car", "stop sign", "traffic light;car")


REFUSED = {
    "columns": ("file,cat,dog\n0.png,1,0\n1.png,1,1\n2.png,0,1\n", "pass --multi-label"),
    "rows": ("file,label\n0.png,cat\n0.png,dog\n1.png,dog\n2.png,cat\n", "pass --multi-label"),
    "combinations": (
        "file,label\n0.png,cat|dog\n1.png,dog\n2.png,cat\n3.png,cat|dog\n",
        "pass --multi-label",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_several_labels_without_the_option_are_refused_with_a_hint(place, case):
    text, words = REFUSED[case]
    with pytest.raises(DataError, match=words):
        open_dataset(write(place, text))


def test_names_with_a_sign_in_them_are_still_classes(place):
    text = "file,label\n0.png,oriole, northern\n".replace("oriole, northern", '"oriole, northern"')
    text += '1.png,"oriole, orchard"\n2.png,"oriole, orchard"\n3.png,"oriole, northern"\n'
    assert open_dataset(write(place, text)).class_names == ("oriole, northern", "oriole, orchard")


def test_class_folders_have_one_class_each(color_photos):
    with pytest.raises(ConfigError, match="where each picture has one class"):
        open_dataset(color_photos, labels=SEVERAL)


def test_a_separator_needs_several_labels():
    with pytest.raises(ConfigError, match="Add --multi-label"):
        Labels(label_separator=";")


IMAGES = np.zeros((4, 16, 16, 3), np.uint8)
TARGETS = np.array([[1, 0], [1, 1], [0, 1], [0, 0]])


@pytest.mark.parametrize("kind", [int, bool, float, np.uint8])
def test_arrays_of_0_and_1_are_read(kind):
    dataset = open_dataset((IMAGES, TARGETS.astype(kind)), labels=SEVERAL, class_names=["cat", "dog"])
    np.testing.assert_array_equal(dataset.splits["train"].labels, TARGETS)
    assert dataset.multi_label
    assert open_dataset(IMAGES, labels=Labels(file=TARGETS, multi_label=True)).class_names == ("0", "1")


def test_lists_of_names_are_read():
    dataset = open_dataset((IMAGES, [["cat"], ["dog", "cat"], ["dog"], []]), labels=SEVERAL)
    np.testing.assert_array_equal(dataset.splits["train"].labels, TARGETS)


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (TARGETS * 2, "row 0 is"),
        ([0, 1, 0, 1], "leave out multi_label"),
        (TARGETS[:3], "4 pictures and y has 3"),
        ([["cat"], ["cow"], ["dog"], []], "'cow'; accepted: cat, dog"),
    ],
)
def test_other_arrays_are_refused(targets, words):
    with pytest.raises(DataError, match=words):
        open_dataset((IMAGES, targets), labels=SEVERAL, class_names=["cat", "dog"])


def test_rows_of_several_ones_get_the_hint():
    with pytest.raises(DataError, match="multi_label=True"):
        open_dataset((IMAGES, TARGETS))
