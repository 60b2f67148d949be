"""What one client of the prediction server may cost the others."""

from dataclasses import dataclass

from tellapart.errors import ConfigError
from tellapart.pages.card import Readable


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingLimits(Readable):
    """Limits of requests, connections, pictures, and of what is held of all of them."""

    body_bytes: int = 32_000_000
    """Largest body of a request."""

    pixels: int = 50_000_000
    """Height times width of the largest picture."""

    pictures: int = 32
    """Pictures in a request."""

    queue: int = 128
    """Pictures of all requests that are not yet answered; requests beyond are told to come back (503)."""

    bytes_together: int = 256_000_000
    """Bytes of all bodies that were received, in part or whole, and are not yet answered."""

    body_seconds: float = 30.0
    """Time for sending a body."""

    head_seconds: float = 10.0
    """Time for sending the head of a request, and for taking a response."""

    connections: int = 1500
    """Open at once, where the system grants so many files; a new one ends the oldest."""

    rate: float | None = None
    """Requests a second that one client may send on average; None: no limit. Others are refused (429)."""

    burst: int = 20
    """Requests that a client may send at once before `rate` counts."""

    explanations: int = 4
    """Explanations that are computed or wait; requests beyond are told to come back (503)."""

    drain_seconds: float = 30.0
    """Time for answering what was accepted, after the server is told to stop."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} is a limit, above 0; got {value!r}.")
        if self.pictures > self.queue:
            raise ConfigError(
                f"A request may hold {self.pictures} pictures, and {self.queue} may wait in all: it could never be "
                "answered. Lower pictures, or raise queue."
            )


LIMITS = ServingLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching(Readable):
    """How pictures are put together to be predicted at once."""

    most: int = 16
    """Pictures of a batch."""

    wait_ms: float = 5.0
    """Milliseconds that a picture waits for others that are being decoded; it never waits for requests to come."""

    def __post_init__(self) -> None:
        if self.most < 1:
            raise ConfigError(f"max_batch is a number of pictures, 1 or more; got {self.most!r}.")
        if not 0 <= self.wait_ms <= 10_000:
            raise ConfigError(f"max_wait is a time in milliseconds, 0 to 10000; got {self.wait_ms!r}.")
