"""A service: the models, threads, limits and figures of one server, from its start to its end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress

from starlette.exceptions import HTTPException
from starlette.requests import Request

from tellapart.server.admission import Places, Rates
from tellapart.server.corrections import Corrections
from tellapart.server.engine import Engine
from tellapart.server.limits import Batching, ServingLimits
from tellapart.server.log import say
from tellapart.server.metrics import Metrics
from tellapart.server.models import WATCH_SECONDS, Models
from tellapart.server.pictures_in import SentPicture
from tellapart.server.served_model import ServedModel
from tellapart.server.snapshot import ModelSource, Snapshot
from tellapart.web.bodies import Bodies


class Service:
    """What the routes of one server share."""

    def __init__(
        self,
        sources: Mapping[str, ModelSource],
        limits: ServingLimits,
        batching: Batching,
        precision: str = "float32",
        corrections: Corrections | None = None,
    ) -> None:
        self.limits, self.metrics, self.corrections = limits, Metrics(), corrections
        self.places, self.explanations = Places(limits.queue), Places(limits.explanations)
        self.rates = None if limits.rate is None else Rates(limits.rate, limits.burst)
        self.bodies = Bodies(
            largest=limits.body_bytes, together=limits.bytes_together, seconds=limits.body_seconds
        )
        self.metrics.waiting.set_function(lambda: self.places.taken)
        self.is_ending = False
        """Whether the server is to stop: it answers what it has accepted, and is not ready for more."""

        self._engine = engine = Engine()

        def opened(name: str, snapshot: Snapshot) -> ServedModel:
            return ServedModel(name, snapshot, engine, batching, limits.pixels, precision, self.metrics)

        self.models = Models(sources, opened, engine, self.metrics)

    @property
    def is_ready(self) -> bool:
        """Whether it accepts pictures."""
        return self.models.is_ready and not self.is_ending

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the models; watch their files until the block ends.

        Raises:
            TellapartError: a model cannot be loaded.
        """
        if not self.models.is_ready:
            await self.models.load_all()
        watching = asyncio.create_task(self.models.watch(WATCH_SECONDS))
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            await asyncio.get_running_loop().run_in_executor(None, self._engine.end)

    @asynccontextmanager
    async def received(self, request: Request, name: str = "This request") -> AsyncIterator[bytes]:
        """Receive the body of a request that holds pictures, if there is a place for one.

        Raises:
            HTTPException: no place, or the body breaks a limit.
        """
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise HTTPException(415, "A compressed body is not accepted: pictures are compressed already.")
        self.places.refuse_if_full()
        async with self.bodies.received(request, name) as body:
            yield body

    async def keep_correction(self, model: ServedModel, picture: SentPicture, label: str) -> str:
        """Keep a picture of which somebody says what it is; return its class and file.

        Raises:
            HTTPException: corrections are off, or this one cannot be kept; why the disk refuses it, the log says.
            PictureError: it cannot be read.
        """
        if self.corrections is None:
            raise HTTPException(404, "Corrections are off. Turn them on with --corrections FOLDER.")
        content = await model.checked(picture)
        keep = self.corrections.keep
        try:
            path = await self._engine.load(keep, content, label, model.card.class_names)
        except OSError as reason:  # SaveError is one
            say("correction not kept", logging.ERROR, reason=str(reason))
            raise HTTPException(
                503, "The correction could not be kept: see the server's log.", {"Retry-After": "60"}
            ) from reason
        return f"{path.parent.name}/{path.name}"

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Take a place for an explanation until the block ends.

        Raises:
            HTTPException: 503, there is none.
        """
        with self.explanations.taken_for(1):
            yield
