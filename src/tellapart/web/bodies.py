"""Bodies of requests: received within limits of size, time, and of what all of them hold together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.exceptions import HTTPException
from starlette.requests import Request

BUSY = "Busy with other pictures. Try again in a moment."


def busy() -> HTTPException:
    """Return the error for a request that has to come back."""
    return HTTPException(503, BUSY, {"Retry-After": "1"})


class Bodies:
    """All bodies that one server holds."""

    def __init__(self, *, largest: int, together: int, seconds: float) -> None:
        """Create it, empty.

        Args:
            largest: bytes of one body.
            together: bytes of all bodies, received in part or whole and not yet given back.
            seconds: for receiving one.
        """
        self._largest, self._together, self._seconds = largest, together, seconds
        self.held = 0
        """Bytes."""

    @asynccontextmanager
    async def received(self, request: Request, name: str) -> AsyncIterator[bytes]:
        """Receive a request's body; it counts as held until the block ends.

        Args:
            request: nothing of its body has been read.
            name: what errors call it.

        Raises:
            HTTPException: 413, too large; 408, too slow; 503, too much is held.
            ClientDisconnect: the client is gone.
        """
        data = bytearray()
        size = 0
        try:
            await self._receive_in_time(request, data, name)
            body, size = bytes(data), len(data)
            data.clear()  # which the block would hold beside its copy
            yield body
        finally:
            self.held -= size or len(data)

    async def _receive_in_time(self, request: Request, data: bytearray, name: str) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._receive(request, data, name)
        except TimeoutError as reason:
            raise HTTPException(
                408, f"Uploading {name} took longer than {self._seconds:g} seconds. Try a smaller file."
            ) from reason

    async def _receive(self, request: Request, data: bytearray, name: str) -> None:
        too_large = HTTPException(413, f"{name} is larger than {self._largest / 1e6:g} MB.")
        if int(request.headers.get("content-length", 0)) > self._largest:
            raise too_large
        async for part in request.stream():
            if len(data) + len(part) > self._largest:
                raise too_large
            if self.held + len(part) > self._together:
                raise busy()
            data += part
            self.held += len(part)
