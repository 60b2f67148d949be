"""What one client of the guide's server may cost the others."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of requests, connections and pictures."""

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
