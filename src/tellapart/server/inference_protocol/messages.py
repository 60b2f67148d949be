"""Messages of the protocol: JSON, after which the data of tensors may follow as bytes.

The header Inference-Header-Content-Length tells how much of the body is JSON; each tensor whose parameters give a
binary_data_size takes so many of the bytes after it, in order.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from tellapart.server.inference_protocol.binary import from_strings
from tellapart.server.pictures_in import parsed_json

JSON_LENGTH = "Inference-Header-Content-Length"


class InputTensor(NamedTuple):
    """A tensor of a request."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: bytes | Any
    """Bytes as they were sent, or the JSON value."""


class InferRequest(NamedTuple):
    """What a client asks."""

    id: str | None
    inputs: list[InputTensor]
    outputs: dict[str, bool] | None
    """Name -> whether its data is to come as bytes; None: all outputs."""

    in_binary: bool
    """Whether outputs that say nothing of it come as bytes."""


class OutputTensor(NamedTuple):
    """A tensor of a response."""

    datatype: str
    values: NDArray[Any] | list[str]
    shape: tuple[int, ...]


def read_request(headers: Headers, body: bytes) -> InferRequest:
    """Read a request's body.

    Raises:
        HTTPException: 400, it is not as the protocol says.
    """
    length = headers.get(JSON_LENGTH)
    if length is not None and not (
        length.isascii() and length.isdecimal() and len(length) <= 12 and int(length) <= len(body)
    ):
        raise wrong(f"{JSON_LENGTH} is a number of bytes of the body; got {length[:20]!r}")
    text, data = (body, b"") if length is None else (body[: int(length)], body[int(length) :])
    sent = parsed_json(text)
    if not isinstance(sent, Mapping) or not isinstance(sent.get("inputs"), list):
        raise wrong("the body has a list of `inputs`")
    id_, parameters = sent.get("id"), _mapping(sent.get("parameters"), "parameters")
    if id_ is not None and not isinstance(id_, str):
        raise wrong("`id` is a text")
    in_binary = parameters.get("binary_data_output") is True
    return InferRequest(
        id_, _inputs(sent["inputs"], data), _outputs(sent.get("outputs"), in_binary), in_binary
    )


def _inputs(entries: list[Any], data: bytes) -> list[InputTensor]:
    inputs, begin = [], 0
    for entry in entries:
        values = _mapping(entry, "an input")
        name, datatype = values.get("name"), values.get("datatype")
        if not (isinstance(name, str) and isinstance(datatype, str)):
            raise wrong("an input has a `name` and a `datatype`")
        shape = _shape(values.get("shape"))
        size = _mapping(values.get("parameters"), "parameters").get("binary_data_size")
        if (size is None) == ("data" not in values):
            raise wrong(f"the input {name[:100]} has either `data` or the parameter binary_data_size")
        if size is None:
            inputs.append(InputTensor(name, datatype, shape, values["data"]))
            continue
        if not _is_count(size) or begin + size > len(data):
            raise wrong(f"the input {name[:100]} has no {size!r:.20} bytes of data")
        inputs.append(InputTensor(name, datatype, shape, data[begin : begin + size]))
        begin += size
    if begin != len(data):
        raise wrong(f"{len(data) - begin} bytes of data belong to no input")
    return inputs


def _outputs(entries: Any, in_binary: bool) -> dict[str, bool] | None:
    if entries is None:
        return None
    if not isinstance(entries, list):
        raise wrong("`outputs` is a list")
    outputs = {}
    for entry in entries:
        values = _mapping(entry, "an output")
        parameters = _mapping(values.get("parameters"), "parameters")
        if not isinstance(values.get("name"), str):
            raise wrong("an output has a `name`")
        if parameters.get("classification"):
            raise wrong(
                "the parameter `classification` is not supported; ask for the outputs label or probabilities"
            )
        outputs[values["name"]] = parameters.get("binary_data", in_binary) is True
    return outputs or None


def write_response(
    head: Mapping[str, Any], outputs: Mapping[str, OutputTensor], in_binary: Mapping[str, bool]
) -> tuple[bytes, dict[str, str]]:
    """Return a response's body and its headers.

    Args:
        head: of the JSON object, before its outputs.
        outputs: name -> tensor.
        in_binary: name -> whether its data comes as bytes.
    """
    entries: list[dict[str, Any]] = []
    data: list[bytes] = []
    for name, tensor in outputs.items():
        entry: dict[str, Any] = {"name": name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        if in_binary[name]:
            data.append(_as_bytes(tensor.values))
            entry["parameters"] = {"binary_data_size": len(data[-1])}
        else:
            entry["data"] = (
                tensor.values if isinstance(tensor.values, list) else tensor.values.ravel().tolist()
            )
        entries.append(entry)
    text = json.dumps({**head, "outputs": entries}).encode()
    if not data:
        return text, {"Content-Type": "application/json"}
    return b"".join([text, *data]), {
        "Content-Type": "application/octet-stream",
        JSON_LENGTH: str(len(text)),
    }


def wrong(reason: str) -> HTTPException:
    """Return the error for a request that is not as the protocol says."""
    return HTTPException(400, f"Not an inference request: {reason}.")


def _as_bytes(values: NDArray[Any] | Sequence[str]) -> bytes:
    return values.tobytes() if isinstance(values, np.ndarray) else from_strings(values)


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if value is None and what == "parameters":
        return {}
    if not isinstance(value, Mapping):
        raise wrong(f"{what}: a JSON object was expected")
    return value


def _shape(shape: Any) -> tuple[int, ...]:
    if not (isinstance(shape, list) and 0 < len(shape) <= 4 and all(map(_is_count, shape))):
        raise wrong("an input has a `shape`, a list of one to four whole numbers")
    return tuple(shape)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40
