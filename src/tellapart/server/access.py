"""Access: who may ask, by the request's head alone.

Host: an address, `localhost`, or a name that was allowed; so no site that a browser visits can reach the server under a
name of its own (DNS rebinding). Origin: the server's own page, or a site that was allowed. Token: compared in constant
time.
"""

import hmac
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from tellapart.errors import ConfigError

OPEN_PATHS = frozenset(
    {"/", "/healthz", "/healthz/live", "/healthz/ready", "/v2/health/live", "/v2/health/ready"}
)
"""Asked without a token: probes have none, and the page asks its reader for it."""

SHORTEST_TOKEN = 16
"""Characters: shorter ones can be guessed."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may ask."""

    token: str | None = None
    """Asked for as `Authorization: Bearer TOKEN`; None: nobody is asked for one."""

    hosts: tuple[str, ...] = ()
    """Names under which the server is reached, besides addresses and localhost; "*": any."""

    origins: tuple[str, ...] = ()
    """Sites whose pages may ask, such as https://example.org."""

    def __post_init__(self) -> None:
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise ConfigError(
                f"A token has {SHORTEST_TOKEN} characters or more. To make one: "
                "python3 -c 'import secrets; print(secrets.token_urlsafe())'"
            )
        for origin in self.origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}":
                raise ConfigError(
                    f"An origin is a site such as https://example.org, without a path; got {origin!r}."
                )

    def check(self, path: str, headers: Headers) -> None:
        """Raise if this request is not allowed.

        Raises:
            HTTPException: 400, the host; 403, the origin; 401, the token.
        """
        host = headers.get("host", "")
        if not self._is_own(host):
            raise HTTPException(
                400, "This server does not answer to that host name. Allow it with --allow-host NAME."
            )
        origin = headers.get("origin")
        if origin is not None and origin not in self.origins and _host_of(origin) != host.lower():
            raise HTTPException(
                403,
                "Requests from pages of other sites are blocked. Allow a site with --allow-origin ORIGIN.",
            )
        if self.token is not None and path not in OPEN_PATHS:
            self._check_token(headers.get("authorization", ""))

    def _check_token(self, authorization: str) -> None:
        kind, _, given = authorization.partition(" ")
        assert self.token is not None
        is_right = hmac.compare_digest(given.strip().encode(), self.token.encode())
        if not (kind.lower() == "bearer" and is_right):
            raise HTTPException(
                401, "A token is needed: Authorization: Bearer TOKEN.", {"WWW-Authenticate": "Bearer"}
            )

    def _is_own(self, host: str) -> bool:
        name = _without_port(host).lower()
        if "*" in self.hosts or name == "localhost" or name in self.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _host_of(origin: str) -> str:
    scheme, _, host = origin.partition("://")
    return host.lower() if scheme in ("http", "https") else ""
