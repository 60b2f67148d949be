"""Serves the guide on this machine, with live predictions and trainings.

Listens on 127.0.0.1 only, rejects other host names (so that no site that a browser visits can reach it under a name
of its own), and takes commands only from its own pages.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tellapart.errors import ConfigError, PictureError, TellapartError
from tellapart.guide.contents import LESSONS, Lesson
from tellapart.guide.guarded_http import ACCEPTED_AT_ONCE, GuardedServer, guarded_protocol
from tellapart.guide.live_training import LiveTrainings
from tellapart.guide.render import VENDOR, index_page, page_of
from tellapart.guide.small_training import RATES
from tellapart.pages.assemble import ASSETS, LIBRARIES

HOST = "127.0.0.1"
PORT = 8063
BUSY = "Other pictures are being predicted. Try again in a moment."


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may cost the others."""

    picture_bytes: int = 20_000_000
    """Largest accepted file."""

    pictures_waiting: int = 8
    """Pictures that wait while one is predicted; senders of others are asked to come back."""

    bytes_waiting: int = 100_000_000
    """Of all pictures that were sent, in part or whole, and are not yet predicted."""

    body_seconds: float = 30.0
    """Time for sending a picture."""

    head_seconds: float = 10.0
    """Time for sending the head of a request, and for taking a response."""

    connections: int = 1500
    """Open at once, where the system grants so many files; a new one ends the oldest."""


LIMITS = Limits()

SENT_AHEAD = 1 << 17
"""Bytes that the system holds for a client that does not read; it would take megabytes for each."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'unsafe-inline' data:; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src data:; connect-src 'self' data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every response: nothing is loaded from elsewhere, and no other site may show the guide in a frame of its own."""


def application(limits: Limits = LIMITS) -> Starlette:
    """Build the guide as an ASGI application, without HEADERS."""
    routes = [
        Route("/", _index),
        Route("/index.html", _index),
        Route("/{name}.html", _page),
        Route(f"/{VENDOR}/{{name}}", _library),
        Route("/answer", _answer, methods=["POST"]),
        Route("/training/{name}", _training_since),
        Route("/training/{name}/{command}", _training_command, methods=["POST"]),
    ]
    names = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    app = Starlette(
        routes=routes, middleware=[names], exception_handlers={HTTPException: _error}, lifespan=_trainings
    )
    app.state.limits = limits
    return app


@asynccontextmanager
async def _trainings(app: Starlette) -> AsyncIterator[None]:
    app.state.trainings, app.state.pages = LiveTrainings(), {}
    app.state.predicting, app.state.waiting, app.state.received = asyncio.Lock(), 0, 0
    yield
    app.state.trainings.end()


def listening(port: int | None = None) -> socket.socket:
    """Open a listening socket on 127.0.0.1.

    Args:
        port: 0 for any free port; None for 8063 or, if it is taken, any.

    Raises:
        ConfigError: the port is taken or not permitted.
    """
    if port is not None:
        return _bound(port)
    try:
        return _bound(PORT)
    except ConfigError:
        return _bound(0)


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT_AHEAD)
    try:
        listener.bind((HOST, port))
    except OSError as reason:
        listener.close()
        raise ConfigError(
            f"Cannot listen on port {port}: {reason.strerror}. Omit --port, or choose another port."
        ) from reason
    listener.listen()
    return listener


def server(limits: Limits = LIMITS) -> uvicorn.Server:
    """Build a uvicorn server of the guide that shuts down within a second."""
    config = uvicorn.Config(
        application(limits),
        http=guarded_protocol(limits.head_seconds, limits.connections),
        ws="none",
        headers=list(HEADERS.items()),  # here and not in the application, whose errors would lack them
        server_header=False,
        backlog=ACCEPTED_AT_ONCE,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    return GuardedServer(config)


async def _index(request: Request) -> Response:
    return await _rendered(request.app.state, None)


async def _page(request: Request) -> Response:
    lesson = next((each for each in LESSONS if each.name == request.path_params["name"]), None)
    if lesson is None:
        raise HTTPException(404, "The guide has no such page.")
    return await _rendered(request.app.state, lesson)


async def _rendered(state: State, lesson: Lesson | None) -> Response:
    """Return a lesson's page, or the index, rendered once: many may ask for it at once."""
    if lesson not in state.pages:
        state.pages[lesson] = await run_in_threadpool(_html, lesson)
    return HTMLResponse(state.pages[lesson])


def _html(lesson: Lesson | None) -> str:
    return index_page() if lesson is None else page_of(lesson, live=True)


async def _library(request: Request) -> Response:
    name = f"{VENDOR}/{request.path_params['name']}"
    if name not in LIBRARIES:
        raise HTTPException(404, "The guide has no such file.")
    return FileResponse(ASSETS / name, media_type="text/javascript")


async def _answer(request: Request) -> Response:
    """Predict with the built-in ImageNet model; `name` is the file's name in error messages."""
    _must_be_ours(request)
    state, name = request.app.state, request.query_params.get("name", "This file")
    limits, data = state.limits, bytearray()
    try:
        _refuse_if_busy(state)
        async with asyncio.timeout(limits.body_seconds):
            await _receive(request, data, name)
        _refuse_if_busy(state)
        state.waiting += 1
        try:
            async with state.predicting:  # one picture at a time
                return JSONResponse(await run_in_threadpool(_prediction, bytes(data), name))
        finally:
            state.waiting -= 1
    except TimeoutError as reason:
        raise HTTPException(408, f"{name} did not arrive within {limits.body_seconds:g} seconds.") from reason
    except TellapartError as reason:
        raise HTTPException(422, str(reason)) from reason
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    finally:
        state.received -= len(data)


def _refuse_if_busy(state: State) -> None:
    if state.waiting > state.limits.pictures_waiting:  # one of them is predicted
        raise HTTPException(503, BUSY)


async def _receive(request: Request, data: bytearray, name: str) -> None:
    """Append the request's body to `data`, and its size to what all requests have received."""
    state, limits = request.app.state, request.app.state.limits
    too_large = HTTPException(413, f"{name} is larger than {limits.picture_bytes / 1e6:g} MB.")
    if int(request.headers.get("content-length", 0)) > limits.picture_bytes:
        raise too_large
    async for part in request.stream():
        if len(data) + len(part) > limits.picture_bytes:
            raise too_large
        if state.received + len(part) > limits.bytes_waiting:
            raise HTTPException(503, BUSY)
        data += part
        state.received += len(part)


async def _training_command(request: Request) -> Response:
    _must_be_ours(request)
    trainings, name = request.app.state.trainings, request.path_params["name"]
    command = request.path_params["command"]
    if command == "begin":
        rate = _rate(request.query_params.get("rate", ""))
        training = await run_in_threadpool(trainings.begin, name, rate)
    elif command in ("run", "pause", "step"):
        training = _training(request)
        getattr(training, command)()
    else:
        raise HTTPException(404, "A training takes the commands begin, run, pause and step.")
    return JSONResponse({"rate": training.rate})


async def _training_since(request: Request) -> Response:
    count = request.query_params.get("since", "0")
    if not (count.isascii() and count.isdecimal() and len(count) < 10):
        raise HTTPException(422, "`since` must be a number of frames.")
    return JSONResponse(_training(request).since(int(count)))


def _training(request: Request) -> Any:
    training = request.app.state.trainings.named(request.path_params["name"])
    if training is None:
        raise HTTPException(404, "This training is no longer running. Begin again.")
    return training


def _rate(text: str) -> float:
    for rate in RATES:
        if text == str(rate):
            return rate
    raise HTTPException(422, f"The learning rate must be one of {', '.join(map(str, RATES))}.")


def _must_be_ours(request: Request) -> None:
    """Reject commands from other sites' pages, by the origin that browsers send."""
    origin = request.headers.get("origin")
    if origin is not None and origin != f"http://{request.headers['host']}":
        raise HTTPException(403, "Only the guide's own pages may do this.")


async def _error(_: Request, reason: Exception) -> Response:
    assert isinstance(reason, HTTPException)
    return JSONResponse({"error": reason.detail}, reason.status_code, reason.headers)


def _prediction(data: bytes, name: str) -> dict[str, Any]:
    from tellapart.data.decode import decode
    from tellapart.guide.answers import answering_model, answers

    try:
        pixels = decode(data)
    except PictureError as reason:
        message = str(reason).replace("<bytes>", name)
        hint = " Try a JPEG or a PNG." if "no known picture format" in message else ""
        raise PictureError(message + hint) from reason
    (prediction,), _ = answering_model().predict([pixels], top=1)
    return {**answers([pixels])[0], "unfamiliar": prediction.familiar is False}
