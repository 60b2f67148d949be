"""`data` and `doctor`: what is here, and what to type for what is not."""

import dataclasses
import datetime
import gzip
import hashlib
import http.server
import threading

import numpy as np
import pytest
from command_line import tellapart

from tellapart.data.sources.catalog import KNOWN_SETS, KnownFile


def test_every_known_set_is_listed_with_its_place():
    listed = {known["name"]: known for known in tellapart("data", "list", "--json").json["sets"]}
    assert set(listed) == set(KNOWN_SETS)
    assert listed["digits"]["place"] == "included with scikit-learn"
    assert listed["mnist"]["place"] is None
    out = tellapart("data", "list").out
    assert all(name in out for name in KNOWN_SETS)


def test_a_set_shows_its_classes_and_counts():
    told = tellapart("data", "show", "digits", "--json").json
    assert sum(told["counts"]["train"].values()) == 1438
    assert "CC BY 4.0" in tellapart("data", "show", "digits").out


def test_a_set_that_is_not_here_says_how_to_get_it():
    result = tellapart("data", "show", "CIFAR-10")
    assert result.code == 0
    assert "tellapart data get cifar10" in result.out


def test_a_folder_of_your_own_shows_its_counts(pictures):
    told = tellapart("data", "show", pictures, "--json").json
    assert told["counts"] == {"train": {"dark": 20, "light": 20}}


def test_an_unknown_set_is_bad_data():
    assert tellapart("data", "show", "imagenet").code == 3
    assert tellapart("data", "get", "imagenet").code == 3


def test_a_set_that_is_here_is_not_fetched_again():
    result = tellapart("data", "get", "digits")
    assert result.code == 0
    assert "on this machine: included with scikit-learn" in result.out


@pytest.fixture
def served_mnist(tmp_path, monkeypatch):
    """A set in MNIST's format and place, from a server on this machine."""
    contents = {
        "train-images-idx3-ubyte.gz": idx(np.zeros((60, 28, 28), np.uint8)),
        "train-labels-idx1-ubyte.gz": idx(np.arange(60, dtype=np.uint8) % 10),
        "t10k-images-idx3-ubyte.gz": idx(np.zeros((10, 28, 28), np.uint8)),
        "t10k-labels-idx1-ubyte.gz": idx(np.arange(10, dtype=np.uint8)),
    }
    root = tmp_path / "served"
    root.mkdir()
    for name, content in contents.items():
        (root / name).write_bytes(content)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments, **named):
            super().__init__(*arguments, directory=str(root), **named)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    files = tuple(
        KnownFile(
            place=f"mnist/{name}",
            urls=(f"http://127.0.0.1:{server.server_port}/{name}",),
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
        )
        for name, content in contents.items()
    )
    known = dataclasses.replace(KNOWN_SETS["mnist"], files=files, train_size=60, test_size=10)
    monkeypatch.setitem(KNOWN_SETS, "mnist", known)
    yield known
    server.shutdown()
    server.server_close()


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(header + array.tobytes())


def test_get_puts_a_set_into_the_cache_and_says_where(served_mnist, tmp_path):
    result = tellapart("data", "get", "mnist")
    assert result.code == 0, result.err
    assert f"mnist is on this machine: {tmp_path / 'cache' / 'tellapart' / 'mnist'}" in result.out
    assert tellapart("data", "show", "mnist", "--json").json["counts"]["test"]["3"] == 1


def test_the_doctor_finds_everything_that_is_needed():
    result = tellapart("doctor", "--json")
    assert result.code == 0
    assert result.json["well"]
    assert {"python", "torch", "keras", "bfloat16", "cache"} <= {
        row["name"] for row in result.json["findings"]
    }
    assert "Everything that tellapart needs is installed." in tellapart("doctor").out


def test_the_doctor_names_what_is_missing_and_the_line_to_type(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = tellapart("doctor")
    assert result.code == 1
    assert "pip install --upgrade simplejpeg" in result.out
    assert "pip install 'tellapart[parquet]'" in result.out


def finding(name, *options):
    return next(
        row for row in tellapart("doctor", "--json", *options).json["findings"] if row["name"] == name
    )


def test_the_doctor_says_when_bfloat16_was_timed_and_times_it_again(monkeypatch):
    from tellapart.runtime import precision

    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda: True)
    for times, options in ((17.14, ()), (3.0, ("--again",))):
        monkeypatch.setattr(precision, "_timed_gain", lambda times=times: times)
        today = datetime.date.today().isoformat()
        said = f"{times:.1f} times as fast as float32 (timed on {today};"
        assert finding("bfloat16", *options)["value"].startswith(said)
    monkeypatch.setattr(precision, "_timed_gain", lambda: pytest.fail("timed again"))
    assert "3.0 times" in finding("bfloat16")["value"]


def test_a_cache_that_cannot_be_written_is_a_finding(tmp_path, monkeypatch):
    assert finding("cache")["verdict"] == "ok"
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    found = finding("cache")
    assert found["verdict"] == "optional"
    assert f"{tmp_path / 'file' / 'tellapart'} is not writable (Not a directory)" in found["value"]
    assert "XDG_CACHE_HOME" in found["remedy"]


def test_another_backend_is_a_finding(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    result = tellapart("doctor")
    assert result.code == 1
    assert "export KERAS_BACKEND=torch" in result.out
