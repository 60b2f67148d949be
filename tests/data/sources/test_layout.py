"""Layouts of folders as people bring them: read as meant, or refused with the real cause and the next step."""

import os
import re
import shutil
from collections import Counter

import numpy as np
import pytest

from tellapart.data.open import open_dataset
from tellapart.data.sources.label_choice import Labels
from tellapart.errors import DataError

CATS_DOGS = ("cat", "dog")


def build(root, files, links=()):
    """Make a tree: `files` is folder -> number of (empty) pictures, or a file's path; `links` is path -> target."""
    for name, count in files.items():
        if isinstance(count, str):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(count)
            continue
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (root / name / f"{number}.png").touch()
    for name, target in dict(links).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)
    return root


def counts(dataset):
    """Return split -> class -> number of pictures."""
    return {
        name: dict(Counter(dataset.class_names[label] for label in split.labels.tolist()))
        for name, split in dataset.splits.items()
    }


def both(train, other=1):
    return {"cat": train, "dog": other}


READ = {
    "class folders": ({"cat": 2, "dog": 1}, {"train": both(2)}),
    "pictures deeper in their class": (
        {"cat/indoor": 1, "cat/outdoor/night": 1, "dog": 1},
        {"train": both(2)},
    ),
    "a class that repeats its name inside": ({"cat/cat": 2, "dog/dog": 1}, {"train": both(2)}),
    "one folder of pictures in each class": ({"cat/images": 2, "dog/images": 1}, {"train": both(2)}),
    "train, val, test": (
        {"train/cat": 2, "train/dog": 1, "val/cat": 1, "test/dog": 1},
        {"train": both(2), "validation": {"cat": 1}, "test": {"dog": 1}},
    ),
    "training_set beside test_set, each nested once more": (
        {"training_set/training_set/cat": 2, "training_set/training_set/dog": 1, "test_set/test_set/cat": 1},
        {"train": both(2), "test": {"cat": 1}},
    ),
    "Training beside Testing": (
        {"Training/cat": 2, "Training/dog": 1, "Testing/dog": 1},
        {"train": both(2), "test": {"dog": 1}},
    ),
    "TRAIN beside VALID": (
        {"TRAIN/cat": 2, "TRAIN/dog": 1, "VALID/dog": 1},
        {"train": both(2), "validation": {"dog": 1}},
    ),
    "train beside dev": (
        {"train/cat": 2, "train/dog": 1, "dev/dog": 1},
        {"train": both(2), "validation": {"dog": 1}},
    ),
    "train beside eval": (
        {"train/cat": 2, "train/dog": 1, "eval/dog": 1},
        {"train": both(2), "validation": {"dog": 1}},
    ),
    "train_images beside test-images": (
        {"train_images/cat": 2, "train_images/dog": 1, "test-images/dog": 1},
        {"train": both(2), "test": {"dog": 1}},
    ),
    "Train Set beside Validation Data": (
        {"Train Set/cat": 2, "Train Set/dog": 1, "Validation Data/dog": 1},
        {"train": both(2), "validation": {"dog": 1}},
    ),
    "images_train beside images_test": (
        {"images_train/cat": 2, "images_train/dog": 1, "images_test/dog": 1},
        {"train": both(2), "test": {"dog": 1}},
    ),
    "a family of names: seg_train, seg_test, each nested once more": (
        {"seg_train/seg_train/cat": 2, "seg_train/seg_train/dog": 1, "seg_test/seg_test/dog": 1},
        {"train": both(2), "test": {"dog": 1}},
    ),
    "only train": ({"train/cat": 2, "train/dog": 1}, {"train": both(2)}),
    "one folder too high": (
        {"PetImages/cat": 2, "PetImages/dog": 1, "readme.txt": "read me"},
        {"train": both(2)},
    ),
    "two folders too high, and splits": (
        {"a/b/train/cat": 2, "a/b/train/dog": 1, "a/b/test/dog": 1},
        {"train": both(2), "test": {"dog": 1}},
    ),
    "archive's leavings": (
        {
            "cat": 2,
            "dog": 1,
            "__MACOSX/cat": 5,
            ".ipynb_checkpoints": 3,
            "cat/.ipynb_checkpoints": 2,
            "cat/__MACOSX": 1,
        },
        {"train": both(2)},
    ),
    "the folder once more inside itself, as in a popular download of chest X-rays": (
        {
            "train/cat": 2,
            "train/dog": 1,
            "test/dog": 1,
            "chest/train/cat": 2,
            "chest/train/dog": 1,
            "chest/test/dog": 1,
        },
        {"train": both(2), "test": {"dog": 1}},
    ),
    "Training and Test beside other folders, as in a popular download of fruits": (
        {"Training/cat": 2, "Training/dog": 1, "Test/cat": 1, "test-multiple": 3, "papers/a.pdf": "%PDF"},
        {"train": both(2), "test": {"cat": 1}},
    ),
    "a test folder without classes": ({"train/cat": 2, "train/dog": 1, "test": 4}, {"train": both(2)}),
    "validation pictures that are not sorted": (
        {"train/cat/images": 2, "train/dog/images": 1, "val/images": 4},
        {"train": both(2)},
    ),
    "the classes once more inside themselves, as in a popular download of blood cells": (
        {"cells/cat": 2, "cells/dog": 1, "cells/cells/cat": 2, "cells/cells/dog": 1},
        {"train": both(2)},
    ),
    "the classes once more beside themselves, as in a popular download of brain scans": (
        {"cat": 2, "dog": 1, "scans/cat": 2, "scans/dog": 1},
        {"train": both(2)},
    ),
    "a test folder of loose pictures, nested once more, as in a popular download of hand signs": (
        {"signs_train/signs_train/cat": 2, "signs_train/signs_train/dog": 1, "signs_test/signs_test": 3},
        {"train": both(2)},
    ),
    "train256 beside val256": (
        {"train256/cat": 2, "train256/dog": 1, "val256/dog": 1},
        {"train": both(2), "validation": {"dog": 1}},
    ),
    "train2017 beside val2017": (
        {"train2017/cat": 2, "train2017/dog": 1, "val2017/dog": 1},
        {"train": both(2), "validation": {"dog": 1}},
    ),
    "0_train beside 1_test": (
        {"0_train/cat": 2, "0_train/dog": 1, "1_test/dog": 1},
        {"train": both(2), "test": {"dog": 1}},
    ),
    "trainval beside test": (
        {"trainval/cat": 2, "trainval/dog": 1, "test/dog": 1},
        {"train": both(2), "test": {"dog": 1}},
    ),
    "each class divided by itself, one without test pictures": (
        {"cat/train": 2, "dog/train": 1, "cat/test": 1},
        {"train": both(2), "test": {"cat": 1}},
    ),
    "classes called label": ({"label 1": 1, "label 2": 1}, {"train": {"label 1": 1, "label 2": 1}}),
    "unsorted test pictures in a folder of all": (
        {"train/cat": 2, "train/dog": 1, "test/all_images": 3},
        {"train": both(2)},
    ),
    "vehicles, one of them a train": (
        {"bus": 1, "car": 1, "train": 1},
        {"train": {"bus": 1, "car": 1, "train": 1}},
    ),
    "each class divided by itself": (
        {"cat/train": 2, "dog/train": 1, "cat/test": 1, "dog/test": 1},
        {"train": both(2), "test": both(1)},
    ),
    "capital endings": ({"cat/a.JPG": "", "cat/b.Png": "", "dog/c.JPEG": ""}, {"train": both(2)}),
    "numbered classes": ({"0": 1, "10": 1, "2": 1}, {"train": {"0": 1, "2": 1, "10": 1}}),
    "spaces and umlauts": ({"Käse 1": 1, "Brot, dunkel": 1}, {"train": {"Brot, dunkel": 1, "Käse 1": 1}}),
}


@pytest.mark.parametrize(("files", "expected"), READ.values(), ids=READ)
def test_a_layout_is_read_as_meant(tmp_path, files, expected):
    assert counts(open_dataset(build(tmp_path / "set", files))) == expected


LINKED = {
    "class folders that are links": (
        {"pool/a": 2, "pool/b": 1},
        {"set/cat": "../pool/a", "set/dog": "../pool/b"},
    ),
    "pictures that are links": (
        {"pool/a": 2, "pool/b": 1},
        {
            "set/cat/x.png": "../../pool/a/0.png",
            "set/cat/y.png": "../../pool/a/1.png",
            "set/dog/x.png": "../../pool/b/0.png",
        },
    ),
    "links of two classes into one pool": (
        {"pool/a": 2, "pool/b": 1},
        {"set/cat/more": "../../pool/a", "set/dog/more": "../../pool/b"},
    ),
    "one link twice in a class": (
        {"pool/a": 2, "set/dog": 1},
        {"set/cat/one": "../../pool/a", "set/cat/two": "../../pool/a"},
    ),
    "a link to itself that is called as a folder": ({"set/cat": 2, "set/dog": 1}, {"set/cat/up": "up"}),
    "a circle beside pictures": ({"set/cat": 2, "set/dog": 1}, {"set/cat/up": ".."}),
}


@pytest.mark.parametrize(("files", "links"), LINKED.values(), ids=LINKED)
def test_links_are_followed(tmp_path, files, links):
    build(tmp_path, files, links)
    assert counts(open_dataset(tmp_path / "set")) == {"train": both(2)}


def test_a_split_that_is_a_link_to_another_is_read_and_named(tmp_path):
    files = {"train/cat": 2, "train/dog": 1, "test/cat": 1, "test/dog": 1}
    dataset = open_dataset(build(tmp_path, files, {"val": "test"}))
    assert counts(dataset)["validation"] == counts(dataset)["test"] == both(1)
    assert "2 pictures in both validation and test through links" in " ".join(dataset.notices)


def test_files_linked_into_two_splits_are_named(tmp_path):
    build(tmp_path, {"train/cat": 2, "train/dog": 1}, {"test/cat/copy.png": "../../train/cat/0.png"})
    assert "1 picture in both train and test through links" in " ".join(open_dataset(tmp_path).notices)


def test_a_file_linked_into_two_classes_is_named(tmp_path):
    build(tmp_path, {"cat": 2, "dog": 1}, {"dog/copy.png": "../cat/0.png"})
    assert "1 picture in two classes by links" in " ".join(open_dataset(tmp_path).notices)


NOTED = {
    "a wrapper": (
        {"PetImages/cat": 1, "PetImages/dog": 1},
        "Reading PetImages/, the only folder of .* that holds",
    ),
    "unsorted test pictures": (
        {"train/cat": 2, "train/dog": 1, "test": 4},
        "test/ left out: its 4 pictures are in no class folders",
    ),
    "the set once more inside itself": (
        {"cat": 2, "dog": 1, "scans/cat": 2, "scans/dog": 1},
        "scans/ left out: by their names, its 3 pictures are those beside it once more",
    ),
    "folders inside a class": (
        {"cat": 1, "dog/poodle": 1, "dog/pug": 1},
        r"Folders inside a class count as that class: dog \(poodle, pug\)",
    ),
    "classes divided by themselves": (
        {"cat/train": 1, "dog/train": 1, "cat/test": 1, "dog/test": 1},
        "Each class folder is divided into splits of its own",
    ),
}


@pytest.mark.parametrize(("files", "words"), NOTED.values(), ids=NOTED)
def test_what_was_assumed_is_said(tmp_path, files, words):
    assert re.search(words, " ".join(open_dataset(build(tmp_path, files)).notices))


REFUSED = {
    "a train with folders, beside other vehicles": (
        {"bus/day": 1, "bus/night": 1, "car/day": 1, "car/night": 1, "train/day": 1, "train/night": 1},
        r"two ways: the classes bus, car, train \(--class-depth 1\); or the classes day, night inside them "
        r"\(--class-depth 2\), where train/ is the train split",
    ),
    "vehicles by day and night": (
        {"bus/day": 1, "bus/night": 1, "car/day": 1, "car/night": 1},
        r"two ways: the classes bus, car \(--class-depth 1\); or the classes day, night",
    ),
    "kinds inside kinds": (
        {"bird/owl": 1, "bird/tern": 1, "cat/lion": 1, "cat/lynx": 1},
        r"two ways: the classes bird, cat \(--class-depth 1\); or the classes lion, lynx, owl, tern inside",
    ),
    "a class inside another": (
        {"cat": 1, "dog": 1, "dog/cat": 2},
        "dog/cat is called as the class cat and lies in the class dog, so its 2 pictures would be dog",
    ),
    "the classes once more, with other pictures": (
        {"cat": 1, "dog": 1, "wild/cat": 2, "wild/dog": 1},
        "wild holds cat, dog once more, .* and with other pictures",
    ),
    "classes beside a test folder": (
        {"cat": 1, "dog": 1, "test/cat": 1, "test/dog": 1},
        "test/ holds cat, dog, and so does .* Put what lies beside test/ into a split of its own, such as train/",
    ),
    "one class divided, another not": (
        {"cat/train": 1, "cat/test": 1, "dog": 1},
        "cat/ is divided into test, train, and dog/ is not",
    ),
    "parts of a download": (
        {"scans_part_1": 1, "scans_part_2": 1, "scans.csv": "image_id,dx"},
        r"(?s)scans_part_1, scans_part_2 look like the parts of one set.*pass --labels .*scans\.csv",
    ),
    "numbered folders of pictures": ({"images_001/images": 1, "images_002/images": 1}, "parts of one set"),
    "pictures and masks": ({"images": 1, "masks": 1}, "pictures and masks"),
    "classes called test 1 and test 2": (
        {"test 1": 1, "test 2": 1},
        "If they are classes, pass --class-depth 1",
    ),
    "classes in the names, and a table that is none of labels": (
        {
            **{f"train/{kind}.{number}.jpg": "" for kind in CATS_DOGS for number in range(3)},
            "test1": 2,
            "sampleSubmission.csv": "id,label",
        },
        r"(?s)train look like the classes cat, dog\. If that is meant, give .*train --label-pattern '",
    ),
    "classes in the names, and a table of labels": (
        {
            **{f"images/{kind}.{number}.jpg": "" for kind in CATS_DOGS for number in range(3)},
            "breeds.csv": "file,label\ncat.0.jpg,siam\n",
        },
        r"pass --labels .*breeds\.csv",
    ),
    "files without an ending": ({"cat/a": "", "dog/b": ""}, "2 files, none with the ending of a picture"),
    "a test set with another kind of name": (
        {"rps/paper": 1, "rps/rock": 1, "rps-test-set/paper": 1, "rps-test-set/rock": 1},
        "two ways: the classes rps, rps-test-set.*or the classes paper, rock",
    ),
    "a set one folder too high, read in two ways": (
        {"x/bus/day": 1, "x/bus/night": 1, "x/car/day": 1, "x/car/night": 1},
        r"bus, car \(--class-depth 2\); or the classes day, night inside them \(--class-depth 3\)",
    ),
    "a test folder among flat classes": (
        {"cat": 1, "dog": 1, "test": 1},
        "test/ may be a class, or hold pictures",
    ),
    "class and split in one name": (
        {"cat_train": 1, "dog_train": 1, "cat_test": 1, "dog_test": 1},
        r"both mean test, and seem to name a class too.*--label-pattern '\(\?:\^\|/\)\(\?P<label>",
    ),
    "two folders for one split": (
        {"train/cat": 1, "train/dog": 1, "val/cat": 1, "valid/cat": 1},
        "val and valid both mean validation",
    ),
    "only test": ({"test/cat": 1, "test/dog": 1}, r"no training pictures \(splits: test\)"),
    "flat": ({".": 3}, "no class folders found"),
    "flat, with a table of labels": (
        {"images": 3, "labels.csv": "file,label"},
        r"pass --labels .*labels\.csv",
    ),
    "flat train and test": ({"train": 2, "test": 2}, "hold pictures directly"),
    "an empty class": ({"cat": 1, "dog": 1, "bird": 0}, "(?s)class folder bird.*bird/ is empty"),
    "a class of documents": ({"cat": 1, "dog": 1, "bird/a.pdf": ""}, r"(?s)bird/ holds 1 \.pdf file"),
    "boxes, not classes": ({"images": 2, "labels/0.txt": "0 0.5 0.5 1 1"}, r"boxes around objects"),
    "archives": ({"train.zip": "", "test1.zip": ""}, r"holds archives \(test1\.zip, train\.zip\)"),
    "one class": ({"cat": 2}, r"one class only \(cat\)"),
    "a class that is only in test": (
        {"train/cat": 1, "train/dog": 1, "test/cow": 1, "test/cat": 1},
        "cow is in test",
    ),
    "classes that are spelled otherwise in test": (
        {"train/cat": 1, "train/dog": 1, "test/Cats": 1, "test/dog": 1},
        "Is Cats the same class as cat in train",
    ),
}


@pytest.mark.parametrize(("files", "words"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_the_real_cause(tmp_path, files, words):
    with pytest.raises(DataError, match=words):
        open_dataset(build(tmp_path / "set", files))


def test_a_table_inside_an_archive_is_suggested(tmp_path):
    shutil.make_archive(
        str(tmp_path / "set"), "zip", build(tmp_path / "set", {".": 2, "labels.csv": "file,label"})
    )
    with pytest.raises(DataError, match=r"Then pass --labels .*labels\.csv"):
        open_dataset(tmp_path / "set.zip")


REFUSED_LINKS = {
    "a link to another class": ({"cat": 1, "dog": 1}, {"cat/more": "../dog"}, "would be both cat and dog"),
    "two classes that are one folder": (
        {"pool/a": 2},
        {"cat": "pool/a", "dog": "pool/a"},
        "two ways|would be both",
    ),
    "a circle instead of pictures": (
        {"cat": 1, "dog": 1},
        {"bird/up": "../bird"},
        r"(?s)bird/ holds up, a link to a folder above it",
    ),
    "a broken link instead of a class": ({}, {"cat": "/nowhere/cat"}, "cat is a broken link to /nowhere/cat"),
    "a broken link beside the classes": (
        {"cat": 1, "dog": 1},
        {"bird": "/nowhere/bird"},
        "bird is a broken link to /nowhere/bird. Correct or remove it",
    ),
    "a broken link beside the splits": (
        {"train/cat": 1, "train/dog": 1},
        {"val": "test"},
        "val is a broken link to test. Correct or remove it",
    ),
    "a broken link in a class": (
        {"cat": 1, "dog": 1},
        {"bird/all": "/nowhere"},
        "holds all, a broken link to",
    ),
}


@pytest.mark.parametrize(("files", "links", "words"), REFUSED_LINKS.values(), ids=REFUSED_LINKS)
def test_a_link_that_would_change_labels_or_leads_nowhere_is_refused(tmp_path, files, links, words):
    (tmp_path / "set").mkdir()
    with pytest.raises(DataError, match=words):
        open_dataset(build(tmp_path / "set", files, links))


DEPTHS = [
    (1, {"train": {"bus": 2, "car": 2, "train": 2}}),
    (2, {"train": {"day": 1, "night": 1}}),
]


@pytest.mark.parametrize(("depth", "expected"), DEPTHS)
def test_the_class_depth_chooses_between_two_readings(tmp_path, depth, expected):
    files = {f"{vehicle}/{time}": 1 for vehicle in ("bus", "car", "train") for time in ("day", "night")}
    dataset = open_dataset(build(tmp_path, files), labels=Labels(class_depth=depth))
    assert counts(dataset) == expected
    assert set(dataset.ignored) == ({"bus/", "car/"} if depth == 2 else set())


def test_the_class_depth_finds_splits_inside_a_wrapper(tmp_path):
    files = {f"x/{split}/{time}": 1 for split in ("bus", "train") for time in ("day", "night")}
    dataset = open_dataset(build(tmp_path, files), labels=Labels(class_depth=3))
    assert counts(dataset) == {"train": {"day": 1, "night": 1}}
    assert dataset.ignored == ("x/bus/",)


def test_folders_that_are_called_as_the_models_classes_are_these(tmp_path):
    files = {"bird/owl": 1, "bird/tern": 1, "cat/lion": 1, "cat/lynx": 1}
    dataset = open_dataset(build(tmp_path, files), for_training=False, known_classes=("bird", "cat"))
    assert counts(dataset) == {"train": {"bird": 2, "cat": 2}}


def test_without_split_words_a_class_depth_of_two_takes_all_outer_folders(tmp_path):
    files = {f"{city}/{kind}": 1 for city in ("bern", "rome") for kind in CATS_DOGS}
    assert counts(open_dataset(build(tmp_path, files), labels=Labels(class_depth=2))) == {"train": both(2, 2)}


def test_a_class_depth_without_pictures_is_refused(tmp_path):
    with pytest.raises(DataError, match="no pictures in folders 4 levels below"):
        open_dataset(build(tmp_path, {"cat": 1, "dog": 1}), labels=Labels(class_depth=4))


def test_to_be_scored_pictures_need_no_training_split(tmp_path):
    root = build(tmp_path, {"test/cat": 1, "test/dog": 1})
    assert counts(open_dataset(root, for_training=False)) == {"test": both(1)}


def test_to_be_scored_one_class_is_enough_and_is_no_wrapper(tmp_path):
    root = build(tmp_path, {"cat/black": 1, "cat/white": 1})
    assert counts(open_dataset(root, for_training=False, known_classes=CATS_DOGS)) == {"train": {"cat": 2}}
    assert counts(open_dataset(root)) == {"train": {"black": 1, "white": 1}}


def test_many_links_to_the_next_level_end_in_an_error_not_in_years(tmp_path):
    root = tmp_path / "set"
    for level in range(30):
        (tmp_path / str(level)).mkdir()
        for link in ("a", "b"):
            (tmp_path / str(level) / link).symlink_to(tmp_path / str(level + 1))
    (tmp_path / "30").mkdir()
    (tmp_path / "30" / "x.png").touch()
    root.symlink_to(tmp_path / "0")
    with pytest.raises(DataError, match="more than 1,000 links lead to this folder"):
        open_dataset(root)


def test_folders_nested_beyond_reason_are_refused(tmp_path):
    (tmp_path / "/".join("a" * 70)).mkdir(parents=True)
    with pytest.raises(DataError, match="nested more than 64 deep"):
        open_dataset(tmp_path)


def test_the_pattern_that_is_suggested_for_class_and_split_in_one_name_reads_both(tmp_path):
    root = build(tmp_path, {"cat_train": 2, "dog_train": 1, "cat_test": 1, "dog_test": 1})
    with pytest.raises(DataError) as refused:
        open_dataset(root)
    pattern = re.search("--label-pattern '(.*)'", str(refused.value))[1]
    assert counts(open_dataset(root, labels=Labels(pattern=pattern))) == {"train": both(2), "test": both(1)}


def test_ids_are_paths_below_the_named_folder(tmp_path):
    dataset = open_dataset(build(tmp_path, {"PetImages/cat": 1, "PetImages/dog": 1}))
    assert dataset.splits["train"].ids == ("PetImages/cat/0.png", "PetImages/dog/0.png")
    np.testing.assert_array_equal(dataset.splits["train"].labels, [0, 1])
    assert all(os.path.exists(tmp_path / identifier) for identifier in dataset.splits["train"].ids)
