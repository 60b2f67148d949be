"""What a model file from a stranger must satisfy: nothing is read elsewhere, no memory is filled.

Keras refuses code, and since 3.15 data sets that lie in other files. Sizes it believes: what the configuration asks
for is allocated before the weights are read.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

from tellapart.errors import ModelError
from tellapart.keras_backend import import_keras
from tellapart.keras_internals import calls_of, is_tracing_shapes
from tellapart.untrusted.archive import archive_of, most_bytes, read_entry, refused
from tellapart.untrusted.hdf5 import DAMAGED, checked_numbers
from tellapart.untrusted.model_config import LARGEST_OUTPUT, LARGEST_SUM, parsed_config

INITIALIZED = 6
"""Numbers that Keras draws for each weight, at most: five for a truncated normal distribution."""

SLACK = 16_000_000
"""Numbers that a configuration may ask for beyond those for the weights in the file."""

LARGEST_SCORES = 200_000_000
"""Numbers of an attention layer's scores for one image."""


def checked_file(path: Path) -> int:
    """Return how many numbers a model file holds, once it is seen to hold what it says and nothing else.

    Args:
        path: a `.keras` or `.h5` file.

    Raises:
        ModelError: with what is odd about it.
    """
    try:
        return _checked_archive(path) if path.suffix == ".keras" else _checked_hdf5(path)
    except DAMAGED as reason:
        if isinstance(reason, ModelError):
            raise
        raise ModelError(
            f"{path} cannot be read as a Keras model (the file is damaged: {reason})."
        ) from reason


def _checked_archive(path: Path) -> int:
    import h5py

    with archive_of(path) as archive:
        text = read_entry(archive, "config.json", path, is_text=True)
        content = read_entry(archive, "model.weights.h5", path, is_text=False)
    if text is not None:
        parsed_config(text, str(path))
    if content is None:
        raise ModelError(
            f"{path} holds no model.weights.h5. Accepted: a file saved by Keras 3 or by tellapart."
        )
    with h5py.File(io.BytesIO(content), "r") as file:
        return checked_numbers(file, most_bytes(path), str(path))


def _checked_hdf5(path: Path) -> int:
    import h5py

    with h5py.File(path, "r") as file:
        numbers = checked_numbers(file, most_bytes(path), str(path))
        text = file.attrs.get("model_config")
    if text is not None:
        parsed_config(text.encode() if isinstance(text, str) else bytes(text), str(path))
    return numbers


@contextmanager
def limited_to(numbers: int, path: Path) -> Iterator[None]:
    """Let Keras allocate no more within the block than the weights of a file need.

    Args:
        numbers: in the file.
        path: of the file, for the message.

    Raises:
        ModelError: it asks for more.
    """
    from tellapart.untrusted.allocation import NumbersLimit

    keras = import_keras()
    limit = NumbersLimit(INITIALIZED * numbers + SLACK, LARGEST_OUTPUT, lambda: is_tracing_shapes(keras))
    try:
        with limit:
            yield
    finally:
        if limit.exceeded is not None:
            asked = f"its configuration asks for {limit.exceeded:,} numbers, and it holds {numbers:,}"
            raise refused(path, asked)


def refuse_large_outputs(model: Any, path: Path) -> None:
    """Raise if a layer of a model computes more for one image than the memory can hold.

    Raises:
        ModelError: naming the layer.
    """
    total = 0
    for name, kind, shapes, read in _calls(model):
        size = sum(prod(side or 1 for side in shape[1:]) for shape in shapes)
        total += size
        if size > LARGEST_OUTPUT:
            raise refused(path, f"its layer {name[:100]!r} computes {size:,} numbers for each image")
        scores = _scores(kind, read)
        if scores > LARGEST_SCORES:
            raise refused(path, f"its layer {name[:100]!r} compares {scores:,} pairs of places in each image")
    if total > LARGEST_SUM:
        raise refused(path, f"its layers compute {total:,} numbers for each image")


Shapes = list[tuple[int | None, ...]]


def _calls(model: Any) -> Iterator[tuple[str, Any, Shapes, Shapes]]:
    """Yield name and layer of each call, with the shapes of what it returns and reads; those of models within too."""
    for node in calls_of(model):
        shapes, read = (
            [tensor.shape for tensor in tensors] for tensors in (node.outputs, node.input_tensors)
        )
        yield node.operation.name, node.operation, shapes, read
        yield from _calls(node.operation)


def _scores(layer: Any, read: Shapes) -> int:
    if not type(layer).__name__.endswith("Attention") or not read:
        return 0
    places = [prod(side or 1 for side in shape[1:-1]) for shape in read[:2]]
    heads: Any = getattr(layer, "num_heads", None) or getattr(layer, "num_query_heads", 1)
    return places[0] * places[-1] * int(heads)
