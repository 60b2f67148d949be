"""`data shard`: shards from the command line, and what may be done with them next."""

import pytest
from command_line import make_pictures, tellapart


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("pictures"), {"dark": 40, "light": 30})


def test_the_command_writes_shards_that_show_and_train_read(pictures, tmp_path):
    written = tellapart(
        "data",
        "shard",
        pictures,
        "--to",
        tmp_path / "shards",
        "--pictures-per-shard",
        20,
        "--json",
        "--quiet",
    )
    assert written.code == 0
    assert sum(written.json["pictures"].values()) == 70
    assert written.json["class_names"] == ["dark", "light"]
    shown = tellapart("data", "show", tmp_path / "shards", "--json")
    assert (
        shown.json["counts"]["train"]["dark"]
        == written.json["pictures"]["train"] - shown.json["counts"]["train"]["light"]
    )


def test_an_existing_folder_is_a_usage_error(pictures, tmp_path):
    result = tellapart("data", "shard", pictures, "--to", tmp_path)
    assert result.code == 2
    assert "exists" in result.err


def test_both_measures_of_a_shard_are_refused(pictures, tmp_path):
    result = tellapart(
        "data", "shard", pictures, "--to", tmp_path / "x", "--shard-size", "1MB", "--pictures-per-shard", 5
    )
    assert result.code == 2


def test_the_same_seed_writes_the_same_splits(pictures, tmp_path):
    for name, seed in (("a", 1), ("b", 1)):
        tellapart("data", "shard", pictures, "--to", tmp_path / name, "--seed", seed, "--format", "parquet")
    assert (tmp_path / "a" / "shards.json").read_text() == (tmp_path / "b" / "shards.json").read_text()


def test_unusable_data_is_bad_data(tmp_path):
    assert tellapart("data", "shard", tmp_path / "nothing", "--to", tmp_path / "x").code == 3


def test_shards_are_not_written_to_a_store(pictures):
    result = tellapart("data", "shard", pictures, "--to", "s3://bucket/shards")
    assert result.code == 2
    assert "folder of this machine" in result.err
