"""Which connection ends where there are too many, seen by real clients of a real server."""

import socket
import threading
import time

import pytest
import uvicorn

from tellapart.web.guarded_http import GuardedServer, guarded_protocol


async def counting(scope, receive, send):
    """Answer with the length of the body."""
    length, more = 0, scope["type"] == "http"
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": b"%d bytes" % length})


@pytest.fixture
def port():
    protocol = guarded_protocol(seconds=20, most_connections=3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(counting, http=protocol, lifespan="off", log_level="error")
        server = GuardedServer(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(20)


def connected(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def answer(client):
    """All that is sent until the connection closes."""
    return b"".join(iter(lambda: client.recv(1000), b""))


def is_closed(client):
    client.settimeout(10)
    try:
        return client.recv(100) == b""
    except ConnectionResetError:
        return True


def test_an_idle_connection_ends_before_one_that_sends_a_picture(port):
    upload = connected(port)
    upload.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n12345")
    time.sleep(0.3)
    idle = [connected(port) for _ in range(4)]
    assert is_closed(idle[0])
    assert is_closed(idle[1])
    upload.sendall(b"67890")
    assert b"10 bytes" in answer(upload)


def test_of_those_that_send_the_oldest_ends(port):
    uploads = [connected(port) for _ in range(3)]
    for upload in uploads:
        upload.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n12345")
        time.sleep(0.1)
    newest = connected(port)
    assert is_closed(uploads[0])
    newest.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert b"0 bytes" in answer(newest)
    uploads[1].sendall(b"67890")
    assert b"10 bytes" in answer(uploads[1])
