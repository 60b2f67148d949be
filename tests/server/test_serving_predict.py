"""What a real server answers: exactly what `tellapart.predict` says, to whoever asked."""

import itertools
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from serving_process import in_base64, is_same, noisy_pictures, served

import tellapart
from tellapart.guide.lessons._photo import CAT


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("serving"), "cifar10", "photos=imagenet") as server:
        yield server


@pytest.fixture(scope="module")
def pictures():
    return noisy_pictures(40)


def expected(model, content, top=None):
    """What the library says of one picture by itself, without the picture's name."""
    (row,) = tellapart.predict(model, content, top=top).to_dict()["predictions"]
    return {key: value for key, value in row.items() if key != "picture"}


def without_name(row):
    return {key: value for key, value in row.items() if key != "picture"}


def test_a_photo_as_the_body_is_answered_as_predict_does(server):
    content = CAT.read_bytes()
    answer = server.post("/models/photos/predict?top=all&name=cat.jpg", content).json
    (row,) = answer["predictions"]
    assert row["picture"] == "cat.jpg"
    assert without_name(row) == expected("imagenet", content)
    assert row["group"] == "cat"
    assert answer["model"] == "photos"


@pytest.mark.parametrize("top", [1, 3, 2000])
def test_top_names_as_many_classes(server, top):
    content = CAT.read_bytes()
    (row,) = server.post(f"/models/photos/predict?top={top}", content).json["predictions"]
    assert without_name(row) == expected("imagenet", content, top)


def test_a_form_of_files_json_and_a_single_body_say_the_same(server, pictures):
    rows = server.post_files("/predict?top=all", [(f"{i}.png", each) for i, each in enumerate(pictures[:5])])
    by_form = rows.json["predictions"]
    sent = [{"name": f"{i}.png", "data": in_base64(each)} for i, each in enumerate(pictures[:5])]
    by_json = server.post_json("/predict?top=all", {"pictures": sent}).json["predictions"]
    assert all(map(is_same, by_json, by_form))
    assert [row["picture"] for row in by_form] == [f"{i}.png" for i in range(5)]
    singles = [server.post("/predict?top=all", each).json["predictions"][0] for each in pictures[:5]]
    known = [expected("cifar10", each) for each in pictures[:5]]
    assert list(map(without_name, singles)) == known
    for row, single in zip(by_form, known, strict=True):
        assert is_same(without_name(row), single)


def test_many_at_once_each_get_their_own_answer(server, pictures):
    """Batched with others, no answer goes to another request, and none is changed by its neighbors."""
    known = [expected("cifar10", each) for each in pictures]
    assert not any(is_same(row, other) for row, other in itertools.combinations(known, 2))
    order = np.random.default_rng(1).integers(0, len(pictures), 200)
    with ThreadPoolExecutor(16) as threads:
        replies = list(threads.map(lambda i: server.post("/predict?top=all", pictures[i]), order))
    for i, reply in zip(order, replies, strict=True):
        assert is_same(without_name(reply.json["predictions"][0]), known[i])
    figures = server.get("/metrics").body.decode()
    count, total = (
        float(re.search(rf'tellapart_batch_pictures_{what}{{model="cifar10"}} (\S+)', figures).group(1))
        for what in ("count", "sum")
    )
    assert total > count, "nothing was batched, so nothing was tested"


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_answered(server, pictures):
    files = [("good.png", pictures[0]), ("notes.txt", b"no picture"), ("cut.png", pictures[1][:100])]
    reply = server.post_files("/predict", files)
    assert reply.status == 200
    good, notes, cut = reply.json["predictions"]
    assert good["predicted"]
    assert notes["picture"] == "notes.txt"
    assert notes["error"].startswith("notes.txt: ")
    assert cut["error"].startswith("cut.png: ")
    refused = server.post("/predict", b"no picture")
    assert refused.status == 422
    assert refused.json["error"] == refused.json["predictions"][0]["error"]


def test_what_is_no_request_for_a_prediction_is_said_in_words(server, pictures):
    for reply, status, words in (
        (server.post("/predict"), 422, "holds no picture"),
        (server.post("/predict?top=0", pictures[0]), 422, "top is a number"),
        (
            server.post("/models/dogs/predict", pictures[0]),
            404,
            "There is no model dogs. There are: cifar10, photos.",
        ),
        (server.post_json("/predict", {"photo": ""}), 422, "picture"),
        (server.post_json("/predict", {"pictures": "x"}), 422, "is a list"),
        (server.ask("POST", "/predict", b"{", {"Content-Type": "application/json"}), 400, "not valid JSON"),
        (
            server.ask("POST", "/predict", b"[" * 100_000, {"Content-Type": "application/json"}),
            400,
            "not valid JSON",
        ),
        (server.ask("POST", "/predict", b"x", {"Content-Type": "text/html"}), 415, "text/html"),
        (server.ask("POST", "/predict", b"x", {"Content-Encoding": "gzip"}), 415, "compressed"),
        (server.get("/predict"), 405, "Method"),
        (server.get("/nothing"), 404, "Not Found"),
    ):
        assert reply.status == status
        assert words in reply.json["error"]


def test_addresses_are_never_fetched(server):
    reply = server.post_json("/predict", {"pictures": ["http://127.0.0.1/x.png", in_base64(b"x"), 5, "%%"]})
    assert reply.status == 422
    errors = [row["error"] for row in reply.json["predictions"]]
    assert "the server fetches none" in errors[0]
    assert "not valid base64" in errors[3]


def test_models_are_described(server):
    described = server.get("/models").json["models"]
    assert [each["name"] for each in described] == ["cifar10", "photos"]
    assert described[0] == server.get("/models/cifar10").json
    assert described[0]["classes"] == list(tellapart.load("cifar10").class_names)
    assert described[0]["picture"] == [32, 32, 3]


def test_health_metrics_and_request_ids(server, pictures):
    for path in ("/healthz", "/healthz/live", "/healthz/ready"):
        assert server.get(path).status == 200
    reply = server.post("/predict", pictures[0], **{"X-Request-Id": "my-id.7"})
    assert reply.headers["x-request-id"] == "my-id.7"
    other = server.post("/predict", pictures[0], **{"X-Request-Id": "two words\t"}).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", other)
    line = server.request_line("my-id.7")
    assert (line["method"], line["path"], line["status"]) == ("POST", "/predict", 200)
    assert line["ms"] > 0
    figures = server.get("/metrics").body.decode()
    assert 'tellapart_requests_total{route="predict",status="200"}' in figures
    assert 'tellapart_pictures_total{model="cifar10",outcome="predicted"}' in figures
    assert "tellapart_pictures_waiting 0.0" in figures


def test_several_labels_are_answered_as_predict_does(labeled, tmp_path):
    content = noisy_pictures(3, 24)
    model = tmp_path / "labels.keras"
    labeled.classifier.save(model)
    with served(tmp_path, model) as server:
        for each in content:
            (row,) = server.post("/predict?top=all", each).json["predictions"]
            assert without_name(row) == expected(model, each)
            assert isinstance(row["predicted"], list)


def test_an_explanation_is_a_page(server):
    reply = server.post("/models/photos/explain?name=tom.jpg", CAT.read_bytes())
    assert reply.status == 200
    assert b"<!doctype html>" in reply.body[:100]
    assert b"tom.jpg" in reply.body
    bad = server.post("/models/photos/explain?name=x.txt", b"no picture")
    assert bad.status == 422
    assert bad.json["error"].startswith("x.txt: ")


def test_a_process_that_explains_may_die_and_the_next_explanation_is_there(server):
    import psutil

    content = noisy_pictures(1)[0]
    assert server.post("/explain", content).status == 200
    parent = psutil.Process(server.process.pid)
    (child,) = parent.children()
    assert child.nice() == min(19, parent.nice() + 10)
    child.kill()
    statuses = [server.post("/explain", content).status for _ in range(2)]
    assert statuses[-1] == 200
    assert set(statuses) <= {200, 503}


def test_no_process_is_left_when_the_server_is_killed(tmp_path):
    import psutil

    with served(tmp_path, "digits") as server:
        assert server.post("/explain", noisy_pictures(1)[0]).status == 200
        (child,) = psutil.Process(server.process.pid).children()
        server.process.kill()
        assert child.wait(10) is None or not child.is_running()
