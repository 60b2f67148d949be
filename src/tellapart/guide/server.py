"""Serves the guide on this machine, with live predictions and trainings.

Listens on 127.0.0.1 only, rejects other host names (so that no site that a browser visits can reach it under a name
of its own), and takes commands only from its own pages.
"""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tellapart.errors import ConfigError
from tellapart.guide.contents import LESSONS, Lesson
from tellapart.guide.limits import LIMITS, Limits
from tellapart.guide.live_training import LiveTrainings
from tellapart.guide.render import VENDOR, index_page, page_of
from tellapart.guide.sent_pictures import SentPictures
from tellapart.guide.small_training import RATES
from tellapart.pages.assemble import ASSETS, LIBRARIES
from tellapart.web.guarded_http import ACCEPTED_AT_ONCE, GuardedServer, guarded_protocol
from tellapart.web.headers import SECURITY_HEADERS
from tellapart.web.listening import bound

HOST = "127.0.0.1"
PORT = 8063


def application(limits: Limits = LIMITS) -> Starlette:
    """Build the guide as an ASGI application, without SECURITY_HEADERS."""
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

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.trainings, app.state.pictures, app.state.pages = LiveTrainings(), SentPictures(limits), {}
        yield
        app.state.trainings.end()

    return Starlette(
        routes=routes, middleware=[names], exception_handlers={HTTPException: _error}, lifespan=lifespan
    )


def listening(port: int | None = None) -> socket.socket:
    """Open a listening socket on 127.0.0.1.

    Args:
        port: 0 for any free port; None for 8063 or, if it is taken, any.

    Raises:
        ConfigError: the port is taken or not permitted.
    """
    if port is not None:
        return bound(HOST, port)
    try:
        return bound(HOST, PORT)
    except ConfigError:
        return bound(HOST, 0)


def server(limits: Limits = LIMITS) -> uvicorn.Server:
    """Build a uvicorn server of the guide that shuts down within a second."""
    config = uvicorn.Config(
        application(limits),
        http=guarded_protocol(limits.head_seconds, limits.connections),
        ws="none",
        headers=list(
            SECURITY_HEADERS.items()
        ),  # here and not in the application, whose errors would lack them
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
    _must_be_ours(request)
    return await request.app.state.pictures.answer(request)


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
