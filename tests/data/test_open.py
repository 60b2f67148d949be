import io
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tellapart.data.images import ArrayImages
from tellapart.data.open import Dataset, Split, open_dataset
from tellapart.data.sources.catalog import KNOWN_SETS
from tellapart.errors import ConfigError, DataError

RNG = np.random.default_rng(0)
COLOR = RNG.integers(0, 256, (6, 5, 4, 3), np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def pixels(dataset, split="train"):
    return dataset.splits[split].images.gathered()


def test_opening_needs_no_heavy_library():
    code = (
        "import sys, tellapart.data.open\n"
        "print([m for m in ('torch', 'keras', 'sklearn', 'pyarrow', 'PIL') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


# Arrays


def test_uint8_arrays_are_taken_as_they_are():
    dataset = open_dataset((COLOR, LABELS))
    assert pixels(dataset) is COLOR
    assert dataset.image_shape == (5, 4, 3)
    assert dataset.class_names == ("0", "1", "2")
    assert dataset.splits["train"].ids[:2] == ("train/00000", "train/00001")
    assert list(dataset.splits) == ["train"]


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
@pytest.mark.parametrize(
    "convert",
    [
        lambda x: (x / 255).astype(np.float32),
        lambda x: x / 255.0,
        lambda x: x.astype(np.float32),
        lambda x: x.astype(np.int64),
        lambda x: x.astype(np.float16),
        lambda x: x.tolist(),
    ],
    ids=["unit32", "unit64", "whole32", "int64", "whole16", "list"],
)
def test_every_accepted_form_gives_the_same_bytes(channels, convert):
    images = RNG.integers(0, 256, (6, 5, 4, *channels), np.uint8)
    images[0] = 255
    ours = pixels(open_dataset((convert(images), LABELS)))
    assert ours.dtype == np.uint8
    np.testing.assert_array_equal(ours, images if channels else images[..., None])


@pytest.mark.parametrize(
    ("images", "met"),
    [
        (COLOR[0], r"x of train: uint8 \(5, 4, 3\)|6 labels"),
        (COLOR[..., :2], r"uint8 \(6, 5, 4, 2\), 0 to 25"),
        (np.zeros((6, 4, 4, 4), np.uint8), r"\(6, 4, 4, 4\)"),
        (COLOR.transpose(0, 3, 1, 2), r"channels come first: move them with x\.transpose\(0, 2, 3, 1\)"),
        (COLOR.astype(int) - 1, r"int64 \(6, 5, 4, 3\), -1 to"),
        (COLOR.astype(int) + 1, "to 256"),
        (COLOR / 127.5 - 1, r"float64 \(6, 5, 4, 3\), -1\.0 to 1\.0"),
        (COLOR / 100, "and not whole numbers"),
        (np.full((6, 4, 4), np.nan), "nan to nan"),
        (np.full((6, 4, 4), np.inf), "inf to inf"),
        (np.zeros((6, 4, 4), bool), "bool"),
        (np.zeros((6, 4, 4), complex), "complex"),
        (np.zeros((6, 0, 4)), "no pictures"),
        (np.array([b"a"] * 6), r"\|S1 \(6,\)"),
        ([np.zeros((4, 4)), np.zeros((4, 5))] * 3, "pictures of different sizes"),
    ],
)
def test_other_pictures_are_refused_with_what_was_met_and_what_is_accepted(images, met):
    with pytest.raises(DataError, match=met):
        open_dataset((images, LABELS))


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        LABELS[:, None],
        LABELS.astype(np.uint8),
        LABELS.astype(np.float32),
        np.eye(3)[LABELS],
        np.eye(3, dtype=bool)[LABELS],
        LABELS.tolist(),
    ],
)
def test_every_form_of_labels_gives_the_same_numbers(labels):
    dataset = open_dataset((COLOR, labels))
    np.testing.assert_array_equal(dataset.splits["train"].labels, LABELS)
    assert dataset.splits["train"].labels.dtype == np.int64
    assert dataset.class_names == ("0", "1", "2")


@pytest.mark.parametrize("kind", [list, np.array, lambda x: np.array(x, object), lambda x: np.array(x, "S")])
def test_names_are_numbered_in_natural_order(kind):
    dataset = open_dataset((COLOR, kind(["b10", "b2", "a", "b10", "b2", "a"])))
    assert dataset.class_names == ("a", "b2", "b10")
    np.testing.assert_array_equal(dataset.splits["train"].labels, [2, 1, 0, 2, 1, 0])


def test_numbers_with_gaps_name_their_classes():
    dataset = open_dataset((COLOR, [3, 5, 10, 3, 5, 10]))
    assert dataset.class_names == ("3", "5", "10")
    np.testing.assert_array_equal(dataset.splits["train"].labels, LABELS)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2, -1, 1, 2], "row 3 has label -1; accepted: whole numbers from 0"),
        ([0, 1, 2.5, 0, 1, 2], r"row 2 has label 2\.5"),
        ([0, 1, np.nan, 0, 1, 2], "row 2 has label nan"),
        ([0, 1, 2, 0, 1], "x has 6 pictures and y has 5 labels"),
        (np.eye(3)[LABELS] * 0.5, r"row 0 is \[0\.5, 0\.0, 0\.0\]"),
        (np.ones((6, 3)), "a single 1 in each row"),
        (np.zeros((6, 2, 2)), r"float64 \(6, 2, 2\)"),
        ([1, 1, 1, 1, 1, 1], r"one class only \(1\); a classifier needs at least two"),
        ([[0], [1, 2]] * 3, "different lengths"),
    ],
)
def test_other_labels_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        open_dataset((COLOR, labels))


def test_labels_beyond_the_class_names_are_refused_with_their_row():
    with pytest.raises(DataError, match="row 2 has label 2; accepted: 0 to 1"):
        open_dataset((COLOR, LABELS), class_names=["a", "b"])
    with pytest.raises(DataError, match="row 0 has label cow; accepted: one of cat, dog"):
        open_dataset((COLOR, ["cow", "cat", "dog"] * 2), class_names=["cat", "dog"])
    assert open_dataset((COLOR, LABELS), class_names=["a", "b", "c"]).class_names == ("a", "b", "c")
    with pytest.raises(DataError, match="appears twice"):
        open_dataset((COLOR, LABELS), class_names=["a", "b", "b"])


def test_class_names_beside_data_that_names_its_classes_are_refused(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.fromarray(COLOR[0]).save(tmp_path / name / "1.png")
    with pytest.raises(
        ConfigError, match="the data is a folder of class folders, which names its classes itself"
    ):
        open_dataset(tmp_path, class_names=["a", "b"])


def test_splits_come_as_pairs_or_by_name():
    train, test = (COLOR, LABELS), (COLOR[:3], LABELS[:3])
    forms = [
        (train, test),
        [list(train), list(test)],
        {"x_train": train[0], "y_train": train[1], "x_test": test[0], "y_test": test[1]},
        {"train": train, "test": test},
    ]
    for form in forms:
        dataset = open_dataset(form)
        assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 6, "test": 3}
        assert dataset.splits["test"].ids[2] == "test/00002"
    three = open_dataset((train, test, test))
    assert list(three.splits) == ["train", "validation", "test"]
    assert list(open_dataset({"x": COLOR, "y": LABELS}).splits) == ["train"]
    assert list(open_dataset({"x_val": COLOR, "y_val": LABELS, "x_train": COLOR, "y_train": LABELS}).splits)
    assert list(open_dataset(COLOR, labels=LABELS).splits) == ["train"]


@pytest.mark.parametrize("data", [COLOR, 7, None, (COLOR,), {"x": COLOR}, {}, (COLOR, LABELS, LABELS)])
def test_other_values_are_refused(data):
    with pytest.raises(DataError, match="x_train"):
        open_dataset(data)


def test_a_class_that_is_only_in_the_test_split_is_named():
    with pytest.raises(DataError, match="2 is in test and not in train"):
        open_dataset(((COLOR[:2], [0, 1]), (COLOR[:2], [0, 2])))
    with pytest.raises(DataError, match="cow is in test and not in train"):
        open_dataset(((COLOR[:2], ["cat", "dog"]), (COLOR[:2], ["cat", "cow"])))


def test_an_npz_opens_like_its_arrays(tmp_path):
    path = tmp_path / "small.npz"
    arrays = {"x_train": COLOR, "y_train": LABELS, "x_test": COLOR[:2], "y_test": LABELS[:2]}
    np.savez_compressed(path, **arrays, class_names=["ant", "bee", "cow"])
    dataset = open_dataset(path)
    assert (dataset.name, dataset.class_names) == ("small", ("ant", "bee", "cow"))
    np.testing.assert_array_equal(pixels(dataset), COLOR)
    np.savez(path, images=COLOR)
    with pytest.raises(DataError, match="It holds images; expected x and y"):
        open_dataset(path)


# Folders


def test_class_folders_are_found_in_natural_order(picture_folder):
    root = picture_folder({"class10": 2, "class2": 11, "Class1": 1})
    dataset = open_dataset(root)
    assert dataset.class_names == ("Class1", "class2", "class10")
    assert dataset.splits["train"].ids[:4] == (
        "Class1/0.png",
        "class2/0.png",
        "class2/1.png",
        "class2/2.png",
    )
    assert dataset.splits["train"].ids[-3:] == ("class2/10.png", "class10/0.png", "class10/1.png")
    assert dataset.image_shape == (4, 6, 3)
    assert dataset.name == "pictures"
    assert dataset.where == str(root)
    np.testing.assert_array_equal(
        dataset.splits["train"].images.read(0), np.asarray(Image.open(root / "Class1" / "0.png"))
    )


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "Valid"])
def test_split_folders_are_found(picture_folder, validation):
    root = picture_folder({"train/a": 3, "train/b": 2, f"{validation}/a": 1, "test/b": 2, "extra/c": 1})
    dataset = open_dataset(root)
    assert {name: len(split) for name, split in dataset.splits.items()} == {
        "train": 5,
        "validation": 1,
        "test": 2,
    }
    assert dataset.splits["test"].ids == ("test/b/0.png", "test/b/1.png")
    np.testing.assert_array_equal(dataset.splits["test"].labels, [1, 1])


def test_a_class_may_be_called_train(picture_folder):
    assert open_dataset(picture_folder({"train": 2, "plane": 2})).class_names == ("plane", "train")


def test_other_files_are_ignored_and_named_and_hidden_ones_are_not(picture_folder):
    root = picture_folder({"a": 1, "b": 1, "a/deeper": 1, ".": 1, "__MACOSX": 1})
    for name in ("a/notes.txt", "a/deeper/x.psd", "a/.DS_Store", "b/._0.png", "b/Thumbs.db", "readme.md"):
        (root / name).write_text("x")
    (root / ".hidden").mkdir()
    dataset = open_dataset(root)
    assert dataset.splits["train"].ids == ("a/0.png", "a/deeper/0.png", "b/0.png")
    assert set(dataset.ignored) == {"0.png", "readme.md", "a/notes.txt", "a/deeper/x.psd"}


def test_what_lies_beside_splits_and_their_classes_is_named(picture_folder):
    root = picture_folder({"train/a": 1, "train/b": 1, "train": 1, "test/a": 1, "extra/c": 1, ".": 1})
    assert set(open_dataset(root).ignored) == {"0.png", "train/0.png", "extra/"}


def test_a_folder_of_heic_photos_opens_and_is_read(tmp_path):
    for name in ("a/1.heic", "b/IMG_2.HEIC", "b/3.hif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(Path(__file__).parent / "pictures" / "quadrants.heic", tmp_path / name)
    dataset = open_dataset(tmp_path)
    assert dataset.image_shape == (48, 64, 3)
    train = dataset.splits["train"]
    assert [train.images.read(row).shape for row in range(len(train))] == 3 * [(48, 64, 3)]
    assert dataset.ignored == ()


def test_links_are_followed_and_circles_are_not(picture_folder, tmp_path):
    root = picture_folder({"a": 2, "b": 1})
    elsewhere = picture_folder({"c": 2}, root=tmp_path / "elsewhere")
    (root / "c").symlink_to(elsewhere / "c")
    (root / "b" / "linked.png").symlink_to(root / "a" / "0.png")
    (root / "a" / "up").symlink_to(root / "a")
    assert open_dataset(root).splits["train"].ids == (
        "a/0.png",
        "a/1.png",
        "b/0.png",
        "b/linked.png",
        "c/0.png",
        "c/1.png",
    )


def test_accents_are_one_spelling_everywhere(picture_folder):
    root = picture_folder({unicodedata.normalize("NFD", "café"): 1, "thé": 1})
    assert open_dataset(root).class_names == ("café", "thé")


def test_pictures_of_different_sizes_have_no_common_shape(picture_folder):
    root = picture_folder({"a": 2})
    assert open_dataset(picture_folder({"b": 2}, size=(9, 9), root=root)).image_shape is None


def test_gray_files_have_one_channel(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.fromarray(COLOR[0, ..., 0]).save(tmp_path / name / "0.png")
    assert open_dataset(tmp_path).image_shape == (5, 4, 1)


def test_a_folder_without_class_folders_says_what_it_holds(picture_folder):
    root = picture_folder({".": 3})
    (root / "empty").mkdir()
    with pytest.raises(DataError) as raised:
        open_dataset(root)
    assert str(raised.value) == (
        f"{root}: no class folders found (looked for {root}/<class>/*.jpg and {root}/train/<class>/*.jpg).\n"
        "It holds 3 files and 1 folder without pictures.\n"
        "Put each class's pictures in a folder of their own, or pass --labels FILE.csv."
    )


def test_of_one_class_folder_the_folder_above_is_named(picture_folder):
    root = picture_folder({"cat": 3, "dog": 2})
    with pytest.raises(
        DataError, match=f"Did you mean {root}, which holds 2 folders with pictures: cat, dog?"
    ):
        open_dataset(root / "cat")


def test_train_and_test_folders_without_classes_are_not_taken_for_classes(picture_folder):
    with pytest.raises(DataError, match=r"no class folders found.*\(test, train hold pictures directly\)"):
        open_dataset(picture_folder({"train": 2, "test": 2}))


def test_an_empty_class_folder_is_named(picture_folder):
    root = picture_folder({"a": 2, "b": 2, "c": 0})
    with pytest.raises(DataError, match="no pictures in the class folder c"):
        open_dataset(root)


def test_an_empty_training_class_is_named_in_split_folders_too(picture_folder):
    root = picture_folder({"train/a": 1, "train/b": 1, "train/c": 0, "test/a": 1, "test/d": 0, "__MACOSX": 0})
    with pytest.raises(DataError, match="train: no pictures in the class folder c"):
        open_dataset(root)
    (root / "train" / "c").rmdir()
    assert open_dataset(root).class_names == ("a", "b")


def test_one_class_is_nothing_to_tell_apart(picture_folder):
    with pytest.raises(DataError, match=r"one class only \(a\)"):
        open_dataset(picture_folder({"a": 3}))


def test_a_class_folder_that_is_only_in_test_is_named(picture_folder):
    root = picture_folder({"train/a": 1, "train/b": 1, "test/c": 1, "test/d": 1})
    with pytest.raises(DataError, match="c, d are in test and not in train"):
        open_dataset(root)


def test_two_validation_folders_are_ambiguous(picture_folder):
    root = picture_folder({"train/a": 1, "train/b": 1, "val/a": 1, "valid/a": 1})
    with pytest.raises(DataError, match="val and valid both mean validation"):
        open_dataset(root)


def test_real_photos_open(real_data):
    dataset = open_dataset(real_data("cats-and-dogs"))
    assert dataset.class_names == ("cat", "dog")
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 400, "test": 200}
    assert dataset.image_shape is None
    assert dataset.mirrors


def test_a_labels_file_stands_in_for_class_folders(picture_folder, tmp_path):
    root = picture_folder({".": 4})
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label,split\n0.png,cat,train\n1.png,dog,train\n2.png,dog,val\n3,cat,test\n")
    dataset = open_dataset(root, labels=labels)
    assert dataset.class_names == ("cat", "dog")
    assert {name: split.ids for name, split in dataset.splits.items()} == {
        "train": ("0.png", "1.png"),
        "validation": ("2.png",),
        "test": ("3.png",),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns none"),
        ("a,b\nx,y\n", "columns a, b; expected file and label"),
        ("file,label\n", "no lines"),
        ("file,label\n9.png,cat\n", r"line 2 names 9\.png"),
        ("id,class\n0,cat\n,dog\n", "line 3 says file ''"),
        ("id,class,split\n0,cat,train\n1,dog,soon\n", "a split is train, validation or test"),
        ("file,label\n0.png,cat\n\n./0,dog\n", r"line 2 labels \./0 cat .*, but line 4 labels it dog"),
    ],
)
def test_a_wrong_labels_file_is_named_with_its_line(picture_folder, tmp_path, text, message):
    root = picture_folder({".": 2})
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        open_dataset(root, labels=tmp_path / "labels.csv")


def test_a_missing_path_suggests_near_names(picture_folder):
    root = picture_folder({"a": 1, "b": 1})
    with pytest.raises(DataError, match=rf"Did you mean {root}\?"):
        open_dataset(str(root) + "s")
    with pytest.raises(DataError, match=r"Did you mean .*mnist(.|\n)*Known data sets: digits, cifar10"):
        open_dataset("mnits")


def test_a_single_picture_is_no_set(picture_folder):
    root = picture_folder({"a": 1})
    with pytest.raises(DataError, match=r"0\.png is a single file"):
        open_dataset(root / "a" / "0.png")


# Known sets


def test_digits_need_nothing_and_come_divided(nowhere):
    dataset = open_dataset("digits")
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 1438, "test": 359}
    assert dataset.image_shape == (8, 8, 1)
    assert not dataset.mirrors
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert np.abs(np.bincount(train.labels) / 4 - np.bincount(test.labels)).max() < 2
    assert not set(train.ids) & set(test.ids)
    assert pixels(dataset).max() == 255


def test_the_default_test_split_of_digits_is_the_same_for_everybody(nowhere):
    """Written down once: another draw would make accuracies on it incomparable."""
    assert open_dataset("digits").splits["test"].ids[:4] == (
        "train/00000",
        "train/00002",
        "train/00005",
        "train/00009",
    )


def test_digits_are_scikit_learn_s():
    from sklearn.datasets import load_digits

    dataset, oracle = open_dataset("digits"), load_digits()
    for split in dataset.splits.values():
        rows = [int(identifier.split("/")[1]) for identifier in split.ids]
        np.testing.assert_array_equal(split.labels, oracle.target[rows])
        np.testing.assert_array_equal(
            split.images.gathered()[..., 0], np.round(oracle.images[rows] * 255 / 16)
        )


@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_real_known_sets_open_by_name(real_data, name):
    place = real_data(name)
    dataset = open_dataset(name)
    known = KNOWN_SETS[name]
    assert dataset.where == str(place)
    assert dataset.class_names == known.class_names
    assert {split: len(part) for split, part in dataset.splits.items()} == {
        "train": known.train_size,
        "test": known.test_size,
    }
    assert pixels(dataset).shape[1:] == dataset.image_shape == known.image_shape


def test_cifar10_s_pictures_are_what_their_labels_say(real_data):
    """Sky and sea are blue, grass and leaves are not."""
    real_data("cifar10")
    dataset = open_dataset("cifar10")
    blueness = pixels(dataset)[..., 2].mean(axis=(1, 2)) - pixels(dataset)[..., 0].mean(axis=(1, 2))
    by_class = np.bincount(dataset.splits["train"].labels, blueness) / 5_000
    bluest = {dataset.class_names[label] for label in np.argsort(by_class)[-2:]}
    assert bluest == {"airplane", "ship"}


@pytest.mark.skipif(
    not Path("/usr/share/datasets/fashion-mnist").is_dir(), reason="dataset-fashion-mnist is not installed"
)
def test_fashion_mnist_is_found_where_debian_puts_it(nowhere):
    dataset = open_dataset("fashion-mnist")
    assert dataset.where == "/usr/share/datasets/fashion-mnist"
    assert dataset.class_names[dataset.splits["train"].labels[0]] == "Ankle boot"
    assert pixels(dataset).mean() == pytest.approx(72.94, abs=0.01)


def test_a_set_that_is_not_here_says_where_it_looked(nowhere, monkeypatch):
    (nowhere / "empty").mkdir(parents=True)
    monkeypatch.setenv("TELLAPART_DATA", str(nowhere / "empty"))
    with pytest.raises(DataError) as raised:
        open_dataset("cifar100")
    message = str(raised.value)
    assert str(nowhere / "empty") in message
    assert str(nowhere / "tellapart") in message
    assert "tellapart data get cifar100 (169 MB)" in message


def write_mnist(folder, train=60_000, test=10_000):
    folder.mkdir(parents=True)
    for prefix, count in (("train", train), ("t10k", test)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = np.zeros((count, 28, 28), np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (folder / f"{prefix}-{kind}-ubyte").write_bytes(header + array.tobytes())


def test_the_named_folder_comes_before_the_cache(nowhere, tmp_path, monkeypatch):
    write_mnist(nowhere / "tellapart" / "mnist")
    assert open_dataset("MNIST").where == str(nowhere / "tellapart" / "mnist")
    write_mnist(tmp_path / "own" / "MNIST" / "raw")
    monkeypatch.setenv("TELLAPART_DATA", str(tmp_path / "own"))
    assert open_dataset("mnist").where == str(tmp_path / "own" / "MNIST" / "raw")


def test_a_known_set_of_another_size_is_refused_by_name_and_opens_by_path(nowhere, tmp_path, monkeypatch):
    write_mnist(tmp_path / "own" / "mnist", train=50, test=20)
    monkeypatch.setenv("TELLAPART_DATA", str(tmp_path / "own"))
    with pytest.raises(DataError, match="50 train pictures, 20 test pictures; MNIST has 60,000 train"):
        open_dataset("mnist")
    dataset = open_dataset(tmp_path / "own" / "mnist")
    assert (dataset.name, len(dataset.splits["train"]), dataset.mirrors) == ("mnist", 50, False)


def test_idx_files_of_nobody_s_set_open_with_numbered_classes(tmp_path):
    write_mnist(tmp_path / "kana", train=50, test=20)
    dataset = open_dataset(tmp_path / "kana")
    assert (dataset.name, dataset.class_names) == ("kana", tuple("0123456789"))


def test_a_fashion_folder_opens_with_clothes(tmp_path):
    write_mnist(tmp_path / "FashionMNIST" / "raw", train=50, test=20)
    for path in (tmp_path / "FashionMNIST" / "raw", tmp_path):
        assert open_dataset(path).class_names[9] == "Ankle boot"


def test_a_folder_with_several_sets_asks_which(tmp_path):
    write_mnist(tmp_path / "mnist", train=50, test=20)
    write_mnist(tmp_path / "fashion-mnist", train=50, test=20)
    with pytest.raises(DataError, match="several sets: mnist, fashion-mnist"):
        open_dataset(tmp_path)


def test_a_parquet_set_opens_by_path(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    cells = []
    for picture in COLOR:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG")
        cells.append({"bytes": buffer.getvalue(), "path": None})
    pq.write_table(pa.table({"image": cells, "label": LABELS}), tmp_path / "train-00000-of-00001.parquet")
    for path in (tmp_path, tmp_path / "train-00000-of-00001.parquet"):
        dataset = open_dataset(path)
        assert (dataset.class_names, dataset.image_shape) == (("0", "1", "2"), (5, 4, 3))
        np.testing.assert_array_equal(dataset.splits["train"].images.read(3), COLOR[3])


# Values


@pytest.mark.parametrize(
    ("class_names", "mirrors"),
    [
        (("six", "nine"), False),
        (("letter_b", "letter_d"), False),
        (("links", "rechts"), False),
        (("clockwise", "counter-clockwise"), False),
        (("type_a", "type_b"), True),
        (("one", "many"), True),
        (["cat", "dog"], True),
        (["A", "B"], False),
        (["Turn Left", "stop"], False),
        (["left", "right"], False),
        (["arrow_left", "stop"], False),
        (["0", "1"], False),
    ],
)
def test_mirroring_is_off_where_it_would_change_the_class(class_names, mirrors):
    gray = COLOR[:2, ..., :1]
    assert open_dataset((gray, [0, 1]), class_names=class_names).mirrors is mirrors


def test_numbered_color_arrays_may_be_mirrored():
    assert open_dataset((COLOR, LABELS)).mirrors
    assert not open_dataset((COLOR[..., :1], LABELS)).mirrors


def test_ids_appear_once():
    images = ArrayImages(COLOR[:2])
    with pytest.raises(DataError, match="'a' appears twice"):
        Split(("a", "a"), LABELS[:2], images)
    split = Split(("a", "b"), LABELS[:2], images)
    with pytest.raises(DataError, match="'a' appears twice"):
        Dataset("twice", ("x", "y"), {"train": split, "test": split}, True, None, "memory")
    with pytest.raises(DataError, match="2 pictures, 2 labels, 1 ids"):
        Split(("a",), LABELS[:2], images)


def test_taking_rows_copies_no_pixels():
    split = open_dataset((COLOR, LABELS)).splits["train"].take(np.array([4, 1])).take(np.array([1]))
    assert split.ids == ("train/00001",)
    assert split.images.array is COLOR
    np.testing.assert_array_equal(split.images.read(0), COLOR[1])


@pytest.mark.parametrize(
    ("arrays", "next_step"),
    [
        ({"y": [0, -1]}, "Number the classes"),
        ({"y": [0, 2], "class_names": ["cat", "dog"]}, "class_names"),
        ({"y": [0, 1, 1]}, "one label"),
        ({"z": [0, 1]}, "expected x and y"),
    ],
)
def test_bad_labels_of_an_archive_name_the_file_and_the_next_step(arrays, next_step, tmp_path):
    np.savez(tmp_path / "mine.npz", x=np.zeros((2, 4, 4), np.uint8), **arrays)
    with pytest.raises(DataError, match=next_step) as caught:
        open_dataset(tmp_path / "mine.npz")
    assert str(caught.value).startswith(str(tmp_path / "mine.npz"))
