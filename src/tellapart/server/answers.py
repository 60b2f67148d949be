"""Answers: what a request is told of its pictures, as plain values."""

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.exceptions import HTTPException

from tellapart.api.predict import predictions_of
from tellapart.classifier.prediction import Prediction
from tellapart.data.types import Pixels
from tellapart.errors import PictureError
from tellapart.server.pictures_in import SentPicture
from tellapart.server.served_model import ServedModel

SAID = 3
"""Errors of pictures that are repeated for the whole request, where none could be read."""

TOP = 5
"""Classes that are named unless the request says otherwise."""


def top_of(text: str | None) -> int | None:
    """Return how many classes a request asks for; None: all.

    Raises:
        HTTPException: 422, it is no such number.
    """
    if text is None:
        return TOP
    if text == "all":
        return None
    if text.isascii() and text.isdecimal() and 0 < len(text) < 7 and int(text):
        return int(text)
    raise HTTPException(422, f"top is a number of classes, 1 or more, or all; got {text[:20]!r}.")


async def predicted(
    model: ServedModel, pictures: Sequence[SentPicture | Pixels], top: int | None
) -> list[Prediction | PictureError]:
    """Predict all pictures of a request; an error stands in the place of one that cannot be read."""
    results = await asyncio.gather(
        *(model.predict(picture, top) for picture in pictures), return_exceptions=True
    )
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, PictureError):
            raise result
    return [result for result in results if isinstance(result, Prediction | PictureError)]


def in_json(
    model: ServedModel, pictures: Sequence[SentPicture], results: Sequence[Prediction | PictureError]
) -> dict[str, Any]:
    """Return a request's answer: each picture's as `tellapart predict --json` has it, or its error.

    Where no picture can be read there is an `error` for all as well.
    """
    readable = [result for result in results if isinstance(result, Prediction)]
    rows = iter(predictions_of(model.snapshot.classifier, readable).to_dict()["predictions"])
    errors = [str(result) for result in results if isinstance(result, PictureError)]
    return {
        **({} if readable else {"error": " ".join(errors[:SAID])}),
        "model": model.name,
        "version": model.version,
        "predictions": [
            {"picture": picture.name, "error": str(result)}
            if isinstance(result, PictureError)
            else next(rows)
            for picture, result in zip(pictures, results, strict=True)
        ],
    }
