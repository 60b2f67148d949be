"""Part: what a section contributes to the page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Part:
    """One section's contribution."""

    values: Mapping[str, Any]
    """What its template writes."""

    data: Mapping[str, Any] = field(default_factory=dict)
    """What its browser module reads, plain values."""
