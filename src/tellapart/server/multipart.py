"""Multipart bodies (RFC 7578): a body that is wholly in memory, cut at its boundaries; strict."""

from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from typing import NamedTuple

from starlette.exceptions import HTTPException

LONGEST_BOUNDARY = 70
"""Characters, by RFC 2046."""

LONGEST_HEAD = 2_000
"""Bytes of a part's headers."""


class Part(NamedTuple):
    """One part of a body."""

    field: str
    file_name: str | None
    """None for a part that is no file."""

    content: bytes


def parts_of(content_type: str, body: bytes, most: int) -> list[Part]:
    """Cut a body into its parts.

    Args:
        content_type: the header, with the boundary.
        body: all of it.
        most: parts.

    Raises:
        HTTPException: 400, it is damaged; 413, it has more parts.
    """
    delimiter = b"--" + _boundary(content_type)
    parts: list[Part] = []
    begin = 0 if body.startswith(delimiter) else body.find(b"\r\n" + delimiter) + 2
    if begin == 1:
        raise _damaged("its boundary does not occur")
    while True:
        begin += len(delimiter)
        if body[begin : begin + 2] == b"--":
            return parts
        line_end = body.find(b"\r\n", begin)
        end = body.find(b"\r\n" + delimiter, begin)
        if line_end < 0 or end < line_end or body[begin:line_end].strip(b" \t"):
            raise _damaged("it ends before its last boundary")
        if len(parts) == most:
            raise HTTPException(413, f"The form has more than {most} parts. Send fewer pictures at once.")
        parts.append(_part(body, line_end, end))
        begin = end + 2


def _boundary(content_type: str) -> bytes:
    header = Message()
    header["Content-Type"] = content_type
    with _damage_in_words():
        boundary = header.get_boundary() or ""
    if not (0 < len(boundary) <= LONGEST_BOUNDARY and boundary.isascii()):
        raise _damaged("its Content-Type names no boundary")
    return boundary.encode()


def _part(body: bytes, begin: int, end: int) -> Part:
    """Read the part between two boundaries; `begin` is where its first line break stands."""
    head_end = body.find(b"\r\n\r\n", begin, end)
    if head_end < 0 or head_end - begin > LONGEST_HEAD:
        raise _damaged("a part has no headers")
    header = Message()
    for line in body[begin:head_end].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            header["Content-Disposition"] = value.strip().decode(errors="replace")
    with _damage_in_words():
        field, filename = header.get_param("name", header="Content-Disposition"), header.get_filename()
    return Part(str(field or ""), filename, body[head_end + 4 : end])


@contextmanager
def _damage_in_words() -> Iterator[None]:
    """Say of a header that cannot be decoded that it is damaged."""
    try:
        yield
    except (ValueError, LookupError) as reason:
        raise _damaged("a header cannot be decoded") from reason


def _damaged(reason: str) -> HTTPException:
    return HTTPException(400, f"The multipart form is damaged: {reason}.")
