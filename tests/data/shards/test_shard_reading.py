"""Shards as they are read: from any place, in WebDataset's and Hugging Face's forms, with damage named."""

import json
import shutil
from pathlib import Path

import fsspec
import numpy as np
import pytest
from sharded_pictures import encoded, folder_of_pictures, samples_of, served, tar_of

import tellapart
from tellapart.data.open import open_dataset, reopening
from tellapart.data.shards import places
from tellapart.data.shards.index import index_from
from tellapart.data.shards.pieces import SplitPieces, damage_in_words
from tellapart.data.shards.samples import hash_of
from tellapart.errors import DataError, MissingExtraError


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    root = tmp_path_factory.mktemp("shards")
    pictures = folder_of_pictures(root / "pictures", {"dark": 300, "light": 200})
    return tellapart.shard(pictures, root / "shards", pictures_per_shard=70).folder


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    root = tmp_path_factory.mktemp("tables")
    pictures = folder_of_pictures(root / "pictures", {"dark": 300, "light": 200})
    return tellapart.shard(pictures, root / "tables", format="parquet", pictures_per_shard=70).folder


@pytest.fixture
def copied(shards, tmp_path):
    return shutil.copytree(shards, tmp_path / "copied")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(places, "WAITS_SECONDS", (0.0, 0.0, 0.0))


def all_pictures(dataset, split="train"):
    pieces = SplitPieces(dataset.shards, split)
    return [picture for number in range(len(pieces.counts)) for picture in pieces.read(number)]


def in_memory(folder, name):
    files = fsspec.filesystem("memory")
    for path in Path(folder).iterdir():
        files.pipe_file(f"/{name}/{path.name}", path.read_bytes())
    return f"memory://{name}"


def meaning(dataset):
    """Split -> id -> (class, encoded picture)."""
    return {
        name: {
            identifier: (dataset.class_names[split.labels[row]], split.images.source(row))
            for row, identifier in enumerate(split.ids)
        }
        for name, split in dataset.splits.items()
    }


def test_every_place_gives_the_same_data(shards):
    here = open_dataset(shards)
    assert here.shards is not None
    assert here.training_size == here.shards.pictures("train")
    addresses = [f"file://{shards}", in_memory(shards, "everywhere"), f"{in_memory(shards, 'braces')}/*.tar"]
    with served(shards) as server:
        for address in [*addresses, server.address, f"{server.address}/shards.json"]:
            there = open_dataset(address)
            assert meaning(there) == meaning(here)
            assert all_pictures(there) == all_pictures(here)


def test_names_in_braces_are_read_by_ranges(shards):
    with served(shards) as server:
        dataset = open_dataset(server.address + "/{train-{000000..000004},validation-000000,test-000000}.tar")
        assert set(dataset.splits) == {"train", "validation", "test"}
        ranges = [asked for asked in server.asked if asked[0] == "GET"]
    assert ranges
    assert all(asked[2] is not None for asked in ranges)


def test_shards_hold_what_the_files_held(shards):
    dataset = open_dataset(shards)
    for picture in all_pictures(dataset):
        name = dataset.class_names[picture.label]
        number = int(picture.id.rpartition("/")[2])
        assert picture.image == encoded(1000 * picture.label + number, 60 + 120 * picture.label)
        assert f"/{name}/" in picture.id


def test_parquet_shards_hold_the_same(shards, tables):
    def keyed(dataset):
        return {
            picture.id.partition("/")[2].removesuffix(".png"): picture[1:]
            for picture in all_pictures(dataset)
        }

    assert keyed(open_dataset(tables)) == keyed(open_dataset(shards))
    assert open_dataset(in_memory(tables, "tables")).shards.kind == "parquet"


def test_a_run_reopens_an_address_by_its_name(shards):
    assert reopening(in_memory(shards, "again")) == {"argument": "memory://again"}
    assert reopening(shards) == {"argument": str(shards.resolve())}


# Shards of others, without an index


@pytest.mark.parametrize(
    ("ending", "label"),
    [
        ("cls", lambda number: str(number % 2)),
        ("txt", lambda number: ["dark", "light"][number % 2]),
        ("json", lambda number: json.dumps({"label": ["dark", "light"][number % 2], "id": number})),
    ],
)
def test_labels_are_read_as_webdataset_has_them(tmp_path, ending, label):
    for shard in range(3):
        tar_of(tmp_path / f"train-{shard:03d}.tar", samples_of(100 * shard, 40, label, ending))
    dataset = open_dataset(f"file://{tmp_path}/train-{{000..002}}.tar")
    names = ("0", "1") if ending == "cls" else ("dark", "light")
    assert dataset.class_names == names
    assert any("No shards.json" in words and names[0] in words for words in dataset.notices)
    for picture in all_pictures(dataset):
        assert picture.label == int(picture.id[-5:]) % 2


def test_splits_go_by_the_names_of_shards(tmp_path):
    for split, first, count in (("train", 0, 60), ("val", 100, 20), ("test", 200, 30)):
        tar_of(tmp_path / f"{split}-0.tar", samples_of(first, count))
    dataset = open_dataset(f"file://{tmp_path}/*.tar")
    assert {name: len(split) for name, split in dataset.splits.items()} == {
        "train": 60,
        "validation": 20,
        "test": 30,
    }
    assert dataset.carved == ()


def test_held_out_pictures_do_not_depend_on_how_shards_are_cut(tmp_path):
    samples = samples_of(0, 200)
    one = tar_of(tmp_path / "one" / "data-0.tar", samples)
    members = list(samples.items())
    for shard in range(4):
        tar_of(tmp_path / "four" / f"data-{shard}.tar", dict(members[100 * shard : 100 * shard + 100]))
    whole, cut = open_dataset(f"file://{one}"), open_dataset(f"file://{tmp_path}/four/data-{{0..3}}.tar")
    for split in ("validation", "test"):
        keys = [
            sorted(identifier.rpartition("/")[2] for identifier in each.splits[split].ids)
            for each in (whole, cut)
        ]
        assert keys[0] == keys[1]
        assert len(keys[0]) == 20
    assert whole.carved == ("validation", "test")
    trained = {picture.id.rpartition("/")[2] for picture in all_pictures(cut)}
    held = {held.key for held in cut.shards.held_out}
    assert len(trained) == 160
    assert not trained & held
    assert max(map(hash_of, held)) < min(map(hash_of, trained))


def test_held_out_pictures_are_the_ones_that_lie_there(tmp_path):
    tar_of(tmp_path / "data-0.tar", samples_of(0, 100))
    dataset = open_dataset(f"file://{tmp_path}/data-0.tar")
    split = dataset.splits["test"]
    for row, identifier in enumerate(split.ids):
        number = int(identifier[-5:])
        assert split.images.source(row) == encoded(number, 60 + 120 * (number % 2))
        assert split.labels[row] == number % 2


def test_held_out_rows_of_parquet_shards_are_the_ones_that_lie_there(tables, tmp_path):
    only = shutil.copytree(tables, tmp_path / "only", ignore=lambda *_: ["shards.json"])
    dataset = open_dataset(f"file://{only}/train-*.parquet")
    assert dataset.class_names == ("dark", "light")
    split = dataset.splits["test"]
    for row, identifier in enumerate(split.ids):
        number, label = int(identifier[-8:-4]), split.labels[row]
        assert split.images.source(row) == encoded(1000 * label + number, 60 + 120 * label)


def test_shards_are_listed_once(tmp_path):
    root = tmp_path / "web"
    tar_of(root / "train-0.tar", samples_of(0, 100))
    with served(root) as server:
        open_dataset(f"{server.address}/train-0.tar")
        first = len(server.asked)
        open_dataset(f"{server.address}/train-0.tar")
        second = len(server.asked) - first
        tar_of(root / "train-0.tar", samples_of(0, 110))
        assert open_dataset(f"{server.address}/train-0.tar").shards.pictures("train") == 110 - 2 * 11
    assert second < first


# Damage


def damaged_by(dataset):
    pieces = SplitPieces(dataset.shards, "train")
    read = [picture for number in range(len(pieces.counts)) for picture in pieces.read(number)]
    return damage_in_words(pieces.damaged.values()), read


def test_a_flipped_byte_is_named_and_its_part_left_out(copied):
    path = copied / "train-000001.tar"
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(bytes(content))
    dataset = open_dataset(copied)
    words, read = damaged_by(dataset)
    assert words == ["train-000001.tar: a wrong checksum from byte 0 on; 70 pictures left out"]
    assert len(read) == dataset.training_size - 70


def test_a_truncated_shard_is_named(copied):
    path = copied / "train-000002.tar"
    path.write_bytes(path.read_bytes()[:20_000])
    words, _ = damaged_by(open_dataset(copied))
    assert len(words) == 1
    assert words[0].startswith("train-000002.tar: cut off")


def test_a_missing_shard_is_named(copied):
    (copied / "train-000000.tar").unlink()
    words, _ = damaged_by(open_dataset(copied))
    assert words == ["train-000000.tar: No such file or directory; 70 pictures left out"]


def test_a_damaged_parquet_shard_is_named(tables, tmp_path):
    copied = shutil.copytree(tables, tmp_path / "tables")
    path = copied / "train-000001.parquet"
    path.write_bytes(path.read_bytes()[:-30] + bytes(30))
    words, read = damaged_by(open_dataset(copied))
    assert len(words) == 1
    assert words[0].startswith("train-000001.parquet: ")
    assert read


def test_damaged_shards_without_an_index_are_left_out_and_named(tmp_path):
    for shard in range(3):
        tar_of(tmp_path / f"train-{shard}.tar", samples_of(100 * shard, 40))
    cut = tmp_path / "train-1.tar"
    cut.write_bytes(cut.read_bytes()[:10_000])
    dataset = open_dataset(f"file://{tmp_path}/train-{{0..3}}.tar")
    assert [words for words in dataset.notices if "train-1.tar" in words]
    assert [words for words in dataset.notices if "train-3.tar" in words]
    assert not [picture for picture in all_pictures(dataset) if picture.id.startswith("train-1")]
    assert dataset.training_size == 80 - 16


def test_links_in_shards_are_refused(tmp_path):
    import io
    import tarfile

    for shard in range(2):
        tar_of(tmp_path / f"train-{shard}.tar", samples_of(100 * shard, 40))
    with tarfile.open(tmp_path / "train-1.tar", "a") as tar:
        link = tarfile.TarInfo("picture00200.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        label = tarfile.TarInfo("picture00200.cls")
        label.size = 1
        tar.addfile(label, io.BytesIO(b"0"))
    dataset = open_dataset(f"file://{tmp_path}/train-{{0..1}}.tar")
    assert any("train-1.tar" in words and "a link" in words for words in dataset.notices)


def test_a_server_that_stumbles_is_asked_again(shards):
    with served(shards) as server:
        server.failures = 2
        assert open_dataset(server.address).training_size


def test_a_server_that_is_down_is_an_error_that_says_so(shards):
    with served(shards) as server:
        server.failures = 10**6
        with pytest.raises(DataError, match="HTTP 503"):
            open_dataset(server.address)


def test_a_server_without_ranges_is_refused(shards):
    with served(shards, knows_ranges=False) as server, pytest.raises(DataError, match="Range"):
        open_dataset(f"{server.address}/train-000000.tar")


@pytest.mark.parametrize(
    ("address", "extra"), [("s3://bucket/train-{0..9}.tar", "s3"), ("gs://bucket/shards", "gcs")]
)
def test_a_missing_package_is_named_with_its_install_line(address, extra, monkeypatch):
    def missing(protocol):
        raise ImportError(f"Install a package to access {protocol}")

    monkeypatch.setattr(fsspec, "filesystem", missing)
    with pytest.raises(MissingExtraError, match=rf"tellapart\[{extra}\]"):
        open_dataset(address)


def test_a_protocol_that_nobody_knows_is_refused():
    with pytest.raises(DataError, match="nosuch"):
        open_dataset("nosuch://bucket/train-0.tar")


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index["shards"][0].update(name="../../etc/passwd"),
        lambda index: index["shards"][0].update(pieces=[[0, 1 << 40, 5, 0]]),
        lambda index: index["shards"][0].update(split="nonsense"),
        lambda index: index.update(format="tellapart shards 99"),
        lambda index: index.pop("class_names"),
        lambda index: index.update(shards=[{"name": 3}]),
    ],
)
def test_an_index_from_strangers_is_checked(shards, change):
    index = json.loads((shards / "shards.json").read_text())
    change(index)
    with pytest.raises(DataError, match=r"shards\.json"):
        index_from(json.dumps(index), "shards.json", str(shards))


def test_a_split_too_large_is_cut_and_said(shards, monkeypatch):
    from tellapart.data.sources import sharded

    monkeypatch.setattr(sharded, "MOST_IN_SPLIT", 30)
    dataset = open_dataset(shards)
    assert len(dataset.splits["test"]) == 30
    assert any("30 of 100 test pictures" in words for words in dataset.notices)


def test_the_sample_stands_for_all_classes_and_is_said(shards, monkeypatch):
    from tellapart.data.sources import sharded

    monkeypatch.setattr(sharded, "SAMPLE_PICTURES", 40)
    dataset = open_dataset(shards)
    assert len(dataset.splits["train"]) <= 40
    assert set(np.unique(dataset.splits["train"].labels)) == {0, 1}
    assert any("stand for all" in words for words in dataset.notices)
