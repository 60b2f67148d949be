"""Pictures that readers send to the guide: received within limits, predicted one after the other.

Knows nothing of hosts and origins: `server` asks for those first.
"""

import asyncio
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from tellapart.errors import PictureError, TellapartError
from tellapart.guide.limits import Limits

BUSY = "Busy with other pictures. Try again in a moment."


class SentPictures:
    """All that were sent to one server and are not yet answered."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._predicting = asyncio.Lock()
        self._waiting = 0
        """Pictures, the one that is predicted included."""

        self._received = 0
        """Bytes."""

    async def answer(self, request: Request) -> Response:
        """Predict with the built-in ImageNet model; `name` is the file's name in error messages."""
        name, data = request.query_params.get("name", "This file"), bytearray()
        try:
            self._refuse_if_busy()
            async with asyncio.timeout(self._limits.body_seconds):
                await self._receive(request, data, name)
            self._refuse_if_busy()
            return JSONResponse(await self._predicted_in_turn(bytes(data), name))
        except TimeoutError as reason:
            seconds = self._limits.body_seconds
            raise HTTPException(
                408, f"Uploading {name} took longer than {seconds:g} seconds. Try a smaller file."
            ) from reason
        except TellapartError as reason:
            raise HTTPException(422, str(reason)) from reason
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        finally:
            self._received -= len(data)

    async def _predicted_in_turn(self, data: bytes, name: str) -> dict[str, Any]:
        self._waiting += 1
        try:
            async with self._predicting:
                return await run_in_threadpool(prediction, data, name)
        finally:
            self._waiting -= 1

    def _refuse_if_busy(self) -> None:
        if self._waiting > self._limits.pictures_waiting:  # one of them is predicted
            raise HTTPException(503, BUSY)

    async def _receive(self, request: Request, data: bytearray, name: str) -> None:
        """Append the request's body to `data`, and its size to what all requests have received."""
        limits = self._limits
        too_large = HTTPException(413, f"{name} is larger than {limits.picture_bytes / 1e6:g} MB.")
        if int(request.headers.get("content-length", 0)) > limits.picture_bytes:
            raise too_large
        async for part in request.stream():
            if len(data) + len(part) > limits.picture_bytes:
                raise too_large
            if self._received + len(part) > limits.bytes_waiting:
                raise HTTPException(503, BUSY)
            data += part
            self._received += len(part)


def prediction(data: bytes, name: str) -> dict[str, Any]:
    """Return what the page shows of a picture, from a file's bytes.

    Raises:
        PictureError: it is none; with `name`.
    """
    from tellapart.data.decode import decode
    from tellapart.guide.answers import answering_model, answers

    try:
        pixels = decode(data, answering_model().card.preprocessing)
    except PictureError as reason:
        message = str(reason).replace("<bytes>", name)
        is_other = any(words in message for words in ("no known picture format", "text, not a picture"))
        hint = " Try a JPEG or a PNG." if is_other else ""
        raise PictureError(message + hint) from reason
    (predicted,), _ = answering_model().predict([pixels], top=1)
    return {**answers([pixels])[0], "unfamiliar": predicted.familiar is False}
