"""A real `tellapart serve` in a process of its own, and a client that asks it over a socket."""

import base64
import http.client
import io
import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import Image

BOUNDARY = "a-boundary"


class Reply(NamedTuple):
    status: int
    body: bytes
    headers: dict

    @property
    def json(self):
        return json.loads(self.body)


class Served:
    """Asks a server."""

    def __init__(self, port, process, log):
        self.port, self.process, self.log = port, process, log

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, answer.read(), names)
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.ask("GET", path, None, headers)

    def post(self, path, body=b"", **headers):
        return self.ask("POST", path, body, headers)

    def post_json(self, path, value, **headers):
        return self.ask("POST", path, json.dumps(value), {"Content-Type": "application/json", **headers})

    def post_files(self, path, files):
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return self.ask("POST", path, form(files), {"Content-Type": kind})

    def connect(self, sent=b""):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(sent)
        return connection

    def logged(self, event):
        """The log's lines of one kind."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def request_line(self, request_id):
        """The log's line of one request; it is written when the answer is on its way."""
        end = time.monotonic() + 10
        while not (lines := [line for line in self.logged("request") if line["request_id"] == request_id]):
            assert time.monotonic() < end
            time.sleep(0.02)
        return lines[0]

    def stop(self, number=signal.SIGTERM):
        """Stop the server; return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def served(folder, *arguments, environment=None):
    """Serve with these arguments; the log lies in `folder`."""
    log = folder / f"log-{time.monotonic_ns()}.jsonl"
    with log.open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "tellapart", "serve", *map(str, arguments), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
            env=environment,
        )
    try:
        line = process.stdout.readline()
        assert line.startswith("Serving: "), log.read_text()
        yield Served(int(line.rsplit(":", 1)[1].strip().strip("/")), process, log)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def form(files):
    """A multipart body of (name, content)."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="picture"; filename="{name}"\r\n'
        f"Content-Type: application/octet-stream\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def encoded(pixels, kind="PNG"):
    """Pixels as a file's bytes."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def noisy_pictures(count, side=32):
    """Different pictures as PNG files."""
    random = np.random.default_rng(0)
    pictures = []
    for _ in range(count):
        coarse = random.integers(0, 256, (4, 4, 3), np.uint8)
        pixels = np.asarray(Image.fromarray(coarse).resize((side, side + 3)))
        pictures.append(encoded(pixels))
    return pictures


def in_base64(content):
    return base64.b64encode(content).decode()


def is_same(row, known):
    """Whether an answer is that of `predict`: numbers to the sixth digit, as those of `predict` itself move with how
    many pictures it is given at once; all else exactly."""
    assert row.keys() == known.keys()
    return all(
        _is_close(row[key], value) if key in MOVING else row[key] == value for key, value in known.items()
    )


MOVING = ("probabilities", "group_probability", "novelty")


def _is_close(value, other):
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(_is_close(value[key], other[key]) for key in value)
    return value == other or abs(value - other) < 1e-5
