"""Precision: the gain is timed once and remembered, and float32 stays where bfloat16 is not worth it."""

import datetime
import itertools
import json

import pytest
import torch

from tellapart.errors import ConfigError
from tellapart.runtime import precision


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda: True)
    return tmp_path / "tellapart" / "precision.json"


def test_the_gain_is_timed_once_and_remembered_with_its_date(cache, monkeypatch):
    first = precision.bfloat16_gain()
    assert first.times > 0
    assert first.timed_on == datetime.date.today().isoformat()
    assert list(json.loads(cache.read_text()).values()) == [first._asdict()]
    monkeypatch.setattr(precision, "_timed_gain", lambda: pytest.fail("timed again"))
    assert precision.bfloat16_gain() == first


def test_it_is_timed_again_where_that_is_asked_for(cache, monkeypatch):
    for times in (17.0, 3.0):
        monkeypatch.setattr(precision, "_timed_gain", lambda times=times: times)
        assert precision.bfloat16_gain(again=True).times == times
    assert precision.bfloat16_gain().times == 3.0


def test_another_machine_or_torch_is_timed_separately_and_both_are_remembered(cache, monkeypatch):
    monkeypatch.setattr(precision, "_timed_gain", lambda: 3.0)
    precision.bfloat16_gain()
    monkeypatch.setattr(precision, "_machine", lambda: "another")
    monkeypatch.setattr(precision, "_timed_gain", lambda: 0.5)
    assert precision.bfloat16_gain().times == 0.5
    assert sorted(gain["times"] for gain in json.loads(cache.read_text()).values()) == [0.5, 3.0]


def test_a_few_disturbed_pairs_decide_nothing(cache, monkeypatch):
    """float32 takes 2 seconds and bfloat16 1; in six pairs, something else delays one of them by ten."""
    now, calls = [0.0], itertools.count()

    def conv2d(maps, *_, **__):
        pair = next(calls) // 2
        lasts = 2.0 if maps.dtype == torch.float32 else 1.0
        now[0] += lasts + 10 * (3 <= pair < 9 and maps.dtype == torch.float32)

    monkeypatch.setattr(precision.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(torch.nn.functional, "conv2d", conv2d)
    assert precision.bfloat16_gain().times == 2.0


@pytest.mark.parametrize(("gain", "resolved"), [(0.8, "float32"), (1.1, "float32"), (3.0, "bfloat16")])
def test_auto_is_bfloat16_only_where_it_pays(cache, monkeypatch, gain, resolved):
    monkeypatch.setattr(precision, "_timed_gain", lambda: gain)
    assert precision.resolve("auto") == resolved
    assert precision.resolve("float32") == "float32"


@pytest.mark.parametrize("content", ["", "[1]", "null", '{"x": {}}', "\xff"])
def test_a_damaged_file_is_replaced(cache, content):
    cache.parent.mkdir()
    cache.write_text(content)
    gain = precision.bfloat16_gain()
    assert gain._asdict() in json.loads(cache.read_text()).values()


def test_a_gain_without_its_date_is_timed_again(cache, monkeypatch):
    monkeypatch.setattr(precision, "_machine", lambda: "this")
    cache.parent.mkdir()
    cache.write_text('{"this": 17.1}')
    monkeypatch.setattr(precision, "_timed_gain", lambda: 3.0)
    assert precision.bfloat16_gain().times == 3.0


def test_a_cache_that_cannot_be_written_only_costs_the_time(tmp_path, monkeypatch):
    (tmp_path / "tellapart").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert precision.bfloat16_gain().times > 0


def test_an_unknown_precision_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"one of float32, bfloat16, auto; got 'float8'"):
        precision.resolve_checked("float8")
    assert precision.resolve_checked("float32") == "float32"
