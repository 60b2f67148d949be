"""A served model: one version of one model, from a picture's bytes to its prediction or explanation.

The pixels go the way of every command, `data.fitted` and `Classifier`, so the server's answers are those of
`tellapart.predict`.
"""

import logging
from collections.abc import Sequence
from functools import cached_property, partial
from typing import NamedTuple

from starlette.exceptions import HTTPException

from tellapart.classifier.card import ModelCard
from tellapart.classifier.prediction import Prediction
from tellapart.data.decode import image_shape
from tellapart.data.decoding.limits import too_large_error
from tellapart.data.fitted import FittedImage, fitted
from tellapart.data.types import Pixels
from tellapart.errors import PictureError
from tellapart.explanations.explainer import Explainer
from tellapart.server.batching import Batcher
from tellapart.server.engine import Engine
from tellapart.server.explaining import NotExplainedError
from tellapart.server.limits import Batching
from tellapart.server.log import say
from tellapart.server.metrics import Metrics
from tellapart.server.pictures_in import SentPicture
from tellapart.server.snapshot import Snapshot
from tellapart.untrusted.large_images import large_images_alone


class Asked(NamedTuple):
    """A picture that is ready to be predicted."""

    image: FittedImage
    top: int | None
    """Classes to name; None: all."""


class ServedModel:
    """One version of a model."""

    def __init__(
        self,
        name: str,
        snapshot: Snapshot,
        engine: Engine,
        batching: Batching,
        pixels: int,
        precision: str,
        metrics: Metrics,
    ) -> None:
        """Create it.

        Args:
            name: under which it is served.
            snapshot: the model.
            engine: the server's threads.
            batching: of its pictures.
            pixels: height times width of the largest picture.
            precision: as in `Classifier.probabilities`.
            metrics: hears of each batch and picture.
        """
        self.name, self.snapshot = name, snapshot
        self._engine, self._pixels, self._precision, self._metrics = engine, pixels, precision, metrics
        self._batcher: Batcher[Asked, Prediction] = Batcher(self._predict, batching)

    @property
    def version(self) -> str:
        """Which file it came from."""
        return self.snapshot.version

    @property
    def card(self) -> ModelCard:
        """Its model card."""
        return self.snapshot.classifier.card

    async def predict(self, picture: SentPicture | Pixels, top: int | None) -> Prediction:
        """Predict one picture.

        Args:
            picture: a file's bytes, or uint8 (H, W, 1 or 3) of any size.
            top: classes to name; None: all.

        Raises:
            PictureError: it cannot be read.
        """
        try:
            prediction = await self._batcher.answer(self._ready(picture, top))
        except PictureError:
            self._metrics.pictures.labels(self.name, "unreadable").inc()
            raise
        self._metrics.pictures.labels(self.name, "predicted").inc()
        return prediction.likeliest(top)

    async def explain(self, picture: SentPicture) -> str:
        """Return the page that explains the prediction of one picture, in its quick form.

        Raises:
            PictureError: it cannot be read.
        """
        return await self._engine.explain(self._explained, picture)

    async def checked(self, picture: SentPicture) -> bytes:
        """Return a picture's bytes, if it can be read.

        Raises:
            PictureError: it cannot.
        """
        await self._engine.decode(self._read, picture)
        assert isinstance(picture.content, bytes)
        return picture.content

    async def _ready(self, picture: SentPicture | Pixels, top: int | None) -> Asked:
        read = self._read if isinstance(picture, SentPicture) else self._fit
        return Asked(await self._engine.decode(read, picture), top)

    async def _predict(self, asked: Sequence[Asked]) -> list[Prediction]:
        self._metrics.batches.labels(self.name).observe(len(asked))
        tops = [each.top for each in asked]
        most = None if None in tops else max(top for top in tops if top is not None)
        images = [each.image for each in asked]
        return await self._engine.predict(
            partial(self.snapshot.classifier.predict_fitted, images, most, self._precision)
        )

    def _read(self, picture: SentPicture) -> FittedImage:
        content = self._checked(picture)
        with large_images_alone():
            try:
                return fitted(content, self.card.preprocessing)._replace(name=picture.name)
            except PictureError as reason:
                raise named(picture, reason) from reason

    def _checked(self, picture: SentPicture) -> bytes:
        """Return a picture's bytes, if its header says that it is not too large."""
        if isinstance(picture.content, PictureError):
            raise named(picture, picture.content)
        try:
            shape = image_shape(picture.content)
            if shape[0] * shape[1] > self._pixels:
                raise too_large_error(f"{shape[1]} x {shape[0]}", self._pixels)
        except PictureError as reason:
            raise named(picture, reason) from reason
        return picture.content

    def _fit(self, pixels: Pixels) -> FittedImage:
        return fitted(pixels, self.card.preprocessing)

    def _explained(self, picture: SentPicture) -> str:
        content, snapshot = self._checked(picture), self.snapshot
        try:
            if snapshot.path is None:
                return self._explainer.explain(content, quick=True, name=picture.name).to_html()
            return self._engine.explaining.explain(snapshot.path, snapshot.said, content, picture.name)
        except PictureError as reason:
            raise named(picture, reason) from reason
        except NotExplainedError as reason:
            say("explanation failed", logging.ERROR, model=self.name, traceback=str(reason))
            raise HTTPException(500, "The explanation failed: see the server's log.") from reason
        except OSError as reason:
            raise HTTPException(
                503, "The explanation was broken off. Try again.", {"Retry-After": "5"}
            ) from reason

    @cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self.snapshot.classifier)


def named(picture: SentPicture, reason: PictureError) -> PictureError:
    """Return an error with the name of its picture."""
    return PictureError(f"{picture.name}: {str(reason).removeprefix('<bytes>: ')}")
