"""Metrics: what the server counts, in Prometheus's text form."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_PICTURES = (1, 2, 4, 8, 16, 32, 64)

KIND = CONTENT_TYPE_PLAIN_0_0_4
"""Content-Type of `Metrics.text`."""


class Metrics:
    """Of one server."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "tellapart_requests", "Requests answered.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "tellapart_request_seconds",
            "From a request's head to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.pictures = Counter(
            "tellapart_pictures", "Pictures, by what became of them.", ["model", "outcome"], registry=registry
        )
        self.batches = Histogram(
            "tellapart_batch_pictures",
            "Pictures predicted at once.",
            ["model"],
            buckets=_PICTURES,
            registry=registry,
        )
        self.waiting = Gauge(
            "tellapart_pictures_waiting", "Pictures accepted and not yet answered.", registry=registry
        )
        self.swaps = Counter(
            "tellapart_model_swaps",
            "New model files, by what became of them.",
            ["model", "outcome"],
            registry=registry,
        )

    def text(self) -> bytes:
        """Return all figures."""
        return generate_latest(self._registry)
