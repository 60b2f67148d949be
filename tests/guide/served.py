"""The guide's server in a thread of this process, and a client that asks it as a browser would."""

import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager
from typing import NamedTuple

from tellapart.guide import server as serving
from tellapart.guide.limits import Limits


class Reply(NamedTuple):
    status: int
    body: bytes
    headers: list[tuple[str, str]]

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """Asks a real server."""

    def __init__(self, port, server):
        self.port, self.server = port, server

    def ask(self, method, path, headers, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        reply = Reply(answer.status, answer.read(), answer.getheaders())
        connection.close()
        return reply

    def get(self, path, **headers):
        return self.ask("GET", path, headers)

    def post(self, path, body=b"", **headers):
        return self.ask("POST", path, headers, body)

    def connect(self, sent=b""):
        """Return a bare connection on which some bytes were sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.sendall(sent)
        return connection

    def has_left(self, count=0, within=10.0):
        """Return whether the server holds no more than so many connections, soon."""
        end = time.monotonic() + within
        while len(self.server.server_state.connections) > count:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True


@contextmanager
def served(**limits):
    """Serve the guide with these limits; yield a client."""
    listener = serving.listening(0)
    server = serving.server(Limits(**limits))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Client(listener.getsockname()[1], server)
    server.should_exit = True
    thread.join(20)
    listener.close()


def seconds_until_closed(connection):
    """Return how long the other side waits before it closes, and what it said until then."""
    began, said = time.monotonic(), b""
    try:
        while part := connection.recv(65536):
            said += part
    except ConnectionResetError:
        pass
    return time.monotonic() - began, said
