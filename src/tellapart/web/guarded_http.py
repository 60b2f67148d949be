"""What uvicorn leaves open: an end to clients that hold a connection and do not get on with it.

A client has so many seconds for the head of each request and for taking what was sent to it. Beyond a number of
connections, each new one ends the oldest on which nothing is being computed: however many slow clients there are,
one that gets on is answered, and no file descriptor is lacking.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import ClassVar

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

ACCEPTED_AT_ONCE = 128
"""Connections that are taken before any is read; fewer than `connections`, or they would end each other unheard."""

QUEUED = 4096
"""Connections that the system keeps until they are taken; one for which there is no room is tried again a second
later."""

FILES = 4096
"""Open files that the process asks for where it has fewer."""

OTHER_FILES = 100
"""Files that are no connections."""


class GuardedProtocol(H11Protocol):
    """uvicorn's protocol with an end to slow clients. Used through `guarded_protocol`."""

    seconds: ClassVar[float]
    most_connections: ClassVar[int]
    refusal_headers: ClassVar[list[tuple[bytes, bytes]]]
    oldest_first: ClassVar[dict[GuardedProtocol, None]]
    """Open connections, by when their last request began."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a first request; end the oldest connection where there are too many."""
        super().connection_made(transport)
        self._until_head: asyncio.TimerHandle | None = None
        self._until_taken: asyncio.TimerHandle | None = None
        self._wait_for_head()
        self.oldest_first[self] = None
        if len(self.oldest_first) > self.most_connections:
            self._to_end()._leave()

    def _to_end(self) -> GuardedProtocol:
        """Return the oldest connection without a request; else the oldest that sends or takes one, or this one."""
        idle = (each for each in self.oldest_first if each is not self and not each._has_request)
        return next(idle, next((each for each in self.oldest_first if not each._is_computing), self))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting_for_head()
        self.resume_writing()
        self.oldest_first.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand bytes on; note whether they began a request."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop_waiting_for_head()
            if self.oldest_first.pop(self, self) is None:
                self.oldest_first[self] = None
        elif self.cycle is None or self.cycle.response_complete:
            self._wait_for_head()  # of the next request, or for the end of a body that nobody reads any more

    def pause_writing(self) -> None:
        """Wait until the client has taken what was sent."""
        super().pause_writing()
        if self._until_taken is None:
            self._until_taken = self.loop.call_later(self.seconds, self._leave)

    def resume_writing(self) -> None:
        """Wait no longer."""
        if self._until_taken is not None:
            self._until_taken.cancel()
            self._until_taken = None
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even if its last response is not taken."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(self.seconds, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, with the headers of every response; just close where a response was sent already."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            kind = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
            headers = [*self.server_state.default_headers, *self.refusal_headers, *kind]
            head = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
            for event in (head, h11.Data(data=msg.encode("ascii")), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    @property
    def _has_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _is_computing(self) -> bool:
        cycle = self.cycle
        return cycle is not None and not cycle.more_body and not cycle.response_started

    def _wait_for_head(self) -> None:
        if self._until_head is None:
            self._until_head = self.loop.call_later(self.seconds, self._leave)

    def _stop_waiting_for_head(self) -> None:
        if self._until_head is not None:
            self._until_head.cancel()
            self._until_head = None

    def _leave(self) -> None:
        self.oldest_first.pop(self, None)  # the loss is told in the loop's next turn: nobody is chosen twice
        self.transport.abort()  # closing would wait until everything sent is taken


def guarded_protocol(
    seconds: float, most_connections: int, refusal_headers: Mapping[str, str] | None = None
) -> type[GuardedProtocol]:
    """Return a protocol for one server.

    Args:
        seconds: for each request's head, and for taking what was sent.
        most_connections: open at once, where the system grants so many files.
        refusal_headers: of answers to what is no HTTP, besides those of the server's settings.
    """
    granted = (
        _granted_files() - OTHER_FILES - 3 * ACCEPTED_AT_ONCE
    )  # some are open before the oldest are closed
    own = {
        "seconds": seconds,
        "most_connections": max(1, min(most_connections, granted)),
        "refusal_headers": [(key.encode(), value.encode()) for key, value in (refusal_headers or {}).items()],
        "oldest_first": {},
    }
    return type("ServersGuardedProtocol", (GuardedProtocol,), own)


def _granted_files() -> int:
    """Ask for FILES open files where there are fewer; return how many the system grants."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return FILES
    granted, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if granted < FILES:
        with suppress(OSError, ValueError):  # the system refuses
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, most) if most >= 0 else FILES, most))
    granted, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return granted if granted >= 0 else FILES  # below 0: no limit


class GuardedServer(uvicorn.Server):
    """uvicorn's server with a longer queue."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and keep connections waiting that cannot be taken yet."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(QUEUED)  # uvicorn has one number for this queue and for those accepted in one go
