"""Opening what earlier versions of Keras saved: their configuration in today's words, and Theano's kernels turned.

What is written or run is nothing: a configuration is replaced in memory, or in a temporary copy.
"""

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tellapart.classifier.plain.old_config import todays
from tellapart.keras_backend import import_keras
from tellapart.keras_internals import load_hdf5_model
from tellapart.untrusted.archive import archive_of, read_entry
from tellapart.untrusted.model_config import parsed_config

ENTRIES = ("metadata.json", "config.json", "model.weights.h5")
"""Of a `.keras` file, all that Keras reads."""

TURNED = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose")
"""Layers whose kernels Theano's backend kept turned by 180 degrees: it convolves where the others correlate."""


def load_model(path: Path, custom_objects: Mapping[str, Any] | None = None, *, compiled: bool = False) -> Any:
    """Load a Keras model of any version.

    Args:
        path: a `.keras` or `.h5` file that was checked (`hostile_model.checked_file`).
        custom_objects: class name -> class.
        compiled: whether with its optimizer, loss and metrics, where Keras 3 saved it.

    Raises:
        Exception: whatever Keras raises at a file that it cannot read.
    """
    keras = import_keras()
    if not is_old(saved_by(path)):
        return keras.models.load_model(path, custom_objects, compile=compiled)
    if path.suffix == ".keras":
        with _in_todays_words(path, vars(keras.layers)) as file:
            return keras.models.load_model(file, custom_objects, compile=False)
    import h5py

    config = config_of(path)
    with h5py.File(path, "r") as file:
        backend = _text(file.attrs.get("backend"))
    if config is None:
        return keras.models.load_model(path, custom_objects, compile=False)  # which says so
    model = load_hdf5_model(keras, path, json.dumps(todays(config, vars(keras.layers))), custom_objects)
    if backend == "theano":
        _turn_kernels(model)
    return model


def saved_by(path: Path) -> str:
    """Return the version of Keras that saved a file, such as "2.0.4"; empty where that cannot be told."""
    import h5py

    try:
        if path.suffix == ".keras":
            with archive_of(path) as archive:
                text = read_entry(archive, "metadata.json", path, is_text=True)
            version = json.loads(text or b"{}").get("keras_version")
        else:
            with h5py.File(path, "r") as file:
                version = _text(file.attrs.get("keras_version"))
    except (OSError, RuntimeError, ValueError, AttributeError):
        return ""
    return version if isinstance(version, str) else ""


def is_old(version: str) -> bool:
    """Return whether a version of Keras, as `saved_by` returns it, came before Keras 3."""
    return version.split(".")[0] in ("0", "1", "2")


def config_of(path: Path) -> Any:
    """Return the configuration in a model file; None where it has none.

    Raises:
        ModelError: it is damaged, or asks for what no network of images needs.
    """
    import h5py

    if path.suffix == ".keras":
        with archive_of(path) as archive:
            text: Any = read_entry(archive, "config.json", path, is_text=True)
    else:
        with h5py.File(path, "r") as file:
            text = file.attrs.get("model_config")
    if text is None:
        return None
    return parsed_config(text.encode() if isinstance(text, str) else bytes(text), str(path))


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


@contextmanager
def _in_todays_words(path: Path, layer_classes: Mapping[str, Any]) -> Iterator[Path]:
    """Give a copy of an old `.keras` file, within the block, whose configuration was repaired."""
    with archive_of(path) as archive, tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        with zipfile.ZipFile(copy, "w") as written:
            for name in ENTRIES:
                content = read_entry(archive, name, path, is_text=name.endswith(".json")) or b""
                if name == "config.json":
                    config = todays(parsed_config(content, str(path)), layer_classes)
                    content = json.dumps(config).encode()
                written.writestr(name, content)
        yield copy


def _turn_kernels(model: Any) -> None:
    for layer in model.layers:
        if hasattr(layer, "layers"):
            _turn_kernels(layer)
        elif type(layer).__name__ in TURNED:
            kernel, *others = layer.get_weights()
            spatial = tuple(range(kernel.ndim - 2))
            layer.set_weights([kernel[tuple(slice(None, None, -1) for _ in spatial)], *others])
