"""Tensors: pictures as a request holds them, and predictions as a response does."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.exceptions import HTTPException

from tellapart.classifier.card import ModelCard
from tellapart.classifier.prediction import Prediction
from tellapart.data.types import Pixels
from tellapart.server.inference_protocol.binary import to_elements
from tellapart.server.inference_protocol.messages import InferRequest, InputTensor, OutputTensor, wrong
from tellapart.server.limits import ServingLimits
from tellapart.server.pictures_in import SentPicture, from_base64

INPUT = "images"
"""The tensor's name in the metadata; any name is accepted, as there is one input."""


def pictures_of(request: InferRequest, limits: ServingLimits) -> Sequence[SentPicture | Pixels]:
    """Return a request's pictures, at least one.

    Raises:
        HTTPException: 400, its input is no such tensor; 413, there are too many.
    """
    if len(request.inputs) != 1:
        raise wrong(f"there is one input, of pictures; got {len(request.inputs)}")
    tensor = request.inputs[0]
    if tensor.datatype not in READERS:
        raise wrong(
            f"pictures are UINT8, pixels from 0 to 255, or BYTES, encoded files; got {tensor.datatype[:20]!r}"
        )
    count = _count(tensor)
    if count > limits.pictures:
        raise HTTPException(413, f"{count} pictures; at most {limits.pictures} are accepted at once.")
    if count < 1:
        raise wrong("the input holds no picture")
    return READERS[tensor.datatype](tensor, limits)


def _count(tensor: InputTensor) -> int:
    if tensor.datatype == "UINT8":
        return tensor.shape[0] if len(tensor.shape) == 4 else 1
    return math.prod(tensor.shape)


def _from_pixels(tensor: InputTensor, limits: ServingLimits) -> list[Pixels]:
    shape = tensor.shape
    if len(shape) not in (3, 4) or shape[-1] not in (1, 3) or not all(shape):
        raise wrong(f"UINT8 pictures have the shape [N, height, width, 3 or 1]; got {list(shape)}")
    if shape[-3] * shape[-2] > limits.pixels:
        raise HTTPException(
            413, f"A picture has at most {limits.pixels:,} pixels; got {shape[-2]} x {shape[-3]}."
        )
    levels = _levels(tensor.data)
    if levels.size != math.prod(shape):
        raise wrong(f"the shape {list(shape)} needs {math.prod(shape)} levels; got {levels.size}")
    return list(levels.reshape((-1, *shape[-3:])))


def _levels(data: Any) -> Pixels:
    if isinstance(data, bytes):
        return np.frombuffer(data, np.uint8)
    try:
        levels = np.array(data)
    except (ValueError, OverflowError) as reason:
        raise wrong("`data` is a list of levels") from reason
    if levels.dtype.kind not in "iu" or (levels.size and not 0 <= levels.min() <= levels.max() <= 255):
        raise wrong("UINT8 data are whole numbers from 0 to 255")
    return levels.astype(np.uint8)


def _from_files(tensor: InputTensor, _: ServingLimits) -> list[SentPicture]:
    needed, in_base64 = math.prod(tensor.shape), not isinstance(tensor.data, bytes)
    try:
        contents: list[Any] = _flat(tensor.data) if in_base64 else list(to_elements(tensor.data, needed))
    except ValueError as reason:
        raise wrong(f"BYTES: {reason}") from reason
    if len(contents) != needed:  # before anything is decoded
        got = "more" if len(contents) > needed else len(contents)
        raise wrong(f"the shape {list(tensor.shape)} needs {needed} files; got {got}")
    contents = list(map(from_base64, contents)) if in_base64 else contents
    return [SentPicture(f"picture {index}", content) for index, content in enumerate(contents)]


def _flat(data: Any, depth: int = 4) -> list[Any]:
    if not isinstance(data, list) or not depth:
        raise wrong("BYTES data in JSON is a list of texts, each a file in base64")
    return [
        each for entry in data for each in (_flat(entry, depth - 1) if isinstance(entry, list) else [entry])
    ]


READERS: Mapping[str, Callable[[InputTensor, ServingLimits], Sequence[SentPicture | Pixels]]] = {
    "UINT8": _from_pixels,
    "BYTES": _from_files,
}
"""Datatype -> its pictures."""


def input_metadata(card: ModelCard) -> list[dict[str, Any]]:
    """Return what the metadata says of the input."""
    return [{"name": INPUT, "datatype": "UINT8", "shape": [-1, *card.preprocessing.shape]}]


def output_metadata(card: ModelCard) -> list[dict[str, Any]]:
    """Return what the metadata says of the outputs."""
    shapes = {
        name: [-1, len(card.class_names)] if name == "probabilities" else [-1] for name in _outputs_of(card)
    }
    return [{"name": name, "datatype": OUTPUTS[name][0], "shape": shape} for name, shape in shapes.items()]


def outputs_of(
    card: ModelCard, predictions: Sequence[Prediction], wanted: Mapping[str, bool] | None
) -> dict[str, OutputTensor]:
    """Return predictions as tensors.

    Args:
        card: of the model.
        predictions: with all classes.
        wanted: names of outputs; None: all.

    Raises:
        HTTPException: 400, there is no such output.
    """
    there = _outputs_of(card)
    names = there if wanted is None else tuple(wanted)
    for name in names:
        if name not in there:
            raise wrong(f"there is no output {name[:100]!r}; there are {', '.join(there)}")
    tensors = {}
    for name in names:
        datatype, values_of = OUTPUTS[name]
        values = values_of(card, predictions)
        shape = values.shape if isinstance(values, np.ndarray) else (len(values),)
        tensors[name] = OutputTensor(datatype, values, shape)
    return tensors


def _outputs_of(card: ModelCard) -> tuple[str, ...]:
    tells = card.novelty is not None and card.novelty.limit is not None
    return tuple(name for name in OUTPUTS if tells or name != "familiar")


def _probabilities(card: ModelCard, predictions: Sequence[Prediction]) -> NDArray[np.float32]:
    rows = [dict(zip(each.names, each.probabilities, strict=True)) for each in predictions]
    return np.array([[row[name] for name in card.class_names] for row in rows], np.float32)


def _labels(_: ModelCard, predictions: Sequence[Prediction]) -> list[str]:
    return [each.names[0] if each.labels is None else "|".join(each.labels) for each in predictions]


def _familiar(_: ModelCard, predictions: Sequence[Prediction]) -> NDArray[np.bool_]:
    return np.array([each.familiar for each in predictions], np.bool_)


OUTPUTS: Mapping[str, tuple[str, Callable[[ModelCard, Sequence[Prediction]], NDArray[Any] | list[str]]]] = {
    "probabilities": ("FP32", _probabilities),
    "label": ("BYTES", _labels),
    "familiar": ("BOOL", _familiar),
}
"""Name -> its datatype and values: (N, classes) in the model's order; the likeliest class, of several labels those that
the picture is given, divided by |; whether the picture is like the training pictures, where the model can tell."""
