"""The application: `server_app`, an ASGI app for any server."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Unpack

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tellapart.classifier.plain.said import SaidOptions
from tellapart.errors import TellapartError
from tellapart.runtime.precision import resolve_checked
from tellapart.server.access import Access
from tellapart.server.corrections import Corrections
from tellapart.server.gate import REQUEST_ID, Gate
from tellapart.server.inference_protocol import ROUTES as PROTOCOL_ROUTES
from tellapart.server.limits import LIMITS, Batching, ServingLimits
from tellapart.server.models import sources_of
from tellapart.server.routes import ROUTES
from tellapart.server.service import Service
from tellapart.web.json_response import AsciiJSONResponse


class AppOptions(SaidOptions, total=False):
    """The keywords of `server_app`, for functions that pass them on."""

    token: str | None
    allow_hosts: Sequence[str]
    allow_origins: Sequence[str]
    max_batch: int
    max_wait: float
    limits: ServingLimits
    precision: str
    corrections: str | Path | None


def server_app(
    models: Any,
    *,
    token: str | None = None,
    allow_hosts: Sequence[str] = (),
    allow_origins: Sequence[str] = (),
    max_batch: int = 16,
    max_wait: float = 5.0,
    limits: ServingLimits = LIMITS,
    precision: str = "float32",
    corrections: str | Path | None = None,
    **said: Unpack[SaidOptions],
) -> Starlette:
    """Return an ASGI application that answers pictures with predictions, for any ASGI server.

    `tellapart.serve` runs it, and adds what only a server can: an end to slow clients, and an end without loss.

    Args:
        models: a model as for `tellapart.load`, or a list of them; NAME=PATH gives one a name of your choice. The first
            answers at /predict, each at /models/NAME/predict. A file that is replaced is loaded and takes the place of
            the old one; one that is damaged does not.
        token: that every request must bring, as `Authorization: Bearer TOKEN`; None: none.
        allow_hosts: names under which the server is reached, besides addresses and localhost.
        allow_origins: sites whose pages may ask, such as "https://example.org".
        max_batch: pictures predicted at once.
        max_wait: milliseconds that a picture waits for others that are being decoded.
        limits: of requests and clients.
        precision: "float32", "bfloat16" or "auto", as for `tellapart.predict`.
        corrections: folder in which pictures are kept of which somebody says what they are, one folder a class; None:
            none are.
        said: of models that tellapart did not save, as for `tellapart.load`.

    Returns:
        A Starlette application. The models are loaded when it starts.

    Raises:
        ConfigError: no model, two of one name, or a setting out of range.
    """
    given = models if isinstance(models, list | tuple) else [models]
    sources = sources_of(given, said)
    access = Access(
        token=token, hosts=tuple(host.lower() for host in allow_hosts), origins=tuple(allow_origins)
    )
    kept = None if corrections is None else Corrections(Path(corrections))
    batching = Batching(most=max_batch, wait_ms=max_wait)
    service = Service(sources, limits, batching, resolve_checked(precision), kept)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = Starlette(
        routes=[*ROUTES, *PROTOCOL_ROUTES],
        middleware=_middleware(service, access),
        exception_handlers={HTTPException: _error, TellapartError: _failed, ClientDisconnect: _gone},
        lifespan=lifespan,
    )
    app.state.service, app.state.needs_token = service, token is not None
    return app


def _middleware(service: Service, access: Access) -> list[Middleware]:
    cors = Middleware(
        CORSMiddleware,
        allow_origins=access.origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", REQUEST_ID],
        expose_headers=[REQUEST_ID, "Retry-After"],
    )
    gate = Middleware(Gate, service=service, access=access)
    return [cors, gate] if access.origins else [gate]


async def _error(_: Request, reason: Exception) -> Response:
    assert isinstance(reason, HTTPException)
    return AsciiJSONResponse({"error": reason.detail}, reason.status_code, reason.headers)


async def _failed(_: Request, reason: Exception) -> Response:
    return AsciiJSONResponse({"error": str(reason)}, 422)


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it
