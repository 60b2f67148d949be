"""The end of a server, and models that are replaced while it runs: under load, nothing is lost or mixed."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from serving_process import is_same, noisy_pictures, served

import tellapart


class Load:
    """Threads that keep asking one server about pictures, each noting what became of its requests."""

    def __init__(self, server, pictures, threads=8):
        self.server, self.pictures = server, pictures
        self.answers, self.lost, self.ends = [], [], threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(i,)) for i in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        for thread in self._threads:
            thread.join(60)

    def _ask(self, seed):
        random = np.random.default_rng(seed)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        while not self.ends.is_set():
            number = int(random.integers(len(self.pictures)))
            try:
                connection.connect()
            except OSError:
                return  # the server accepts nothing any more
            try:
                connection.request("POST", "/predict?top=all", self.pictures[number])
                reply = connection.getresponse()
                self.answers.append((number, reply.status, reply.read()))
            except (OSError, http.client.HTTPException) as reason:
                self.lost.append(repr(reason))
            connection.close()


@pytest.fixture(scope="module")
def pictures():
    return noisy_pictures(20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_under_load_it_answers_all_that_it_accepted(tmp_path, pictures, number):
    with served(tmp_path, "cifar10") as server, Load(server, pictures) as load:
        while len(load.answers) < 50:
            time.sleep(0.01)
        assert server.stop(number) == 0
    assert {status for _, status, _ in load.answers} == {200}
    answered = [line for line in server.logged("request") if line["path"] == "/predict"]
    assert {line["status"] for line in answered} == {200}
    assert len(load.answers) == len(answered), load.lost
    assert server.logged("stopped")


def test_a_request_that_is_half_sent_is_answered_before_the_end(tmp_path, pictures):
    with served(tmp_path, "cifar10") as server:
        head = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(pictures[0])
        connection = server.connect(head + pictures[0][:100])
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.6)
        with pytest.raises(OSError, match="refused"):
            server.connect()
        connection.sendall(pictures[0][100:])
        assert connection.recv(100_000).startswith(b"HTTP/1.1 200 ")
        assert server.process.wait(30) == 0


def replace(model, path):
    """Put a model's file in the place of another, as `tellapart train` does."""
    shutil.copyfile(model, f"{path}.new")
    os.replace(f"{path}.new", path)


def soon(holds):
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def two_models(trained, tmp_path):
    """Two models of the same classes with other weights."""
    first, second = tmp_path / "first.keras", tmp_path / "second.keras"
    trained.classifier.save(first)
    model = tellapart.load(first).model
    for weight in model.trainable_weights:
        weight.assign(weight.numpy() * 0.5 - 0.01)
    tellapart.Classifier.of_model(model, trained.classifier.card).save(second)
    return first, second


def test_a_model_is_swapped_under_load_and_every_answer_is_wholly_one_of_both(two_models, tmp_path, pictures):
    place = tmp_path / "served.keras"
    known = {
        model: [tellapart.predict(model, each).to_dict()["predictions"][0] for each in pictures]
        for model in two_models
    }
    replace(two_models[0], place)
    with served(tmp_path, place) as server:
        versions = {server.get("/models/served").json["version"]: two_models[0]}
        with Load(server, pictures, 4) as load:
            for model in (two_models[1], two_models[0]):
                replace(model, place)
                soon(
                    lambda model=model: (
                        server.get("/models/served").json["version"] not in _others(versions, model)
                    )
                )
                versions[server.get("/models/served").json["version"]] = model
                count = len(load.answers)
                soon(lambda count=count: len(load.answers) > count + 20)
        assert not load.lost
        assert len(versions) == 2
        seen = set()
        for number, status, body in load.answers:
            assert status == 200
            answer = json.loads(body)
            model = versions[answer["version"]]
            seen.add(model)
            assert is_same({**answer["predictions"][0], "picture": "picture 0"}, known[model][number])
        assert seen == set(two_models)
        assert len(server.logged("model swapped")) == 2


def _others(versions, model):
    return {version for version, other in versions.items() if other != model}


def test_a_damaged_file_takes_nobodys_place(two_models, tmp_path, pictures):
    place = tmp_path / "served.keras"
    replace(two_models[0], place)
    with served(tmp_path, place) as server:
        before = server.post("/predict", pictures[0]).json
        damaged = tmp_path / "damaged.keras"
        damaged.write_bytes(two_models[1].read_bytes()[:-3000])
        replace(damaged, place)
        soon(lambda: server.logged("model kept"))
        assert server.post("/predict", pictures[0]).json == before
        (line,) = server.logged("model kept")
        assert line["level"] == "error"
        assert line["reason"]
        assert str(place) in line["reason"]
        place.unlink()
        time.sleep(1.5)
        assert server.post("/predict", pictures[0]).json == before
        replace(two_models[1], place)
        soon(lambda: server.logged("model swapped"))
        assert server.post("/predict", pictures[0]).json["version"] != before["version"]


def test_two_processes_share_a_port_and_nothing_else(tmp_path, pictures):
    with served(tmp_path, "cifar10", "--share-port") as first:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tellapart",
                "serve",
                "cifar10",
                "--share-port",
                "--port",
                str(first.port),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout.readline().startswith("Serving: ")
            for _ in range(40):
                assert first.post("/predict", pictures[0]).status == 200
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=30)
            shares = log.count('"path": "/predict"'), len(first.logged("request"))
            assert sum(shares) == 40
            assert min(shares) > 0
            assert first.post("/predict", pictures[0]).status == 200
        finally:
            process.kill()
