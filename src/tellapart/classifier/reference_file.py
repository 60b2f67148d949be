"""The reference of a model's training images as bytes: what lies beside the model card in a model file."""

import numpy as np

from tellapart.errors import ModelError
from tellapart.metrics.novelty import FeatureReference

REFERENCE_ENTRY = "tellapart-features.safetensors"
"""Its name in the zip archive."""

_TYPES = {"means": np.float16, "directions": np.float16, "variances": np.float32}


def to_bytes(reference: FeatureReference) -> bytes:
    """Return a reference in the safetensors format."""
    from safetensors.numpy import save

    return save(reference.to_arrays())


def from_bytes(content: bytes, where: str) -> FeatureReference:
    """Read a reference back.

    Args:
        content: in the safetensors format.
        where: the model file, for messages.

    Raises:
        ModelError: it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(content)
    except (SafetensorError, ValueError) as reason:
        raise ModelError(
            f"{where}: {REFERENCE_ENTRY} is damaged: {reason}. Train the model again."
        ) from reason
    if not _fit_together(arrays):
        found = ", ".join(f"{name} {array.dtype} {array.shape}" for name, array in sorted(arrays.items()))
        raise ModelError(
            f"{where}: {REFERENCE_ENTRY} is not what tellapart writes. It holds {found or 'nothing'}; expected means "
            "float16 (classes, features), directions float16 (rank, features), variances float32 (rank + 1,) above "
            "zero. Train the model again."
        )
    return FeatureReference(**arrays)


def _fit_together(arrays: dict[str, np.ndarray]) -> bool:
    if {name: array.dtype for name, array in arrays.items()} != _TYPES:
        return False
    means, directions, variances = (arrays[name] for name in _TYPES)
    if means.ndim != 2 or directions.ndim != 2 or variances.shape != (len(directions) + 1,):
        return False
    return means.shape[1] == directions.shape[1] and len(means) > 0 and bool((variances > 0).all())
