"""The gate: what every request passes first. It gets a name, is let in or refused, and is counted and logged.

Plain ASGI, so that it holds whichever server runs the application.
"""

import re
import time
import uuid
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tellapart.server.access import OPEN_PATHS, Access
from tellapart.server.log import LOG, say
from tellapart.server.service import Service
from tellapart.web.headers import SECURITY_HEADERS
from tellapart.web.json_response import AsciiJSONResponse

REQUEST_ID = "X-Request-Id"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Gate:
    """Wraps an application."""

    def __init__(self, app: ASGIApp, service: Service, access: Access) -> None:
        self._app, self._service, self._access = app, service, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, headers = time.perf_counter(), Headers(scope=scope)
        given = headers.get(REQUEST_ID, "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        status = 0

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._mark(message, request_id)
            await send(message)

        try:
            await self._answer(scope, receive, marked, headers)
        except Exception:
            LOG.exception("a bug", extra={"fields": {"request_id": request_id}})
            if not status:
                words = f"The server failed. Its log says more, under {request_id}."
                await AsciiJSONResponse({"error": words}, 500)(scope, receive, marked)
        finally:
            self._tell(scope, status, time.perf_counter() - began, request_id)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        try:
            self._access.check(scope["path"], headers)
            if self._service.rates is not None and scope["path"] not in OPEN_PATHS:
                self._service.rates.count(_client_of(scope))
        except HTTPException as reason:
            await AsciiJSONResponse({"error": reason.detail}, reason.status_code, reason.headers)(
                scope, receive, send
            )
        else:
            await self._app(scope, receive, send)

    def _mark(self, message: MutableMapping[str, Any], request_id: str) -> None:
        headers = MutableHeaders(scope=message)
        headers[REQUEST_ID] = request_id
        for name, value in SECURITY_HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("Cache-Control", "no-store")
        if self._service.is_ending:
            headers["Connection"] = "close"

    def _tell(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("endpoint"), "__name__", "none")
        self._service.metrics.requests.labels(route, str(status)).inc()
        self._service.metrics.seconds.labels(route).observe(seconds)
        say(
            "request",
            request_id=request_id,
            client=_client_of(scope),
            method=scope["method"],
            path=scope["path"],
            status=status,
            ms=round(1000 * seconds, 1),
        )


def _client_of(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""
