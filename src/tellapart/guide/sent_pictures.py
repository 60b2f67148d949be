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
from tellapart.web.bodies import Bodies, busy


class SentPictures:
    """All that were sent to one server and are not yet answered."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._predicting = asyncio.Lock()
        self._waiting = 0
        """Pictures, the one that is predicted included."""

        self.bodies = Bodies(
            largest=limits.picture_bytes, together=limits.bytes_waiting, seconds=limits.body_seconds
        )

    async def answer(self, request: Request) -> Response:
        """Predict with the built-in ImageNet model; `name` is the file's name in error messages."""
        name = request.query_params.get("name", "This file")
        try:
            self._refuse_if_busy()
            async with self.bodies.received(request, name) as data:
                self._refuse_if_busy()
                return JSONResponse(await self._predicted_in_turn(data, name))
        except TellapartError as reason:
            raise HTTPException(422, str(reason)) from reason
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it

    async def _predicted_in_turn(self, data: bytes, name: str) -> dict[str, Any]:
        self._waiting += 1
        try:
            async with self._predicting:
                return await run_in_threadpool(prediction, data, name)
        finally:
            self._waiting -= 1

    def _refuse_if_busy(self) -> None:
        if self._waiting > self._limits.pictures_waiting:  # one of them is predicted
            raise busy()


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
