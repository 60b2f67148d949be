"""A real server among clients that send too much, too slowly, too often, or to somebody else's name."""

import io
import os
import threading
import time
import zlib

import pytest
from PIL import Image
from serving_process import form, in_base64, noisy_pictures, served

from tellapart.web.headers import SECURITY_HEADERS

TOKEN = "a-token-of-enough-characters"
HALF_A_HEAD = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def picture():
    return noisy_pictures(1)[0]


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    limits = ("--max-body", 0.2, "--max-pixels", 0.1, "--max-pictures", 3, "--queue", 4)
    with served(tmp_path_factory.mktemp("strict"), "cifar10", *limits) as server:
        yield server


def bomb(side):
    """A small PNG that says it is a picture of side x side, and unpacks to as much."""
    file = io.BytesIO()
    Image.new("1", (side, side)).save(file, "PNG", optimize=True)
    return file.getvalue()


def test_a_body_beyond_the_limit_is_refused_whether_its_length_is_told_or_not(strict, picture):
    filled = picture + bytes(200_000 - len(picture))
    assert strict.post("/predict", filled).status in (200, 422)
    for body in (filled + b"x", iter([filled, b"x"])):
        reply = strict.post("/predict", body)
        assert reply.status == 413
        assert "0.2 MB" in reply.json["error"]


def test_an_image_bomb_is_refused_by_its_header(strict):
    for side, size in ((20_000, "400,000,000 pixels"), (500, "500 x 500 pixels; at most 100,000 are read")):
        content = bomb(side)
        assert len(content) < 100_000
        began = time.monotonic()
        reply = strict.post("/predict", content)
        assert reply.status == 422
        assert f"too large: {size}" in reply.json["predictions"][0]["error"]
        assert time.monotonic() - began < 2
        assert strict.post("/explain", content).status == 422


def test_a_header_that_lies_does_no_harm(strict, picture):
    """A PNG that calls itself small and holds the data of a large one, or the other way round."""
    lying = bytearray(bomb(5000))
    lying[16:24] = (16).to_bytes(4, "big") * 2
    lying[29:33] = zlib.crc32(lying[12:29]).to_bytes(4, "big")
    assert strict.post("/predict", bytes(lying)).status in (200, 422)
    large = bytearray(picture)
    large[16:24] = (60_000).to_bytes(4, "big") * 2
    large[29:33] = zlib.crc32(large[12:29]).to_bytes(4, "big")
    assert strict.post("/predict", bytes(large)).status == 422


def test_too_many_pictures_in_a_request_are_refused(strict, picture):
    files = [(f"{i}.png", picture) for i in range(4)]
    assert strict.post_files("/predict", files).status == 413
    assert strict.post_json("/predict", {"pictures": [in_base64(picture)] * 4}).status == 413
    assert strict.post_files("/predict", files[:3]).status == 200


def test_numbers_in_json_that_would_hold_up_everybody_are_refused(tmp_path):
    with served(tmp_path, "cifar10") as server:
        levels = b'{"inputs": [{"name": "x", "datatype": "UINT8", "shape": [1, 2, 2, 3], "data": [0'
        began = time.monotonic()
        reply = server.post("/v2/models/cifar10/infer", levels + b",0" * 12_000_000 + b"]}]}")
        assert reply.status == 413
        assert "binary tensor" in reply.json["error"]
        assert time.monotonic() - began < 2


def test_damaged_forms_are_refused(strict, picture):
    whole = form([("a.png", picture)])
    for kind, body in (
        ("multipart/form-data", whole),
        ("multipart/form-data; boundary=other", whole),
        ("multipart/form-data; boundary=a-boundary", whole[:-20]),
        ("multipart/form-data; boundary=a-boundary", b""),
    ):
        reply = strict.ask("POST", "/predict", body, {"Content-Type": kind})
        assert reply.status == 400
        assert "damaged" in reply.json["error"]


def test_beyond_the_queue_requests_are_told_at_once_to_come_back(strict, picture):
    """More pictures than may wait, at the same time: some are answered, the others hear 503 and when to return."""
    replies, files = [], [(f"{i}.png", picture) for i in range(3)]

    def ask():
        began = time.monotonic()
        reply = strict.post_files("/predict", files)
        replies.append((reply, time.monotonic() - began))

    threads = [threading.Thread(target=ask) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    by_status = {reply.status: reply for reply, _ in replies}
    assert set(by_status) == {200, 503}
    assert int(by_status[503].headers["retry-after"]) >= 1
    assert strict.post_files("/predict", files).status == 200


def test_slow_clients_are_left_and_others_are_answered_meanwhile(tmp_path, picture):
    with served(tmp_path, "cifar10", "--max-seconds", 1) as server:
        head = HALF_A_HEAD + b"Content-Length: 1000\r\n\r\n"
        slow = [server.connect(HALF_A_HEAD if number % 2 else head + b"x") for number in range(100)]
        began = time.monotonic()
        assert server.post("/predict", picture).status == 200
        assert time.monotonic() - began < 2
        said = [connection.recv(10_000) for connection in slow]
        assert time.monotonic() - began < 10
        assert {each.split(b" ")[1] if each else b"" for each in said} == {b"408", b""}
        for connection in slow:
            connection.close()


def test_a_client_beyond_its_rate_is_told_when_to_return(tmp_path, picture):
    with served(tmp_path, "cifar10", "--rate", 0.5) as server:
        replies = [server.post("/predict", picture) for _ in range(25)]
        statuses = [reply.status for reply in replies]
        assert statuses[:20] == [200] * 20
        assert statuses[-1] == 429
        assert int(replies[-1].headers["retry-after"]) in (1, 2)
        assert server.get("/healthz").status == 200


def test_without_the_token_nothing_is_answered_but_probes_and_the_page(tmp_path, picture):
    environment = {**os.environ, "TELLAPART_TOKEN": TOKEN}
    with served(tmp_path, "cifar10", environment=environment) as server:
        for path in ("/", "/healthz", "/healthz/ready", "/v2/health/ready"):
            assert server.get(path).status == 200
        for path in ("/models", "/metrics", "/openapi.json", "/v2/models/cifar10", "/nothing"):
            assert server.get(path).status == 401
        for given in ("", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}"):
            refused = server.post("/predict", picture, Authorization=given)
            assert refused.status == 401
            assert refused.headers["www-authenticate"] == "Bearer"
        assert server.post("/predict", picture, Authorization=f"Bearer {TOKEN}").status == 200
        assert TOKEN not in server.log.read_text()
        assert TOKEN.encode() not in server.get("/").body


def test_other_names_and_other_sites_are_refused_unless_allowed(tmp_path, strict, picture):
    assert strict.post("/predict", picture, Host="evil.example").status == 400
    assert strict.post("/predict", picture, Origin="https://shop.example").status == 403
    own = f"http://127.0.0.1:{strict.port}"
    reply = strict.post("/predict", picture, Origin=own)
    assert reply.status == 200
    assert "access-control-allow-origin" not in reply.headers
    allowed = ("--allow-host", "photos.example", "--allow-origin", "https://shop.example")
    with served(tmp_path, "cifar10", *allowed) as server:
        assert server.get("/models", Host="photos.example").status == 200
        reply = server.post("/predict", picture, Origin="https://shop.example")
        assert reply.headers["access-control-allow-origin"] == "https://shop.example"
        assert server.post("/predict", picture, Origin="https://other.example").status == 403
        asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
        assert server.ask("OPTIONS", "/predict", None, asked).status == 200


def test_every_answer_has_the_security_headers_once(strict, picture):
    for reply in (
        strict.get("/"),
        strict.get("/nothing"),
        strict.post("/predict", picture),
        strict.get("/", Host="evil.example"),
        strict.post("/predict", b"x" * 300_000),
    ):
        for name, value in SECURITY_HEADERS.items():
            assert reply.headers[name.lower()] == value
    connection = strict.connect(b"no http\r\n\r\n")
    said = connection.recv(10_000)
    connection.close()
    assert said.startswith(b"HTTP/1.1 400 ")
    for name in SECURITY_HEADERS:
        assert said.lower().count(name.lower().encode()) == 1


def test_rubbish_of_every_kind_leaves_the_server_well(strict, picture):
    whole = (
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(picture) + picture
    )
    for sent in (
        whole[:-1],
        whole.replace(b"Content-Length", b"X-Large: " + b"y" * 100_000 + b"\r\nContent-Length"),
        whole.replace(b"Content-Length: ", b"Content-Length: -"),
        whole.replace(b"POST", b"\xff\x00"),
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"%ff" * 100 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /models HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=0-,-5\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ):
        connection = strict.connect(sent)
        connection.shutdown(1)  # the half that sends
        said = b""
        try:
            while part := connection.recv(65_536):
                said += part
        except ConnectionResetError:
            pass
        connection.close()
        assert not said or 200 <= int(said.split(b" ")[1]) < 500
    assert strict.post("/predict", picture).status == 200
    assert strict.process.poll() is None
    assert not strict.logged("a bug")


def test_only_a_proxy_that_was_named_says_who_asks(tmp_path, picture):
    forwarded = {"X-Forwarded-For": "203.0.113.7", "X-Request-Id": "mine"}
    for arguments, client in (((), "127.0.0.1"), (("--proxy", "127.0.0.1"), "203.0.113.7")):
        with served(tmp_path, "cifar10", *arguments) as server:
            assert server.post("/predict", picture, **forwarded).status == 200
            assert server.request_line("mine")["client"] == client
