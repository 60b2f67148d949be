"""The guide's server: only for this machine, only for its own pages; and what it answers."""

import http.client
import io
import re
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import quote

import pytest
from PIL import Image
from served import served

import tellapart
from tellapart.errors import ConfigError
from tellapart.guide import server as serving
from tellapart.guide.contents import LESSONS
from tellapart.guide.lessons._photo import CAT, cat


@pytest.fixture(scope="module")
def client():
    with served() as client:
        yield client


def test_every_page_is_there_and_what_it_reads(client):
    for name in ["", "index.html", *(f"{lesson.name}.html" for lesson in LESSONS)]:
        answer = client.get(f"/{name}")
        assert answer.status == 200
        for link in re.findall(r'<script src="([^"]+)"', answer.body.decode()):
            assert client.get(f"/{link}").status == 200


@pytest.mark.parametrize(
    "path", ["/nothing.html", "/vendor/nothing.js", "/vendor/..%2F..%2Fcli.py", "/training/none"]
)
def test_what_is_not_there_is_said(client, path):
    answer = client.get(path)
    assert answer.status == 404
    assert answer.json["error"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8063", "[::1]", ""])
def test_other_names_are_refused(client, host):
    assert client.get("/", Host=host).status == 400


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1",
        "http://localhost:{port}",
        "https://127.0.0.1:{port}",
    ],
)
def test_other_pages_are_refused(client, origin):
    origin = origin.format(port=client.port)
    assert client.post("/training/x/begin?rate=0.05", Origin=origin).status == 403
    assert client.post("/answer", CAT.read_bytes(), Origin=origin).status == 403


def test_a_picture_is_answered_as_predict_does(client):
    answer = client.post("/answer", CAT.read_bytes())
    prediction = answer.json
    (expected,), _ = tellapart.load("imagenet").predict(CAT)
    assert prediction["things"][0] == [
        expected.group.name,
        pytest.approx(expected.group.probability, abs=1e-4),
    ]
    assert prediction["kind"] == [
        expected.group.kind,
        pytest.approx(expected.group.class_probability, abs=1e-4),
    ]
    assert prediction["unfamiliar"] in (True, False)


def test_what_is_no_picture_is_refused_in_words(client):
    answer = client.post("/answer", b"no picture")
    assert answer.status == 422
    assert "This file" in answer.json["error"]
    assert answer.json["error"].endswith("Try a JPEG or a PNG.")
    assert client.post("/answer", b"").status == 422
    named = client.post("/answer?name=my%20note.txt", b"no picture").json["error"]
    assert named == answer.json["error"].replace("This file", "my note.txt")


def test_own_pages_may_ask(client):
    own = f"http://127.0.0.1:{client.port}"
    assert client.post("/training/x/begin?rate=0.05", Origin=own).status == 200


def test_a_file_of_the_largest_size_is_answered_and_a_byte_more_is_refused():
    file = io.BytesIO()
    Image.fromarray(cat(64)).save(file, "PNG")
    with served(picture_bytes=len(file.getvalue())) as client:
        assert client.post("/answer?name=cat.png", file.getvalue()).status == 200
        too_long = file.getvalue() + b"\0"
        for body in (
            too_long,
            iter([too_long[:1000], too_long[1000:]]),
        ):  # of a length that is told, and in pieces
            answer = client.post("/answer?name=cat.png", body)
            assert answer.status == 413
            assert answer.json["error"].startswith("cat.png is larger than")


def test_a_training_runs_behind_a_page(client):
    assert client.post("/training/me/begin?rate=7").status == 422
    assert client.post("/training/me/begin?rate=0.05").json == {"rate": 0.05}
    assert client.post("/training/me/dance").status == 404
    for count in ("x", "-1", "9" * 5000, "²"):
        assert client.get(f"/training/me?since={quote(count)}").status == 422
    client.post("/training/me/run")
    end = time.monotonic() + 60
    while len(frames := client.get("/training/me?since=0").json["frames"]) < 5:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert frames[0]["step"] == 0
    client.post("/training/me/pause")


def test_a_taken_port_is_said_and_the_usual_one_gives_way():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"Cannot listen on port {port}"):
            serving.listening(port)
    with serving.listening() as first, serving.listening() as second:
        assert first.getsockname()[0] == "127.0.0.1"
        assert first.getsockname()[1] != second.getsockname()[1]


def test_the_command_serves_and_ends_with_ctrl_c():
    process = subprocess.Popen(
        [sys.executable, "-m", "tellapart", "learn", "--port", "0", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        port = int(re.search(r"127\.0\.0\.1:(\d+)/", process.stdout.readline()).group(1))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/convolution.html")
        answer = connection.getresponse()
        assert answer.status == 200
        assert b"Convolution" in answer.read()
        connection.close()
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode in (0, 130)
    assert "Traceback" not in err
