"""Archives, shards, tables with pictures, metadata files and names of files: each as people have them."""

import io
import json
import tarfile
import tomllib
import zipfile

import numpy as np
import pytest
import tomli_w
from PIL import Image

import tellapart
from tellapart.data.open import open_dataset, reopening
from tellapart.data.preprocess import Preprocessing
from tellapart.data.sources.label_choice import Labels, labels_from
from tellapart.data.sources.registry import source_of
from tellapart.data.sources.source import OpenRequest
from tellapart.data.sources.webdataset import expanded
from tellapart.data.split import apply_split, divide, read_split_csv, write_split_csv
from tellapart.data.store import load_split
from tellapart.errors import ConfigError, DataError, MissingExtraError, PictureError


def png(seed):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (10, 12, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


PNGS = [png(seed) for seed in range(8)]


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def zipped(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tarred(path, members, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


ARCHIVES = {
    "stored.zip": lambda path, members: zipped(path, members),
    "deflated.zip": lambda path, members: zipped(path, members, compression=zipfile.ZIP_DEFLATED),
    "plain.tar": tarred,
    "packed.tar.gz": lambda path, members: tarred(path, members, "w:gz"),
    "packed.TGZ": lambda path, members: tarred(path, members, "w:gz"),
    "packed.tar.bz2": lambda path, members: tarred(path, members, "w:bz2"),
}


def meaning(dataset):
    """Id -> split, class."""
    return {
        identifier: (name, dataset.class_names[label])
        for name, split in dataset.splits.items()
        for identifier, label in zip(split.ids, split.labels, strict=True)
    }


CLASS_FOLDERS = {"cat/0.png": PNGS[0], "dog/1.png": PNGS[1], "dog/2.png": PNGS[2]}
MEANT = {"cat/0.png": ("train", "cat"), "dog/1.png": ("train", "dog"), "dog/2.png": ("train", "dog")}
LEFT_BEHIND = {"__MACOSX/cat/._0.png": b"x", "cat/.DS_Store": b"x", "readme.txt": b"x"}


# Archives


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_of_class_folders_is_read_in_place(kind, tmp_path):
    dataset = open_dataset(ARCHIVES[kind](tmp_path / kind, CLASS_FOLDERS | LEFT_BEHIND))
    assert meaning(dataset) == MEANT
    train = dataset.splits["train"]
    for place, identifier in enumerate(train.ids):
        np.testing.assert_array_equal(train.images.read(place), pixels(CLASS_FOLDERS[identifier]))
    np.testing.assert_array_equal(train.take(np.array([2])).images.read(0), pixels(PNGS[2]))
    assert dataset.image_shape == (10, 12, 3)
    assert dataset.name == kind.partition(".")[0]
    assert [path.name for path in tmp_path.iterdir()] == [kind]


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        (("train/cat/0", "train/dog/1", "test/cat/2", "test/dog/3"), "train train test test"),
        (("photos/cat/0", "photos/dog/1"), "train train"),
        (("./cat/0", "./dog/1"), "train train"),
        (("set/Training/cat/0", "set/Training/dog/1", "set/Testing/cat/2"), "train train test"),
    ],
)
def test_layouts_inside_an_archive_follow_the_rules_of_folders(names, meant, tmp_path):
    path = tarred(tmp_path / "set.tar", {f"{name}.png": PNGS[place] for place, name in enumerate(names)})
    by_id = meaning(open_dataset(path))
    for name, split in zip(names, meant.split(), strict=True):
        assert by_id[f"{name.removeprefix('./')}.png"] == (split, name.split("/")[-2])


def test_a_file_of_labels_names_pictures_in_an_archive(tmp_path):
    path = zipped(tmp_path / "photos.zip", {"images/a.png": PNGS[0], "images/b.png": PNGS[1]})
    (tmp_path / "labels.csv").write_text("id,label\na,cat\nb,dog\n")
    dataset = open_dataset(path, labels=tmp_path / "labels.csv")
    assert meaning(dataset) == {"images/a.png": ("train", "cat"), "images/b.png": ("train", "dog")}
    np.testing.assert_array_equal(dataset.splits["train"].images.read(1), pixels(PNGS[1]))


@pytest.mark.parametrize("kind", ["stored.zip", "packed.tar.gz"])
def test_the_file_of_labels_may_lie_in_the_archive_too(kind, tmp_path):
    members = {"train/a.png": PNGS[0], "train/b.png": PNGS[1], "test/c.png": PNGS[2]}
    table = b"id,breed\na,pug\nb,manx\n"
    path = ARCHIVES[kind](tmp_path / kind, members | {"labels.csv": table})
    with pytest.raises(DataError, match=rf"pass --labels {path}/labels\.csv"):
        open_dataset(path)
    dataset = open_dataset(path, labels=path / "labels.csv")
    assert meaning(dataset) == {"train/a.png": ("train", "pug"), "train/b.png": ("train", "manx")}
    with pytest.raises(DataError, match=r"lost\.csv is not in"):
        open_dataset(path, labels=path / "lost.csv")


def test_a_damaged_member_is_named_like_any_unreadable_picture(tmp_path):
    path = zipped(tmp_path / "photos.zip", CLASS_FOLDERS)
    content = bytearray(path.read_bytes())
    content[content.index(PNGS[1]) + 60] ^= 255
    path.write_bytes(content)
    with pytest.raises(PictureError, match=r"photos\.zip/dog/1\.png: .*checksum"):
        open_dataset(path).splits["train"].images.read(1)


def test_a_member_that_is_no_picture_is_named(tmp_path):
    path = zipped(tmp_path / "photos.zip", {**CLASS_FOLDERS, "cat/3.png": b"<html>"})
    train = open_dataset(path).splits["train"]
    with pytest.raises(PictureError, match=r"photos\.zip/cat/3\.png: a web page"):
        train.images.read(train.ids.index("cat/3.png"))


def linked(path):
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("cat/0.png")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)


def of_a_giant_header(path):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 50_000_000
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(50_000_000) + bytes(10_240))


def encrypted(path):
    content = bytearray(zipped(path, CLASS_FOLDERS).read_bytes())
    for place in range(len(content) - 4):
        if content[place : place + 4] == b"PK\x01\x02":
            content[place + 8] |= 1
    path.write_bytes(content)


def understated(path):
    """A member unpacks to 50 million bytes, and its entries say 100."""
    zipped(path, {"cat/0.png": bytes(50_000_000), "dog/1.png": PNGS[1]}, compression=zipfile.ZIP_DEFLATED)
    stated = (50_000_000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(stated, (100).to_bytes(4, "little")))


@pytest.mark.parametrize(
    ("make", "name", "reason"),
    [
        (lambda path: tarred(path, {"../cat/0.png": PNGS[0]}), "x.tar", "leads out of the archive"),
        (lambda path: tarred(path, {"/cat/0.png": PNGS[0]}), "x.tar", "leads out of the archive"),
        (lambda path: zipped(path, {"../../0.png": PNGS[0]}), "x.zip", "leads out of the archive"),
        (linked, "x.tar", "is a link"),
        (of_a_giant_header, "x.tar", "a header has more than 1,000,000 bytes"),
        (encrypted, "x.zip", "needs a password"),
        (
            lambda path: zipped(path, CLASS_FOLDERS, compression=zipfile.ZIP_LZMA),
            "x.zip",
            "Unpack it, and give",
        ),
        (lambda path: path.write_bytes(b"PK\3\4 and nothing else"), "x.zip", "a damaged archive"),
        (lambda path: path.write_bytes(b"no tar at all" * 100), "x.tar", "a damaged archive"),
        (lambda path: path.write_bytes(b"\x1f\x8b broken"), "x.tar.gz", "a damaged archive"),
        (lambda path: path.write_bytes(b"\xfd7zXZ\0"), "x.tar.xz", r"pack it as \.tar"),
        (lambda path: path.write_bytes(b"7z"), "x.7z", "archive format is not read"),
        (lambda path: zipped(path, {"readme.txt": b"x"}), "x.zip", "no class folders"),
        (lambda path: zipped(path, {"0.png": PNGS[0], "1.png": PNGS[1]}), "x.zip", "no class folders"),
    ],
)
def test_an_archive_that_is_refused_says_why(make, name, reason, tmp_path):
    make(tmp_path / name)
    with pytest.raises(DataError, match=reason):
        open_dataset(tmp_path / name)


def test_a_member_is_never_unpacked_beyond_the_size_it_states(tmp_path):
    understated(tmp_path / "x.zip")
    images = open_dataset(tmp_path / "x.zip").splits["train"].images
    with pytest.raises(PictureError, match="checksum"):
        images.read(0)
    assert images.read(1).shape == (10, 12, 3)


# WebDataset


def samples(numbers, label, ending):
    return {
        name: content
        for number in numbers
        for name, content in (
            (f"{number:04d}.png", PNGS[number]),
            (f"{number:04d}.{ending}", label(number).encode()),
        )
    }


@pytest.mark.parametrize(
    ("label", "ending"),
    [
        (lambda number: "ab"[number % 2], "cls"),
        (lambda number: "ab"[number % 2] + "\n", "txt"),
        (lambda number: json.dumps({"caption": "x", "label": "ab"[number % 2]}), "json"),
        (lambda number: json.dumps("ab"[number % 2]), "json"),
    ],
)
@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_shards_of_samples_are_read_in_any_order(label, ending, kind, tmp_path):
    mode = "w:gz" if kind == "tar.gz" else "w"
    tarred(tmp_path / f"s-000.{kind}", samples((0, 1), label, ending), mode)
    tarred(tmp_path / f"s-001.{kind}", samples((2, 3), label, ending), mode)
    meant = {f"s-00{number // 2}.{kind}/{number:04d}.png": ("train", "ab"[number % 2]) for number in range(4)}
    for data in (tmp_path, tmp_path / f"s-{{000..001}}.{kind}", f"{tmp_path}/s-{{000,001}}.{kind}"):
        dataset = open_dataset(data)
        assert meaning(dataset) == meant
        np.testing.assert_array_equal(dataset.splits["train"].images.read(3), pixels(PNGS[3]))


def test_shards_say_their_split_by_name_or_folder(tmp_path):
    (tmp_path / "test").mkdir()
    tarred(tmp_path / "set-train-0000.tar", samples((0, 1), lambda n: str(n % 2), "cls"))
    tarred(tmp_path / "set-val-0000.tar", samples((2, 3), lambda n: str(n % 2), "cls"))
    tarred(tmp_path / "test" / "0.tar", samples((4,), lambda n: "0", "cls"))
    assert {name: len(split) for name, split in open_dataset(tmp_path).splits.items()} == {
        "train": 2,
        "validation": 2,
        "test": 1,
    }


def test_a_field_of_json_is_chosen(tmp_path):
    tarred(tmp_path / "a.tar", samples((0, 1), lambda n: json.dumps({"x": n, "y": 9}), "json"))
    assert open_dataset(tmp_path, labels=Labels(label_column="x")).class_names == ("0", "1")


def test_shards_without_labels_and_missing_shards_are_named(tmp_path):
    tarred(tmp_path / "a.tar", samples((0, 1, 2), lambda n: json.dumps({"x": n}), "json"))
    with pytest.raises(DataError, match="3 of 3 samples have no label"):
        open_dataset(tmp_path / "a.tar")
    with pytest.raises(DataError, match=r"2 of 2 files missing, such as .*b-1\.tar"):
        open_dataset(tmp_path / "b-{1..2}.tar")


def test_braces_expand_as_a_shell_expands_them():
    assert expanded("a-{08..10}-{x,y}.tar") == [
        f"a-{number}-{letter}.tar" for number in ("08", "09", "10") for letter in "xy"
    ]
    with pytest.raises(DataError, match="at most 100,000"):
        expanded("a-{0..999999999999}.tar")


# Tables with pictures, and metadata files


def parquet(path, **columns):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_labels_may_be_names(tmp_path):
    for split, rows in (("train", (0, 1)), ("test", (2, 3))):
        cells = [{"bytes": PNGS[row], "path": None} for row in rows]
        parquet(tmp_path / f"{split}-00000-of-00001.parquet", image=cells, label=["cat", "dog"])
    dataset = open_dataset(tmp_path)
    assert dataset.class_names == ("cat", "dog")
    assert {name: split.labels.tolist() for name, split in dataset.splits.items()} == {
        "train": [0, 1],
        "test": [0, 1],
    }


def test_parquet_may_hold_paths_of_pictures(tmp_path):
    (tmp_path / "a.png").write_bytes(PNGS[0])
    (tmp_path / "b.png").write_bytes(PNGS[1])
    names = ["a.png", "b.png"]
    with_struct = parquet(
        tmp_path / "s.parquet", image=[{"bytes": b"", "path": name} for name in names], label=[0, 1]
    )
    plain = parquet(tmp_path / "p.parquet", file_name=names, breed=["pug", "manx"])
    np.testing.assert_array_equal(open_dataset(with_struct).splits["train"].images.read(1), pixels(PNGS[1]))
    assert meaning(open_dataset(plain)) == {"a.png": ("train", "pug"), "b.png": ("train", "manx")}


def test_rows_and_splits_without_labels_are_left_out_and_counted(tmp_path):
    cells = [{"bytes": content, "path": None} for content in PNGS[:3]]
    parquet(tmp_path / "train.parquet", image=cells, label=[0, 1, None])
    parquet(tmp_path / "test.parquet", image=cells, label=[-1, -1, -1])
    dataset = open_dataset(tmp_path)
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 2}
    assert set(dataset.notices) == {
        "Left out 3 rows of test without a label",
        "Left out 1 row of train without a label",
    }


def test_columns_of_parquet_are_chosen_by_name_or_number(tmp_path):
    cells = [{"bytes": content, "path": None} for content in PNGS[:2]]
    path = parquet(tmp_path / "x.parquet", scan=cells, mark=["a", "b"], size=[1, 2])
    with pytest.raises(DataError, match=r"columns scan, mark, size.*--label-column"):
        open_dataset(path)
    assert open_dataset(path, labels=Labels(label_column="mark")).class_names == ("a", "b")
    assert open_dataset(path, labels=Labels(label_column=3)).class_names == ("1", "2")
    with pytest.raises(DataError, match="--label-column nothing: no such column"):
        open_dataset(path, labels=Labels(label_column="nothing"))


def written(root, **texts):
    for name, text in texts.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


TWO = {"a_dot_png": PNGS[0], "b_dot_png": PNGS[1]}


def test_hugging_faces_metadata_file_is_read(tmp_path):
    root = written(tmp_path, metadata_dot_csv="file_name,label\na.png,cat\nb.png,dog\n", **TWO)
    assert meaning(open_dataset(root)) == {"a.png": ("train", "cat"), "b.png": ("train", "dog")}


def test_one_metadata_file_for_each_split_is_read(tmp_path):
    line = '{"file_name": "%s.png", "label": "%s"}\n'
    root = written(
        tmp_path,
        train__metadata_dot_jsonl=line % ("a", "cat") + line % ("b", "dog"),
        test__metadata_dot_jsonl=line % ("a", "dog"),
        **{f"train__{name}": content for name, content in TWO.items()},
        **{f"test__{name}": content for name, content in TWO.items()},
    )
    assert meaning(open_dataset(root)) == {
        "train/a.png": ("train", "cat"),
        "train/b.png": ("train", "dog"),
        "test/a.png": ("test", "dog"),
    }


def test_captions_beside_class_folders_are_no_labels(tmp_path):
    root = written(
        tmp_path,
        metadata_dot_csv="file_name,text\nx/a.png,one\ny/b.png,two\n",
        x__a_dot_png=PNGS[0],
        y__b_dot_png=PNGS[1],
    )
    assert open_dataset(root).class_names == ("x", "y")


def test_a_metadata_file_and_class_folders_that_disagree_are_asked_about(tmp_path):
    names = [f"{folder}/{number}.png" for folder in "xy" for number in range(2)]
    root = tmp_path
    for place, name in enumerate(names):
        written(root, **{name.replace("/", "__").replace(".", "_dot_"): PNGS[place]})
    rows = "".join(f"{name},{'cat' if '0' in name else 'dog'}\n" for name in names)
    written(root, metadata_dot_csv=f"file_name,label\n{rows}")
    with pytest.raises(DataError, match=r"two ways.*x, y.*cat, dog.*--labels .*metadata\.csv"):
        open_dataset(root)
    assert open_dataset(root, labels=root / "metadata.csv").class_names == ("cat", "dog")


def test_the_file_of_labels_may_itself_be_the_data(tmp_path):
    root = written(tmp_path / "photos", labels_dot_csv="file,label\na.png,cat\nb.png,dog\n", **TWO)
    dataset = open_dataset(root / "labels.csv")
    assert meaning(dataset) == {"a.png": ("train", "cat"), "b.png": ("train", "dog")}
    assert dataset.name == "photos"


def test_files_of_labels_may_be_one_for_each_split(tmp_path):
    flat(tmp_path, "a.png", "b.png", "c.png")
    written(
        tmp_path / "labels",
        train_dot_csv="file,label\na.png,cat\nb.png,dog\n",
        valid_dot_csv="file,label\nc.png,dog\n",
        notes_dot_txt="x",
    )
    assert meaning(open_dataset(tmp_path, labels=tmp_path / "labels")) == {
        "a.png": ("train", "cat"),
        "b.png": ("train", "dog"),
        "c.png": ("validation", "dog"),
    }
    with pytest.raises(DataError, match="no files of labels called after splits"):
        open_dataset(tmp_path, labels=tmp_path)


def test_class_folders_of_codes_get_their_names_from_a_file(tmp_path):
    flat(tmp_path, "set/n02123045/a.png", "set/n02084071/b.png")
    written(tmp_path, names_dot_txt="n02084071 dog, domestic dog\nn02123045 tabby\n")
    labels = Labels(names=tmp_path / "names.txt")
    assert meaning(open_dataset(tmp_path / "set", labels=labels)) == {
        "n02084071/b.png": ("train", "dog, domestic dog"),
        "n02123045/a.png": ("train", "tabby"),
    }


def test_of_several_tables_the_one_with_labels_is_suggested(tmp_path):
    flat(tmp_path, "train/a.png", "train/b.png", "test/c.png")
    written(
        tmp_path,
        sample_submission_dot_csv="id,pug,manx\nc,0.5,0.5\n",
        train_dot_csv="id,breed\na,pug\nb,manx\n",
    )
    with pytest.raises(DataError, match=r"pass --labels .*/train\.csv"):
        open_dataset(tmp_path)


# Names of files


def flat(root, *names):
    for place, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(PNGS[place])
    return root


NAMED = {
    "cat.0.png cat.1.png dog.0.png dog.1.png": ["cat", "dog"],
    "cat_1.png cat_2.png dog_1.png dog_2.png": ["cat", "dog"],
    "cat (1).png cat (2).png dog (1).png dog (2).png": ["cat", "dog"],
    "n01440764_1.png n01440764_2.png n02123045_1.png n02123045_2.png": ["n01440764", "n02123045"],
    "great_dane_1.png great_dane_2.png pug_1.png pug_2.png": ["great_dane", "pug"],
    "001_cat.png 002_cat.png 003_dog.png 004_dog.png": ["cat", "dog"],
}


@pytest.mark.parametrize("names", NAMED)
def test_names_that_show_classes_are_asked_about_with_the_option_filled_in(names, tmp_path):
    root = flat(tmp_path, *names.split(".png "))
    for path in list(root.iterdir()):
        path.rename(path.with_name(path.name.removesuffix(".png") + ".png"))
    with pytest.raises(DataError, match="names look like 2 classes") as raised:
        open_dataset(root)
    pattern = str(raised.value).partition("--label-pattern '")[2].partition("'")[0]
    assert list(open_dataset(root, labels=Labels(pattern=pattern)).class_names) == NAMED[names]
    archive = zipped(tmp_path / "flat.zip", {path.name: path.read_bytes() for path in root.glob("*.png")})
    assert list(open_dataset(archive, labels=Labels(pattern=pattern)).class_names) == NAMED[names]


def test_names_that_show_nothing_are_not_taken_for_classes(tmp_path):
    root = flat(tmp_path, "IMG_1.png", "IMG_2.png", "DSC_1.png", "DSC_2.png")
    with pytest.raises(DataError, match="no class folders found"):
        open_dataset(root)


def test_a_flat_folder_with_a_file_of_labels_is_asked_about(tmp_path):
    root = flat(tmp_path, "a.png", "b.png")
    (root / "train.csv").write_text("x")
    with pytest.raises(DataError, match=r"pass --labels .*train\.csv"):
        open_dataset(root)


def test_a_pattern_may_name_the_split_too(tmp_path):
    root = flat(tmp_path, "x/train_cat_1.png", "x/train_dog_2.png", "x/test_cat_3.png", "x/odd.png")
    dataset = open_dataset(root, labels=Labels(pattern=r"(?P<split>train|test)_(?P<label>[a-z]+)_\d"))
    assert meaning(dataset) == {
        "x/train_cat_1.png": ("train", "cat"),
        "x/train_dog_2.png": ("train", "dog"),
        "x/test_cat_3.png": ("test", "cat"),
    }
    assert "1 picture whose path does not match" in dataset.notices[0]


@pytest.mark.parametrize(
    ("pattern", "error", "reason"),
    [
        ("[", ConfigError, "not a valid regular expression"),
        ("cat", ConfigError, "no group"),
        (r"(\d{9})", DataError, r"matches 0 of 4 pictures.*Did you mean --label-pattern"),
    ],
)
def test_a_wrong_pattern_says_what_is_wrong(pattern, error, reason, tmp_path):
    root = flat(tmp_path, "cat.0.png", "cat.1.png", "dog.0.png", "dog.1.png")
    with pytest.raises(error, match=reason):
        open_dataset(root, labels=Labels(pattern=pattern))


@pytest.mark.parametrize(
    "files",
    [
        {"Annotations__a_dot_xml": "<annotation/>", "JPEGImages__a_dot_png": PNGS[0]},
        {"images__a_dot_png": PNGS[0], "labels__a_dot_txt": "0 0.5 0.5 0.1 0.1\n"},
        {"train__images__a_dot_png": PNGS[0], "train__labels__a_dot_txt": "0 0.5 0.5 0.1 0.1\n"},
        {"a_dot_png": PNGS[0], "a_dot_txt": "0 0.5 0.5 0.1 0.1\n"},
        {"train___annotations_dot_coco_dot_json": "{}", "train__a_dot_png": PNGS[0]},
    ],
)
def test_folders_of_boxes_are_refused(files, tmp_path):
    with pytest.raises(DataError, match="boxes around objects"):
        open_dataset(written(tmp_path, **files))


# Arrays in files of their own

X, Y = np.random.default_rng(0).integers(0, 256, (6, 9, 9, 3), np.uint8), np.array([0, 1] * 3)


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        ({"x_train": X, "y_train": Y, "x_test": X[:2], "y_test": Y[:2]}, {"train": 6, "test": 2}),
        (
            {"train_images": X, "train_labels": Y, "val_images": X, "val_labels": Y},
            {"train": 6, "validation": 6},
        ),
        ({"X": X, "y": Y, "unrelated": Y}, {"train": 6}),
    ],
)
def test_a_folder_of_arrays_is_read(files, splits, tmp_path):
    for name, array in files.items():
        np.save(tmp_path / f"{name}.npy", array)
    dataset = open_dataset(tmp_path)
    assert {name: len(split) for name, split in dataset.splits.items()} == splits
    np.testing.assert_array_equal(dataset.splits["train"].images.read(3), X[3])
    assert dataset.splits["train"].labels.tolist() == Y.tolist()


def test_an_array_of_pictures_takes_its_labels_from_another(tmp_path):
    np.save(tmp_path / "pictures.npy", X)
    np.save(tmp_path / "marks.npy", np.array(["a", "b"] * 3))
    dataset = open_dataset(tmp_path / "pictures.npy", labels=tmp_path / "marks.npy")
    assert (dataset.class_names, dataset.splits["train"].labels.tolist()) == (("a", "b"), Y.tolist())
    with pytest.raises(DataError, match=r"without labels\. Give theirs with --labels y\.npy"):
        open_dataset(tmp_path / "pictures.npy")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\1\0", b"no array"])
def test_a_file_that_is_no_array_is_named(content, tmp_path):
    (tmp_path / "x.npy").write_bytes(content)
    np.save(tmp_path / "y.npy", Y)
    with pytest.raises(DataError, match=r"x\.npy: not readable as an array"):
        open_dataset(tmp_path)


def test_pickles_in_arrays_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}], object), allow_pickle=True)
    np.save(tmp_path / "y.npy", Y)
    with pytest.raises(DataError, match="not readable as an array"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("labels", "option"),
    [
        (Labels(label_column="x"), "--label-column"),
        (Labels(split_column="x", path_column=2), "--path-column, --split-column"),
    ],
)
def test_options_without_meaning_are_refused_not_ignored(labels, option, tmp_path):
    flat(tmp_path, "cat/a.png", "dog/b.png")
    archive = zipped(tmp_path / "x.zip", CLASS_FOLDERS)
    for data in (tmp_path, archive, "digits"):
        with pytest.raises(ConfigError, match=f"{option} cannot be used here"):
            open_dataset(data, labels=labels)


# What a run folder records opens the same pictures again


def of_files(root):
    return flat(root, "cat.0.png", "cat.1.png", "dog.0.png", "dog.1.png")


def as_zip(root):
    names = ("cat/0", "cat/1", "dog/0", "dog/1")
    return zipped(root / "set.zip", {f"{name}.png": PNGS[place] for place, name in enumerate(names)}), None


def as_shards(root):
    for shard in range(2):
        tarred(root / f"s-{shard}.tar", samples((2 * shard, 2 * shard + 1), lambda n: "ab"[n % 2], "cls"))
    return root / "s-{0..1}.tar", None


def as_table(root):
    cells = [{"bytes": content, "path": None} for content in PNGS[:4]]
    return parquet(root / "x.parquet", scan=cells, mark=["a", "b"] * 2, size=[1, 2, 3, 4]), Labels(
        label_column=2
    )


def as_metadata(root):
    written(root, metadata_dot_csv="file_name,label\ncat.0.png,0\ncat.1.png,0\ndog.0.png,1\ndog.1.png,1\n")
    written(root, names_dot_txt="cat\ndog\n")
    return of_files(root), Labels(names=root / "names.txt")


def as_json(root):
    rows = {"cat": ["cat.0", "cat.1"], "dog": ["dog.0", "dog.1"]}
    written(root / "labels", train_dot_json=json.dumps(rows))
    return of_files(root), Labels(file=root / "labels" / "train.json", split_column="none")


def as_pattern(root):
    return of_files(root), Labels(pattern=r"(\w+)\.\d")


def as_arrays(root):
    np.save(root / "x.npy", X)
    np.save(root / "y.npy", Y)
    return root, None


@pytest.mark.parametrize(
    "make",
    [as_zip, as_shards, as_table, as_metadata, as_json, as_pattern, as_arrays],
    ids=lambda make: make.__name__,
)
def test_what_a_run_records_opens_the_same_pictures_again(make, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    data, labels = make(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    divided = divide(open_dataset(data.relative_to(tmp_path), labels=labels), validation=0, test=0.5, seed=1)
    write_split_csv(divided, tmp_path / "split.csv")
    record = tomllib.loads(tomli_w.dumps(reopening(data.relative_to(tmp_path), labels)))
    path = Preprocessing(height=10, width=10)
    before = {name: load_split(split, path).fingerprint() for name, split in divided.splits.items()}
    monkeypatch.chdir("/")
    again = open_dataset(record["argument"], labels=labels_from(record))
    again = apply_split(again, read_split_csv(tmp_path / "split.csv"))
    assert again.class_names == divided.class_names
    assert {name: split.ids for name, split in again.splits.items()} == {
        name: split.ids for name, split in divided.splits.items()
    }
    assert {name: load_split(split, path).fingerprint() for name, split in again.splits.items()} == before


# Sources of one's own, and Hugging Face's


def test_a_source_of_ones_own_takes_twenty_lines(tmp_path):
    """As the docstring of `register_source` shows it."""
    from pathlib import Path

    (tmp_path / "0.png").write_bytes(PNGS[0])
    rows = [("p0", tmp_path / "0.png", "shoe"), ("p1", PNGS[1], "hat"), ("p2", lambda: PNGS[2], "hat")]

    def accepts(request):
        return str(request.data).startswith("shop:")

    def open_shop(request):
        wanted = str(request.data).removeprefix("shop:")
        return tellapart.dataset_of(wanted, [tellapart.LabeledImage(*row) for row in rows])

    tellapart.register_source(
        tellapart.Source(title="a shop's photos", accepts=accepts, open=open_shop, by_name=True)
    )
    dataset = tellapart.open_dataset("shop:spring")
    assert dataset.name == "spring"
    assert meaning(dataset) == {"p0": ("train", "shoe"), "p1": ("train", "hat"), "p2": ("train", "hat")}
    for place, content in enumerate(PNGS[:3]):
        np.testing.assert_array_equal(dataset.splits["train"].images.read(place), pixels(content))
    assert reopening("shop:spring") == {"argument": "shop:spring"}
    assert Path(reopening(tmp_path)["argument"]).is_absolute()


def test_a_source_must_be_one_and_have_a_title_of_its_own():
    with pytest.raises(ConfigError, match=r"got str"):
        tellapart.register_source("mine")
    with pytest.raises(ConfigError, match="Choose another title"):
        tellapart.register_source(source_of(OpenRequest(data="digits")))


def test_a_source_of_an_installed_package_is_found(monkeypatch):
    from importlib.metadata import EntryPoint

    from tellapart.data.sources import registry

    source = tellapart.Source(
        title="from a package", accepts=lambda request: request.data == "x:y", open=None
    )
    monkeypatch.setattr(EntryPoint, "load", lambda point: source if point.name == "good" else 1 / 0)
    points = [EntryPoint("good", "a:b", registry.ENTRY_POINTS)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    registry._installed.cache_clear()
    try:
        assert source_of(OpenRequest(data="x:y")) is source
        points.append(EntryPoint("bad", "a:b", registry.ENTRY_POINTS))
        registry._installed.cache_clear()
        with pytest.raises(
            DataError, match=r"The data source bad \(a:b\) cannot be loaded \(ZeroDivisionError"
        ):
            source_of(OpenRequest(data="x:y"))
    finally:
        registry._installed.cache_clear()


def test_without_the_package_datasets_the_install_line_is_given(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tellapart\[datasets\]'"):
        open_dataset("hf:beans")
    assert reopening("hf:beans") == {"argument": "hf:beans"}
