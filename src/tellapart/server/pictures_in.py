"""Pictures in a request: a form of files, one file as the body, or JSON with base64. No address is ever fetched."""

import binascii
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException

from tellapart.errors import PictureError
from tellapart.paths import is_web_address
from tellapart.server.multipart import parts_of

OTHER_PARTS = 16
"""Parts of a form that may be no pictures."""

MOST_VALUES = 1_000_000
"""In JSON: 50 ms in which the server does nothing else."""

JSON_FORMS = 'JSON holds {"picture": BASE64} or {"pictures": [BASE64 or {"name": NAME, "data": BASE64}, ...]}'


class SentPicture(NamedTuple):
    """A picture as a client sent it."""

    name: str
    content: bytes | PictureError
    """The file's bytes, or why there are none."""


def sent_pictures(content_type: str, body: bytes, most: int) -> list[SentPicture]:
    """Return the pictures of a request, at least one.

    Args:
        content_type: the header.
        body: all of it.
        most: pictures.

    Raises:
        HTTPException: 400 or 422, there are none; 413, there are more; 415, another kind of body.
    """
    kind = content_type.partition(";")[0].strip().lower()
    read = READERS.get(kind) or (_one_file if kind.startswith("image/") else None)
    if read is None:
        raise HTTPException(
            415,
            f"A body of {kind} is not accepted. Send a picture as the body, a multipart/form-data form of files, or "
            f"application/json. {JSON_FORMS}.",
        )
    pictures = read(content_type, body, most)
    if not pictures:
        raise HTTPException(
            422, "The request holds no picture. In a form, send it as a file: -F picture=@cat.jpg"
        )
    if len(pictures) > most:
        raise HTTPException(
            413, f"The request holds {len(pictures)} pictures; at most {most} are accepted at once."
        )
    return pictures


def parsed_json(text: bytes) -> Any:
    """Return what JSON from a stranger says.

    Raises:
        HTTPException: 400; 413, it holds so many values that nobody else would be answered while they are read.
    """
    if text.count(b",") > MOST_VALUES:
        raise HTTPException(
            413,
            f"The JSON holds more than {MOST_VALUES:,} values. Send pixels as a binary tensor, or encoded files.",
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as reason:
        raise HTTPException(400, f"The body is not valid JSON: {str(reason)[:100]}") from reason


def _one_file(_: str, body: bytes, __: int) -> list[SentPicture]:
    return [SentPicture("picture", body)] if body else []


def _of_form(content_type: str, body: bytes, most: int) -> list[SentPicture]:
    parts = parts_of(content_type, body, most + OTHER_PARTS)
    files = [part for part in parts if part.file_name is not None]
    return [
        SentPicture(part.file_name or f"picture {index}", part.content) for index, part in enumerate(files)
    ]


def _of_json(_: str, body: bytes, most: int) -> list[SentPicture]:
    sent = parsed_json(body)
    if not isinstance(sent, Mapping) or ("picture" in sent) == ("pictures" in sent):
        raise HTTPException(422, f"{JSON_FORMS}.")
    pictures = sent["pictures"] if "pictures" in sent else [sent["picture"]]
    if not isinstance(pictures, list):
        raise HTTPException(422, f"`pictures` is a list. {JSON_FORMS}.")
    if len(pictures) > most:
        raise HTTPException(
            413, f"The request holds {len(pictures)} pictures; at most {most} are accepted at once."
        )
    return [_of_entry(entry, index) for index, entry in enumerate(pictures)]


def _of_entry(entry: Any, index: int) -> SentPicture:
    name, data = f"picture {index}", entry
    if isinstance(entry, Mapping):
        name, data = str(entry.get("name", name)), entry.get("data")
    return SentPicture(name, from_base64(data))


BLANKS = {ord(blank): None for blank in " \t\r\n"}
"""Left out of base64, as a table for `str.translate`."""


def from_base64(text: Any) -> bytes | PictureError:
    """Return a file's bytes from base64, also of a data: URL; or why that is none."""
    if not isinstance(text, str):
        return PictureError(f"expected a base64 text, got {type(text).__name__}. {JSON_FORMS}.")
    if is_web_address(Path(text[:20])):
        return PictureError("a URL, and the server fetches none. Send the picture itself.")
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return binascii.a2b_base64(text.translate(BLANKS), strict_mode=True)
    except ValueError:
        return PictureError("not valid base64. Encode the file's bytes, as base64 < cat.jpg does.")


READERS: Mapping[str, Callable[[str, bytes, int], list[SentPicture]]] = {
    "multipart/form-data": _of_form,
    "application/json": _of_json,
    "application/octet-stream": _one_file,
    "application/x-www-form-urlencoded": _one_file,  # what curl --data-binary calls any file
    "": _one_file,
}
"""Kind of body -> (Content-Type, body, most pictures) -> pictures."""
