"""Which arithmetic: timed once, remembered, and float32 where bfloat16 is not worth it."""

import json

import pytest

from tellapart import precision


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda: True)
    return tmp_path / "tellapart" / "precision.json"


def test_the_gain_is_timed_once_and_remembered(cache, monkeypatch):
    first = precision.bfloat16_gain()
    assert first > 0
    assert list(json.loads(cache.read_text()).values()) == [first]
    monkeypatch.setattr(precision, "_timed_gain", lambda: pytest.fail("timed again"))
    assert precision.bfloat16_gain() == first


def test_another_machine_or_torch_is_timed_anew_and_both_are_remembered(cache, monkeypatch):
    monkeypatch.setattr(precision, "_timed_gain", lambda: 3.0)
    precision.bfloat16_gain()
    monkeypatch.setattr(precision, "_machine", lambda: "another")
    monkeypatch.setattr(precision, "_timed_gain", lambda: 0.5)
    assert precision.bfloat16_gain() == 0.5
    assert sorted(json.loads(cache.read_text()).values()) == [0.5, 3.0]


@pytest.mark.parametrize(("gain", "meant"), [(0.8, "float32"), (1.1, "float32"), (3.0, "bfloat16")])
def test_auto_is_bfloat16_only_where_it_pays(cache, monkeypatch, gain, meant):
    monkeypatch.setattr(precision, "_timed_gain", lambda: gain)
    assert precision.resolve("auto") == meant
    assert precision.resolve("float32") == "float32"


@pytest.mark.parametrize("content", ["", "[1]", "null", '{"x": {}}', "\xff"])
def test_a_damaged_memory_is_made_anew(cache, content):
    cache.parent.mkdir()
    cache.write_text(content)
    gain = precision.bfloat16_gain()
    assert gain in json.loads(cache.read_text()).values()


def test_a_cache_that_cannot_be_written_only_costs_the_time(tmp_path, monkeypatch):
    (tmp_path / "tellapart").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert precision.bfloat16_gain() > 0
