"""BYTES tensors as bytes: each element after its length, four bytes, the lowest first."""

from collections.abc import Sequence


def to_elements(data: bytes, most: int) -> list[bytes]:
    """Return the elements; of data that holds more than `most`, one more than these.

    Raises:
        ValueError: the data ends within one.
    """
    elements: list[bytes] = []
    begin = 0
    while begin < len(data) and len(elements) <= most:
        end = begin + 4 + int.from_bytes(data[begin : begin + 4], "little")
        if begin + 4 > len(data) or end > len(data):
            raise ValueError("the data ends within an element")
        elements.append(data[begin + 4 : end])
        begin = end
    return elements


def from_strings(texts: Sequence[str]) -> bytes:
    """Return texts as such a tensor."""
    encoded = [text.encode() for text in texts]
    return b"".join(len(each).to_bytes(4, "little") + each for each in encoded)
