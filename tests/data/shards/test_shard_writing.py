"""Shards as they are written: the very bytes of the pictures, the splits of a training, whole or not at all."""

import hashlib
import io
import json
import tarfile

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image
from sharded_pictures import folder_of_pictures

import tellapart
from tellapart.api.configure import configured
from tellapart.data.open import open_dataset
from tellapart.data.shards import writer
from tellapart.data.sources.formats.parquet import read_parquet
from tellapart.data.split import divide
from tellapart.errors import ConfigError, DataError, SaveError


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return folder_of_pictures(tmp_path_factory.mktemp("pictures"), {"dark": 150, "light": 90})


@pytest.fixture(scope="module")
def shards(pictures, tmp_path_factory):
    return tellapart.shard(pictures, tmp_path_factory.mktemp("tars") / "shards", pictures_per_shard=40)


def read_samples(folder, split):
    """Samples as `tarfile` finds them: ending -> bytes, and the key."""
    samples = []
    for path in sorted(folder.glob(f"{split}-*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, ending = member.name.partition(".")
                if not samples or samples[-1]["__key__"] != key:
                    samples.append({"__key__": key})
                samples[-1][ending] = tar.extractfile(member).read()
    return samples


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_shards_hold_the_very_bytes_of_the_files(shards, pictures, split):
    read = read_samples(shards.folder, split)
    assert len(read) == shards.pictures[split]
    for sample in read:
        name = shards.index.class_names[int(sample["cls"])]
        assert sample["__key__"].startswith(f"{name}/")
        assert sample["png"] == (pictures / f"{sample['__key__']}.png").read_bytes()


def test_webdataset_reads_the_same(shards):
    webdataset = pytest.importorskip("webdataset")
    tars = sorted(str(path) for path in shards.folder.glob("train-*.tar"))
    read = list(webdataset.WebDataset(tars, shardshuffle=False))
    ours = read_samples(shards.folder, "train")
    assert [(each["__key__"], each["png"], each["cls"]) for each in read] == [
        (each["__key__"], each["png"], each["cls"]) for each in ours
    ]


def test_the_splits_are_those_of_a_training_with_the_same_seed(shards, pictures):
    dataset = open_dataset(pictures)
    config = configured("quick", dataset.mirrors, True, None, {"seed": 0}, 240)
    divided = divide(dataset, validation=config.validation_share, test=config.test_share, seed=0)
    for split, part in divided.splits.items():
        keys = {f"{sample['__key__']}.png" for sample in read_samples(shards.folder, split)}
        assert keys == set(part.ids)


def test_the_index_counts_and_sums_what_is_there(shards):
    index = json.loads((shards.folder / "shards.json").read_text())
    assert index["class_names"] == ["dark", "light"]
    assert index["pictures"] == shards.pictures
    assert sum(index["classes"][split]["dark"] for split in index["classes"]) == 150
    for facts in index["shards"]:
        content = (shards.folder / facts["name"]).read_bytes()
        assert len(content) == facts["bytes"]
        assert hashlib.sha256(content).hexdigest() == facts["sha256"]
        assert sum(piece[2] for piece in facts["pieces"]) == facts["pictures"] <= 40


def test_the_same_seed_writes_the_same_bytes(shards, pictures, tmp_path):
    again = tellapart.shard(pictures, tmp_path / "again", pictures_per_shard=40)
    other = tellapart.shard(pictures, tmp_path / "other", pictures_per_shard=40, seed=1)
    sums = [[shard.sha256 for shard in each.index.shards] for each in (shards, again, other)]
    assert sums[0] == sums[1] != sums[2]


def test_without_shuffling_the_pictures_keep_their_order(pictures, tmp_path):
    shards = tellapart.shard(pictures, tmp_path / "sorted", shuffle=False)
    keys = [sample["__key__"] for sample in read_samples(shards.folder, "train")]
    assert keys == sorted(keys)


def test_parquet_shards_are_those_of_hugging_face(pictures, tmp_path):
    shards = tellapart.shard(pictures, tmp_path / "tables", format="parquet", pictures_per_shard=60)
    tables = [pyarrow.parquet.read_table(path) for path in sorted(shards.folder.glob("train-*.parquet"))]
    rows = [row for table in tables for row in table.to_pylist()]
    assert len(rows) == shards.pictures["train"]
    for row in rows:
        assert row["image"]["bytes"] == (pictures / row["image"]["path"]).read_bytes()
        assert row["image"]["path"].startswith(shards.index.class_names[row["label"]])
    assert read_parquet(shards.folder).class_names == ("dark", "light")


def test_arrays_become_png_files(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (60, 12, 12, 3), np.uint8)
    shards = tellapart.shard((x, np.arange(60) % 3), tmp_path / "arrays", shuffle=False)
    rows = {sample["__key__"]: sample for sample in read_samples(shards.folder, "train")}
    key, sample = next(iter(rows.items()))
    pixels = np.asarray(Image.open(io.BytesIO(sample["png"])))
    assert np.array_equal(pixels, x[int(key.rpartition("/")[2])])


def test_an_existing_folder_is_refused(pictures, tmp_path):
    with pytest.raises(ConfigError, match="exists"):
        tellapart.shard(pictures, tmp_path)


def test_what_fails_leaves_nothing(pictures, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "write_text", full)
    with pytest.raises(SaveError, match="No space left"):
        tellapart.shard(pictures, tmp_path / "shards", pictures_per_shard=40)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_gone_is_left_out_and_named(tmp_path):
    root = folder_of_pictures(tmp_path / "pictures", {"dark": 30, "light": 30})
    dataset = open_dataset(root)
    (root / "dark" / "0007.png").unlink()
    index, left_out = writer.write_shards(
        dataset, tmp_path / "shards", "webdataset", writer.ShardSize(pictures=20), seed=0
    )
    assert index.pictures("train") == 59
    assert len(left_out) == 1
    assert left_out[0].startswith("dark/0007.png")


@pytest.mark.parametrize(
    "settings", [{"format": "zip"}, {"shard_size": "tiny"}, {"shard_size": 10}, {"pictures_per_shard": 0}]
)
def test_settings_out_of_range_are_refused(pictures, tmp_path, settings):
    with pytest.raises(ConfigError):
        tellapart.shard(pictures, tmp_path / "shards", **settings)


def test_several_labels_a_picture_are_refused(labels_file, tmp_path):
    with pytest.raises(DataError, match="several labels"):
        tellapart.shard(labels_file, tmp_path / "shards", labels=tellapart.Labels(multi_label=True))
