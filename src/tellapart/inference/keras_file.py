"""Model files without Keras: a saved `.keras` file lowered from its own config and weights.

Predicting then need not import Keras. It reads Sequential and Functional models of one input and one output whose
layers all have a rule, each called once; for anything else it returns None, and Keras loads the model.
"""

import io
import math
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.errors import ModelError
from tellapart.inference.stored_net import StoredNet, StoredStep
from tellapart.keras_internals import is_graph_of_layers
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.registry import RULES, SIGNATURES
from tellapart.untrusted.archive import archive_of, most_bytes, read_entry, refused
from tellapart.untrusted.hdf5 import checked_numbers
from tellapart.untrusted.model_config import LARGEST_OUTPUT, LARGEST_SUM, parsed_config


def read_stored_net(path: Path) -> StoredNet | None:
    """Lower a `.keras` file without importing Keras.

    Args:
        path: the file.

    Returns:
        The net, or None if only Keras can load the model.

    Raises:
        ModelError: the file is damaged, or made to harm.
    """
    import h5py

    try:
        with archive_of(path) as archive:
            config = read_entry(archive, "config.json", path, is_text=True)
            content = read_entry(archive, "model.weights.h5", path, is_text=False)
        if config is None or content is None:
            return None
        model = parsed_config(config, str(path))
        if not is_graph_of_layers(model):
            return None
        with h5py.File(io.BytesIO(content), "r") as file:
            checked_numbers(file, most_bytes(path), str(path))
            net = _lowered(model["class_name"], model["config"], _Weights(file.id, content, h5py))
        if net is not None:
            _refuse_large_outputs(net, path)
        return net
    except ModelError:
        raise
    except (OSError, RuntimeError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
        return None  # Keras has the better error message


def _refuse_large_outputs(net: StoredNet, path: Path) -> None:
    """Run a net on no images at all, which takes no memory, and look at the shapes of what it computes.

    Raises:
        ModelError: an image would take more memory than there is.
        RuntimeError: a layer needs an image.
    """
    total = 0

    def check(output: torch.Tensor) -> None:
        nonlocal total
        size = math.prod(output.shape[1:])
        total += size
        if size > LARGEST_OUTPUT or total > LARGEST_SUM:
            raise refused(path, f"a layer of it computes {size:,} numbers for each image")

    with torch.inference_mode(), warnings.catch_warnings(action="ignore"):
        net.run(torch.empty(0, *net.image_shape), check)


def _lowered(kind: str, config: Mapping[str, Any], weights: "_Weights") -> StoredNet | None:
    layers = config["layers"]
    wiring = _in_a_row(layers) if kind == "Sequential" else _as_wired(config)
    if wiring is None:
        return None
    inputs, entry, result = wiring
    folders = _weight_folders([layer["class_name"] for layer in layers])
    steps = []
    for number, (layer, folder) in enumerate(zip(layers, folders, strict=True)):
        if number == entry:
            if layer["class_name"] != "InputLayer" or layer["config"]["dtype"] != "float32":
                return None
            continue
        of_layer = weights.of_layer(folder)
        operation = _operation(layer, of_layer)
        if operation is None:
            return None
        steps.append(StoredStep(operation, inputs[number], number, tuple(of_layer)))
    last, image_shape = layers[result], tuple(layers[entry]["config"]["batch_shape"][1:])
    if len(image_shape) != 3 or not all(isinstance(side, int) for side in image_shape):
        return None
    if _activation(last) in ("linear", "identity") and not steps[-1].weights:
        return None  # what was the last activation before it, Keras tells
    return StoredNet(steps, entry, result, _activation(last), image_shape) if steps else None


_Wiring = tuple[Sequence[tuple[int, ...]], int, int]
"""The numbers of each layer's inputs, and those of the input layer and of the last layer."""


def _in_a_row(layers: Sequence[Any]) -> _Wiring:
    return [(number - 1,) for number in range(len(layers))], 0, len(layers) - 1


def _as_wired(config: Mapping[str, Any]) -> _Wiring | None:
    """Read a Functional model's wiring; None where a layer is called twice, or by more than tensors."""
    numbers = {layer["name"]: number for number, layer in enumerate(config["layers"])}
    ends = [_single(config[end]) for end in ("input_layers", "output_layers")]
    if None in ends:
        return None
    inputs: list[tuple[int, ...]] = []
    for layer in config["layers"]:
        nodes = layer["inbound_nodes"]
        names = [] if not nodes else _input_names(layer["class_name"], nodes[0])
        if len(nodes) > 1 or names is None:
            return None
        inputs.append(tuple(numbers[name] for name in names))
        if any(number >= len(inputs) - 1 for number in inputs[-1]):
            return None  # not in the order of computation
    entry, result = (numbers[str(end)] for end in ends)
    has_one_input = [number for number, given in enumerate(inputs) if not given] == [entry]
    return (inputs, entry, result) if has_one_input else None


def _single(ends: Any) -> str | None:
    """Return the layer's name in `["name", 0, 0]` or `[["name", 0, 0]]`; None where there are several."""
    ends = [ends] if isinstance(ends[0], str) else ends
    return ends[0][0] if len(ends) == 1 and ends[0][1:] == [0, 0] else None


def _input_names(kind: str, node: Mapping[str, Any]) -> list[str] | None:
    """Return the names of the layers that a call reads; None where it is called by anything but tensors."""
    args, kwargs = node["args"], node["kwargs"]
    if any(value is not None for name, value in kwargs.items() if name != "training"):
        return None
    if kind in SIGNATURES or len(args) != 1 or kwargs.get("training"):
        return None
    tensors = args[0] if isinstance(args[0], list) else [args[0]]
    names = [_tensor_name(tensor) for tensor in tensors]
    if None in names or len({len(tensor["config"]["shape"]) for tensor in tensors}) > 1:
        return None  # Keras aligns tensors of different rank in its own way
    return [str(name) for name in names]


def _tensor_name(tensor: Any) -> str | None:
    if not isinstance(tensor, Mapping) or tensor.get("class_name") != "__keras_tensor__":
        return None
    name, *place = tensor["config"]["keras_history"]
    return name if place == [0, 0] else None


def _activation(layer: Mapping[str, Any]) -> str:
    return layer["config"].get("activation", layer["class_name"].lower())


def _operation(layer: Mapping[str, Any], weights: Sequence[torch.Tensor]) -> Operation | None:
    config = layer["config"]
    plain = layer["module"] == "keras.layers" and config.get("activity_regularizer") is None
    named = isinstance(config.get("activation", "linear"), str)
    if not plain or not named or _dtype(config) != "float32" or layer["class_name"] not in RULES:
        return None
    if layer["class_name"] in ("Dense", "Conv1D", "Conv2D") and not _is_kernel_of(config, weights[0].shape):
        return None
    return RULES[layer["class_name"]](config, weights, torch.float32)


def _is_kernel_of(config: Mapping[str, Any], shape: Sequence[int]) -> bool:
    """Return whether a kernel has as many outputs, and the size, that its layer's settings name."""
    *size, _, outputs = shape
    return outputs == config.get("filters", config.get("units")) and size == list(
        config.get("kernel_size", ())
    )


class _Weights:
    """The weights of a `.weights.h5` file in memory.

    Where one lies in a single piece it is copied from there: h5py's own way takes three times as long.
    """

    def __init__(self, file: Any, content: bytes, h5py: Any) -> None:
        self.file, self.content, self.h5py = file, content, h5py

    def of_layer(self, folder: str) -> list[torch.Tensor]:
        """Return a layer's weights, in Keras's order; none where the file has no such folder."""
        path = f"layers/{folder}/vars"
        try:
            count = self.h5py.h5g.open(self.file, path.encode()).get_num_objs()
        except KeyError:
            return []
        return [torch.from_numpy(self._array(f"{path}/{index}")) for index in range(count)]

    def _array(self, path: str) -> NDArray[Any]:
        stored = self.h5py.h5d.open(self.file, path.encode())
        kind = stored.dtype
        if kind.kind == "f" and kind != np.float32:
            raise TypeError(f"{path} is {kind}")  # Keras casts it
        place = stored.get_offset()
        if place is None:  # in several pieces, or compressed
            return np.array(self.h5py.Dataset(stored))
        flat = np.frombuffer(self.content, kind, math.prod(stored.shape), place)
        return flat.reshape(stored.shape).copy()


def _dtype(config: Mapping[str, Any]) -> str:
    """Return the name of a layer's dtype policy, which Keras saves as a policy or as a name alone."""
    policy = config["dtype"]
    return policy if isinstance(policy, str) else policy["config"]["name"]


def _weight_folders(class_names: Sequence[str]) -> list[str]:
    """Return the folder of each layer's weights: its class in snake case, numbered from the second on."""
    seen: Counter[str] = Counter()
    folders = []
    for class_name in class_names:
        name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", class_name)
        name = re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
        folders.append(f"{name}_{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return folders
