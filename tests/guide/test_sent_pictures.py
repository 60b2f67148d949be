"""Pictures sent to the guide's server: how many wait, how much is held, and that all of it is given back."""

import threading
import time
from contextlib import contextmanager

import pytest
from served import seconds_until_closed, served

from tellapart.guide import sent_pictures

JUNK = bytes(1000)


def head(length):
    return f"POST /answer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n".encode()


def status_of(connection):
    return int(connection.recv(10_000).split()[1])


def answered(client):
    """What the server says of a small file that is no picture: 422, or 503 if it is busy."""
    return client.post("/answer", JUNK).status


def held_by(client):
    return client.server.config.app.state.pictures


def soon(holds):
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def slow(monkeypatch):
    """Pictures that are predicted when this is set, and a list of those that have begun."""
    go, begun = threading.Event(), []

    def prediction(data, name):
        begun.append(name)
        assert go.wait(30)
        return {}

    monkeypatch.setattr(sent_pictures, "prediction", prediction)
    go.begun = begun
    yield go
    go.set()


@contextmanager
def sending(client, count):
    """Send so many pictures, each on a connection of its own; wait until the server has them all."""
    connections = [client.connect(head(len(JUNK)) + JUNK) for _ in range(count)]
    soon(lambda: held_by(client)._waiting == count)
    yield connections
    for connection in connections:
        connection.close()


def test_one_picture_is_predicted_as_many_wait_as_may_and_no_more(slow):
    with served(pictures_waiting=2) as client, sending(client, 3) as accepted:
        assert answered(client) == 503
        soon(lambda: slow.begun)
        time.sleep(0.1)
        assert len(slow.begun) == 1
        slow.set()
        assert [status_of(connection) for connection in accepted] == [200] * 3
        assert answered(client) == 200


def test_a_busy_server_says_so_before_it_reads_a_picture(slow):
    with served(pictures_waiting=0) as client, sending(client, 1):
        assert status_of(client.connect(head(1_000_000) + JUNK)) == 503


def test_a_server_that_became_busy_meanwhile_says_so_after_it(slow):
    with served(pictures_waiting=0) as client:
        late = client.connect(head(len(JUNK)) + JUNK[:-1])
        soon(lambda: held_by(client).bodies.held == len(JUNK) - 1)
        with sending(client, 1):
            late.sendall(JUNK[-1:])
            assert status_of(late) == 503


def test_the_pieces_of_a_picture_count_together():
    with served(picture_bytes=1500) as client:
        piece = b"3e8\r\n" + JUNK + b"\r\n"
        sender = client.connect(head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + piece)
        soon(lambda: held_by(client).bodies.held == len(JUNK))
        sender.sendall(piece)
        assert status_of(sender) == 413


def test_a_client_whose_picture_is_being_predicted_makes_room_for_nobody(slow):
    with served(connections=2) as client, sending(client, 1) as (oldest,):
        others = [client.connect() for _ in range(10)]
        for other in others[:-1]:
            assert seconds_until_closed(other)[0] < 5
        slow.set()
        assert status_of(oldest) == 200
        others[-1].close()


def test_pictures_in_transit_count_together():
    with served(bytes_waiting=2 * len(JUNK)) as client:
        first = client.connect(head(3000) + JUNK + JUNK[:1])
        soon(lambda: held_by(client).bodies.held == len(JUNK) + 1)
        assert answered(client) == 503
        first.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (head(len(JUNK)) + JUNK, 422),
        (head(4000) + JUNK * 4, 503),
        (head(1500) + JUNK, 408),
        (head(1_000_001), 413),
        (head(1500) + JUNK, None),
    ],
    ids=["answered", "refused", "too slow", "too large", "gone"],
)
def test_what_was_held_is_given_back_however_it_ends(sent, status):
    with served(bytes_waiting=1500, body_seconds=0.5, picture_bytes=1_000_000) as client:
        for _ in range(3):
            connection = client.connect(sent)
            assert status is None or status_of(connection) == status
            connection.close()
            soon(lambda: answered(client) == 422)
        soon(lambda: held_by(client).bodies.held == 0)


def test_the_limits_of_the_guide_hold_for_a_machine_of_today():
    """All that strangers can make it hold at once, beside the picture that is predicted."""
    limits = sent_pictures.Limits()
    assert limits.picture_bytes <= limits.bytes_waiting <= 200_000_000
    assert limits.pictures_waiting <= 20
    assert max(limits.head_seconds, limits.body_seconds) <= 60
    assert limits.connections <= 3000
