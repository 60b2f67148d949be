"""`serve`: the application on uvicorn, with an end to slow clients, and an end in which nothing is lost."""

import asyncio
import ipaddress
import logging
import math
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, Unpack

import uvicorn
from starlette.applications import Starlette

from tellapart.errors import ConfigError
from tellapart.server.application import AppOptions, server_app
from tellapart.server.limits import ServingLimits
from tellapart.server.log import say
from tellapart.server.service import Service
from tellapart.web.guarded_http import ACCEPTED_AT_ONCE, GuardedServer, guarded_protocol
from tellapart.web.headers import SECURITY_HEADERS
from tellapart.web.listening import bound

PORT = 8080

LAST_HEADS = 0.2
"""Seconds in which requests that are on their way are still read after the server was told to stop."""


class DrainingServer(GuardedServer):
    """uvicorn's server with an end in which every request that reached it is answered.

    Stopping, uvicorn would close the connections on which no request has been read, also one that was just sent.
    """

    def __init__(self, config: uvicorn.Config, service: Service, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._service, self._started = service, started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on SIGINT and SIGTERM; having ended as asked is no failure, so no signal is raised again."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing new, read what was sent, answer it, end."""
        say("stopping", accepted_pictures=self._service.places.taken)
        self._service.is_ending = True
        await asyncio.sleep(0)  # connections that the system has accepted are taken
        for server in self.servers:
            server.close()
        await asyncio.sleep(LAST_HEADS)
        await super().shutdown(sockets)
        say("stopped")


def serve(
    models: Any,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    proxy: str | None = None,
    share_port: bool = False,
    started: Callable[[str], None] | None = None,
    **settings: Unpack[AppOptions],
) -> None:
    """Serve models over HTTP until SIGTERM or Ctrl-C; every request that was accepted is answered.

    Args:
        models: as for `tellapart.server_app`.
        host: address to listen on; anybody who reaches it may ask, so set a token for any other than 127.0.0.1.
        port: 0 for any free one.
        proxy: address of a proxy in front, whose X-Forwarded-For names the client.
        share_port: whether other processes may listen on the same port too; the system divides connections among them.
        started: called with the address once the models are loaded.
        settings: the keywords of `tellapart.server_app`: a token, limits, hosts, batches, precision.

    Raises:
        ConfigError: the port cannot be listened on, a setting is out of range, or an event loop runs in this thread.
        ModelError: a model cannot be loaded.
    """
    _refuse_running_loop()
    _refuse_proxy_name(proxy)
    app = server_app(models, **settings)
    service = app.state.service

    def tell() -> None:
        if started is not None:
            started(_address(listener))

    with closing(bound(host, port, shared=share_port)) as listener:
        asyncio.run(service.models.load_all())
        server = DrainingServer(_config(app, service.limits, proxy), service, tell)
        if not app.state.needs_token and not ipaddress.ip_address(listener.getsockname()[0]).is_loopback:
            say("no token", logging.WARNING, words="Anybody who reaches this address may ask. Set a token.")
        server.run(sockets=[listener])


def _refuse_running_loop() -> None:
    """Refuse to run within an event loop: the server has one of its own.

    Raises:
        ConfigError: there is one.
    """
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        raise ConfigError(
            "serve has an event loop of its own, and an event loop runs in this thread, as in a notebook. Run "
            "`tellapart serve MODEL` in a terminal, or hand tellapart.server_app(...) to a server of yours."
        )


def _refuse_proxy_name(proxy: str | None) -> None:
    """Refuse a proxy that is no address: uvicorn would take its name for one that never matches.

    Raises:
        ConfigError: it is none.
    """
    if proxy is None:
        return
    try:
        ipaddress.ip_network(proxy, strict=False)
    except ValueError as reason:
        raise ConfigError(
            f"proxy is the address of the proxy in front, such as 10.0.0.5 or 10.0.0.0/24; got {proxy[:60]!r}."
        ) from reason


def _config(app: Starlette, limits: ServingLimits, proxy: str | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=guarded_protocol(limits.head_seconds, limits.connections, SECURITY_HEADERS),
        ws="none",
        server_header=False,
        backlog=ACCEPTED_AT_ONCE,
        log_config=None,
        access_log=False,
        proxy_headers=proxy is not None,
        forwarded_allow_ips=proxy,
        timeout_graceful_shutdown=math.ceil(limits.drain_seconds),
    )


def _address(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"
