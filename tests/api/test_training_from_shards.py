"""Training from shards: from a folder or an address, stopped and resumed, with damage in its report."""

import json
import shutil

import fsspec
import numpy as np
import pytest
from sharded_pictures import folder_of_pictures, served

import tellapart
from tellapart.data.shards import places
from tellapart.data.sources import sharded
from tellapart.errors import ConfigError, DataError

SETTINGS = {
    "recipe": "quick",
    "epochs": 3,
    "batch_size": 32,
    "size": 16,
    "precision": "float32",
    "verbose": False,
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    root = tmp_path_factory.mktemp("shards")
    pictures = folder_of_pictures(root / "pictures", {"dark": 300, "light": 200})
    return tellapart.shard(pictures, root / "shards", pictures_per_shard=50, validation_share=0.1).folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(places, "WAITS_SECONDS", (0.0,))


def weights(result):
    return [np.array(weight) for weight in result.classifier.model.get_weights()]


def test_a_training_stopped_in_an_epoch_and_resumed_is_that_of_an_unbroken_one(shards, tmp_path):
    whole = tellapart.train(shards, out=tmp_path / "whole", **SETTINGS)
    steps = iter(range(10**6))
    stopped = tellapart.train(
        shards, out=tmp_path / "stopped", should_stop=lambda: next(steps) == 14, **SETTINGS
    )
    assert not stopped.finished
    resumed = tellapart.train(resume=stopped.folder, verbose=False)
    assert resumed.finished
    assert all(np.array_equal(*pair) for pair in zip(weights(whole), weights(resumed), strict=True))
    assert whole.scores.accuracy > 0.9
    assert whole.report is not None


def test_first_cnn_trains_from_an_address(shards, tmp_path):
    with served(shards) as server:
        address = server.address
        result = tellapart.train(
            address, recipe="first-cnn", epochs=1, size=32, batch_size=32, out=tmp_path / "run", verbose=False
        )
        assert tellapart.evaluate(result).scores.accuracy == result.scores.accuracy
    assert result.finished


def test_the_run_records_all_pictures_and_not_the_sample(shards, tmp_path, monkeypatch):
    monkeypatch.setattr(sharded, "SAMPLE_PICTURES", 40)
    result = tellapart.train(shards, out=tmp_path / "run", **{**SETTINGS, "epochs": 1})
    data = (result.folder / "run.toml").read_text()
    assert "train = 350" in data
    assert result.history[0].accuracy * 350 == pytest.approx(round(result.history[0].accuracy * 350))


def test_damage_is_in_findings_and_report(shards, tmp_path):
    copied = shutil.copytree(shards, tmp_path / "shards")
    path = copied / "train-000002.tar"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.warns(UserWarning, match="Left out of train-000002.tar"):
        result = tellapart.train(copied, out=tmp_path / "run", **{**SETTINGS, "epochs": 1})
    told = [finding for finding in result.findings if finding.kind == "damaged shards"]
    assert len(told) == 1
    assert "50 pictures left out: train-000002.tar" in told[0].seen
    assert "train-000002.tar" in result.report.read_text()


def test_shards_that_changed_are_not_resumed_from(shards, tmp_path, monkeypatch):
    """Even where neither the sample nor a held-out picture shows it."""
    monkeypatch.setattr(sharded, "SAMPLE_PIECES", 1)
    copied = shutil.copytree(shards, tmp_path / "shards")
    stopped = tellapart.train(copied, out=tmp_path / "run", should_stop=lambda: True, **SETTINGS)
    recorded = (stopped.folder / "split.csv").read_text()
    index = json.loads((copied / "shards.json").read_text())
    gone = next(facts for facts in index["shards"] if facts["name"] not in recorded)
    index["shards"].remove(gone)
    (copied / "shards.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match="not those that the run began with"):
        tellapart.train(resume=stopped.folder, verbose=False)


def test_class_weights_go_by_all_pictures(shards, tmp_path, monkeypatch):
    monkeypatch.setattr(sharded, "SAMPLE_PICTURES", 20)
    result = tellapart.train(
        shards, out=tmp_path / "run", class_weight="balanced", **{**SETTINGS, "epochs": 1}
    )
    weights = (result.folder / "run.toml").read_text()
    assert "dark = 0.83" in weights
    assert "light = 1.25" in weights


@pytest.mark.parametrize(
    "asked",
    [
        {"recipe": "transfer"},
        {"recipe": "quick", "sampling": "balanced"},
        {"recipe": "quick", "augment": "featurewise_center"},
    ],
)
def test_what_needs_all_pictures_at_once_is_refused(shards, tmp_path, asked):
    with pytest.raises(ConfigError, match="shards"):
        tellapart.train(shards, out=tmp_path / "run", verbose=False, **asked)
    assert not (tmp_path / "run").exists()


def test_auto_trains_from_scratch(shards, tmp_path):
    result = tellapart.train(shards, out=tmp_path / "run", epochs=1, size=16, batch_size=32, verbose=False)
    assert result.classifier.card.origin["recipe"] == "fast"


def test_an_own_model_trains_from_memory(shards, tmp_path):
    import keras

    files = fsspec.filesystem("memory")
    for path in shards.iterdir():
        files.pipe_file(f"/own/{path.name}", path.read_bytes())
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            keras.layers.Conv2D(4, 3),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    result = tellapart.train("memory://own", model=model, epochs=1, out=tmp_path / "run", verbose=False)
    assert result.finished
