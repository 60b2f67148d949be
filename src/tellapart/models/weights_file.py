"""Files of weights: HDF5 as Keras publishes it or as `save_weights` writes it, held against the network it is for.

What a file holds is compared before it is loaded, since Keras would read some files of other networks in part.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tellapart.errors import ModelError
from tellapart.models.headless import first_line
from tellapart.paths import in_which_folder, similar_paths
from tellapart.untrusted.archive import most_bytes
from tellapart.untrusted.hdf5 import DAMAGED, checked_numbers

Weight = tuple[str, tuple[int, ...]]
"""A weight's name and shape."""

SUFFIXES = (".h5", ".hdf5")

_CLASSES_OF_IMAGENET = 1000


def load_weights_file(path: Path, name: str, network: Any, with_head: Callable[[int], Any]) -> None:
    """Fill a network without a head from a file of weights, which may also hold a head.

    Args:
        path: the file.
        name: of the network, for messages.
        network: Keras model without a head.
        with_head: number of classes -> the same network with a head; its weights begin with those of `network`.

    Raises:
        ModelError: the file is missing, damaged, or holds other weights than the network has.
    """
    stored = read_shapes(path, name)
    if _shapes(stored) == _shapes(weights_of(network)):
        _load(path, name, network)
        return
    classes = _classes(stored, weights_of(with_head(_CLASSES_OF_IMAGENET)))
    if classes is None:
        raise ModelError(_other_network(path, name, stored, weights_of(network)))
    whole = with_head(classes)
    _load(path, name, whole)
    network.set_weights(whole.get_weights()[: len(network.weights)])


def weights_of(model: Any) -> list[Weight]:
    """Return name and shape of each weight of a Keras model."""
    return [(weight.path, tuple(weight.shape)) for weight in model.weights]


def read_shapes(path: Path, name: str) -> list[Weight]:
    """Return name and shape of each weight in a file.

    Args:
        path: the file.
        name: of the network that it is for, for messages.

    Raises:
        ModelError: it is missing, damaged or no file of weights.
    """
    import h5py

    if not path.is_file():
        similar = similar_paths(path)
        advice = f"Did you mean {similar[0]}?" if similar else "Check the path."
        raise ModelError(f"{path}: no such file of weights{in_which_folder(path)}. {advice}")
    if path.suffix not in SUFFIXES:
        raise ModelError(
            f"{path} is no file of weights: these end in .h5 or .weights.h5. A whole model is a backbone by itself: "
            f"--backbone {path}"
        )
    weights: list[Weight] = []

    def note(place: str, entry: Any) -> None:
        if isinstance(entry, h5py.Dataset) and "seed_generator" not in str(place):
            weights.append((str(place), entry.shape))

    try:
        with h5py.File(path, "r") as file:
            checked_numbers(file, most_bytes(path), str(path))
            root = file.get("model_weights", file)
            root.get("layers", root).visititems(note)  # beside them, a compiled model's optimizer and metrics
    except DAMAGED as reason:
        if isinstance(reason, ModelError):
            raise
        raise ModelError(
            f"{path} is damaged, or no HDF5 file ({first_line(reason)}). Copy or download it again."
        ) from reason
    if not weights:
        raise ModelError(
            f"{path} holds no weights. Expected those of {name}, as model.save_weights writes them."
        )
    return weights


def _shapes(weights: Sequence[Weight]) -> Counter[tuple[int, ...]]:
    return Counter(shape for _, shape in weights)


def _classes(stored: Sequence[Weight], whole: Sequence[Weight]) -> int | None:
    """Return for how many classes a file's head is; None where the rest is not the network's.

    The head is the last layer of `whole`: a kernel, whose last axis is the classes, and a bias.
    """
    kernel = whole[-2][1]
    body = _shapes(whole[:-2])
    rest = _shapes(stored) - body
    sizes = {shape[0] for shape in rest if len(shape) == 1}
    if body - _shapes(stored) or len(sizes) != 1 or sum(rest.values()) != 2:
        return None
    classes = sizes.pop()
    return classes if rest == Counter([(*kernel[:-1], classes), (classes,)]) else None


def _load(path: Path, name: str, network: Any) -> None:
    try:
        network.load_weights(path)
    except Exception as reason:  # Keras raises many kinds here
        raise ModelError(
            f"{path} has weights of the same shapes as {name}, but Keras cannot load them: {first_line(reason)}"
        ) from reason


def _other_network(path: Path, name: str, stored: Sequence[Weight], own: Sequence[Weight]) -> str:
    missing = _first(own, _shapes(own) - _shapes(stored))
    other = _first(stored, _shapes(stored) - _shapes(own))
    lacks = f"It lacks {missing}. " if missing else ""
    has = f"It has {other}, which {name} does not. " if other else ""
    return (
        f"{path} holds the weights of another network than {name}: {len(stored)} tensors, where {name} without its "
        f"head has {len(own)}. {lacks}{has}Give the file of {name}, or the name of the network that it belongs to."
    )


def _first(weights: Sequence[Weight], among: Counter[tuple[int, ...]]) -> str:
    """Return the first weight whose shape is among these, with its shape."""
    found = next(((name, shape) for name, shape in weights if among[shape] > 0), None)
    return "" if found is None else f"{found[0]} of shape {' x '.join(map(str, found[1]))}"
