"""The guide's server among clients that are slow, many, rude or gone: others are answered, and nothing is held."""

import io
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image
from served import seconds_until_closed, served

from tellapart.guide import sent_pictures
from tellapart.guide.lessons._photo import CAT
from tellapart.guide.limits import LIMITS
from tellapart.web.bodies import BUSY
from tellapart.web.headers import SECURITY_HEADERS

HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
PAGE = HALF_A_HEAD + b"\r\n"
HALF_A_PICTURE = b"POST /answer?name=cat.jpg HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nhalf"


@pytest.fixture(scope="module")
def hasty():
    """A server that waits half a second for heads and bodies."""
    with served(head_seconds=0.5, body_seconds=0.5, pictures_waiting=1) as client:
        client.get("/")
        yield client


@pytest.fixture(scope="module")
def photo():
    """A photo of 12 megapixels, as a camera takes them."""
    file = io.BytesIO()
    Image.open(CAT).resize((4000, 3000)).save(file, "JPEG")
    return file.getvalue()


def trickle(connection, seconds, piece=b"x"):
    """Send a piece every tenth of a second, until the other side closes or the time is over; return the time."""
    began = time.monotonic()
    try:
        while time.monotonic() - began < seconds:
            connection.sendall(piece)
            time.sleep(0.1)
    except OSError:
        pass
    return time.monotonic() - began


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD, PAGE[:-1]])
def test_a_client_that_never_ends_its_head_is_left(hasty, sent):
    seconds, said = seconds_until_closed(hasty.connect(sent))
    assert 0.3 < seconds < 3
    assert said == b""


def test_a_head_that_trickles_in_is_left(hasty):
    assert trickle(hasty.connect(HALF_A_HEAD + b"X-Long: "), 6) < 3


def test_so_is_the_second_head_on_a_connection(hasty):
    connection = hasty.connect(PAGE)
    connection.recv(1000)
    connection.sendall(HALF_A_HEAD)
    seconds, said = seconds_until_closed(connection)
    assert seconds < 3
    assert said.count(b"HTTP/1.1") == 0


def test_a_body_that_does_not_come_is_said_and_then_left(hasty):
    connection = hasty.connect(HALF_A_PICTURE)
    said = b""
    while b"}" not in said:
        said += connection.recv(10_000)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"Uploading cat.jpg took longer than 0.5 seconds." in said
    assert trickle(connection, 6) < 3


def test_a_client_that_does_not_read_is_left(hasty):
    library = PAGE.replace(b"GET / ", b"GET /vendor/d3.min.js ")
    connection = hasty.connect(library * 60)  # more than the system takes on its way
    time.sleep(0.2)
    assert hasty.server.server_state.connections
    assert hasty.has_left(within=4)
    connection.close()


def test_many_slow_clients_hold_up_nobody():
    with served(connections=50) as client:
        client.get("/")
        slow = [client.connect((HALF_A_HEAD, HALF_A_PICTURE)[number % 2]) for number in range(300)]
        began = time.monotonic()
        assert client.get("/convolution.html").status == 200
        assert time.monotonic() - began < 1
        assert client.has_left(50, within=3)  # sooner than they are left for being slow
        for connection in slow:
            connection.close()


def test_a_connection_that_is_used_is_not_the_oldest():
    request = PAGE.replace(b"GET", b"HEAD")
    with served(connections=3) as client:
        used, oldest, _ = connections = [client.connect() for _ in range(3)]
        while len(client.server.server_state.connections) < 3:
            time.sleep(0.01)
        used.sendall(request)
        assert used.recv(10_000).startswith(b"HTTP/1.1 200 ")
        connections.append(client.connect())
        seconds, _ = seconds_until_closed(oldest)
        assert seconds < 3
        used.sendall(request)
        assert used.recv(10_000).startswith(b"HTTP/1.1 200 ")
        for connection in connections:
            connection.close()


def test_a_flood_of_photos_is_asked_to_come_back_and_pages_are_there_at_once(hasty, photo):
    assert hasty.post("/answer", photo).status == 200  # the model is loaded
    replies = []
    flood = [threading.Thread(target=lambda: replies.append(hasty.post("/answer", photo))) for _ in range(12)]
    for thread in flood:
        thread.start()
    waits = []
    while any(thread.is_alive() for thread in flood):
        began = time.monotonic()
        assert hasty.get("/convolution.html").status == 200
        waits.append(time.monotonic() - began)
        time.sleep(0.02)
    assert max(waits) < 1
    assert {reply.status for reply in replies} == {200, 503}
    assert {reply.json.get("error") for reply in replies} == {None, BUSY}


def test_photos_in_transit_have_a_limit_together(photo):
    with served(bytes_waiting=len(photo) // 2) as client:
        assert client.post("/answer", photo).status == 503
        held = client.connect(HALF_A_PICTURE)
        time.sleep(0.1)
        assert client.post("/answer", photo[:1000]).status == 422  # what was refused is no longer counted
        held.close()


def test_every_response_has_every_header_once(hasty, monkeypatch):
    def broken(*_):
        raise RuntimeError("a bug")

    replies = {
        200: [hasty.get("/"), hasty.get("/vendor/d3.min.js"), hasty.ask("HEAD", "/vendor/d3.min.js", {})],
        400: [hasty.get("/", Host="evil.example")],
        403: [hasty.post("/answer", Origin="http://evil.example")],
        404: [hasty.get("/nothing.html"), hasty.get("/vendor/nothing.js")],
        405: [hasty.get("/answer")],
        413: [hasty.post("/answer", bytes(LIMITS.picture_bytes + 1))],
        422: [hasty.post("/answer", b"no picture")],
    }
    monkeypatch.setattr(sent_pictures, "prediction", broken)
    replies[500] = [hasty.post("/answer", b"anything")]
    for status, of_status in replies.items():
        for reply in of_status:
            assert reply.status == status
            names = [name.lower() for name, _ in reply.headers]
            assert [name for name in names if name in {key.lower() for key in SECURITY_HEADERS}] == [
                key.lower() for key in SECURITY_HEADERS
            ]
            assert (
                dict(reply.headers).items()
                >= {key.lower(): value for key, value in SECURITY_HEADERS.items()}.items()
            )


@pytest.mark.parametrize(
    "sent", [b"no http\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_http_is_answered_with_the_headers(hasty, sent):
    _, said = seconds_until_closed(hasty.connect(sent))
    assert said.startswith(b"HTTP/1.1 400 ")
    for name, value in SECURITY_HEADERS.items():
        assert f"\r\n{name.lower()}: {value}\r\n".encode() in said


def test_clients_that_leave_at_any_moment_leave_no_trace_in_the_log(tmp_path):
    log = tmp_path / "log.txt"
    with log.open("w") as file:
        command = [sys.executable, "-m", "tellapart", "learn", "--port", "0", "--no-browser"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True)
    try:
        port = int(re.search(r"127\.0\.0\.1:(\d+)/", process.stdout.readline()).group(1))
        _leave_at_any_moment(port)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    said = log.read_text()
    assert "stop it with Ctrl-C" in said
    assert not re.search("Traceback|Exception|Fatal|Error", said), said


def _leave_at_any_moment(port):
    from served import Client

    client = Client(port, None)
    end = time.monotonic() + 60
    while True:
        try:
            assert client.get("/").status == 200
            break
        except ConnectionError:
            assert time.monotonic() < end
            time.sleep(0.1)
    picture = CAT.read_bytes()
    whole = HALF_A_PICTURE.replace(b"1000\r\n\r\nhalf", str(len(picture)).encode() + b"\r\n\r\n") + picture
    chunked = b"POST /training/x/dance HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    for sent in (HALF_A_HEAD, HALF_A_PICTURE, PAGE, whole, chunked, PAGE * 30, b"\x16\x03\x01", whole[:-1]):
        client.connect(sent).close()
    for begun in (
        chunked,
        HALF_A_PICTURE.replace(b"Content-Length: 1000", b"Transfer-Encoding: chunked")[:-4],
    ):
        garbage = client.connect(begun)
        time.sleep(0.3)  # the first is answered before its body comes
        garbage.sendall(b"no chunk\r\n")
        seconds_until_closed(garbage)
    assert client.post("/answer", picture).status == 200


def test_a_photo_of_the_largest_size_takes_its_memory_once(hasty):
    """Pictures are predicted one after the other: six at once take no more than one."""
    noise = np.zeros((6000, 9000, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    at_once = []
    decode = sent_pictures.prediction

    def counted(*arguments):
        at_once.append(1)
        try:
            assert len(at_once) == 1
            return decode(*arguments)
        finally:
            at_once.pop()

    sent_pictures.prediction = counted
    try:
        replies = []
        threads = [
            threading.Thread(target=lambda: replies.append(hasty.post("/answer", file.getvalue())))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sent_pictures.prediction = decode
    assert {reply.status for reply in replies} <= {200, 503}
    assert 200 in {reply.status for reply in replies}
