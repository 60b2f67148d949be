"""A small HTTP client for load: one connection, kept open, no library between it and the socket."""

import asyncio
import time
from typing import NamedTuple

BOUNDARY = "a-boundary-of-the-benchmark"


class Answer(NamedTuple):
    status: int
    """0: the connection broke before an answer."""

    body: bytes
    seconds: float
    accepted: bool
    """Whether the connection had been established."""


def form(content, name="picture.jpg"):
    """Return a request's body and its Content-Type: a form with one file."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="picture"; filename="{name}"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return (
        head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode(),
        f"multipart/form-data; boundary={BOUNDARY}",
    )


class Connection:
    """To one server; opened anew where it was closed."""

    def __init__(self, port):
        self._port, self._reader, self._writer = port, None, None

    async def post(self, path, body, kind):
        """Return the answer to one request."""
        began, accepted = time.perf_counter(), False
        try:
            if self._writer is None or self._writer.is_closing() or self._reader.at_eof():
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            accepted = True
            head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: {kind}\r\n"
            self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            status, answer, stays = await self._read()
            if not stays:
                self.close()
            return Answer(status, answer, time.perf_counter() - began, True)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.close()
            return Answer(0, b"", time.perf_counter() - began, accepted)

    async def _read(self):
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        lines = head.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return int(lines[0].split()[1]), body, headers.get("connection") != "close"

    def close(self):
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None
