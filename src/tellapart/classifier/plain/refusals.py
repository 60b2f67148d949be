"""Refusals: why a model file cannot be opened, by the layer that is to blame, and what to do."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tellapart.classifier.plain.old_files import config_of, is_old, saved_by
from tellapart.errors import ModelError
from tellapart.keras_backend import import_keras

LONGEST = 300
"""Characters of Keras's own words that are quoted."""

MODELS = frozenset({"Sequential", "Functional", "Model"})
OF_TENSORFLOW = frozenset(
    {"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "ClassMethod", "InstanceMethod"}
)
"""Layers that tf.keras made of TensorFlow's operations on a model's tensors."""


def refusal(path: Path, reason: BaseException) -> ModelError:
    """Return the error for a file whose model Keras cannot build."""
    version, config = saved_by(path), _config(path)
    if config is None and path.suffix in (".h5", ".hdf5"):
        return ModelError(
            f"{path} holds only weights, not the network. Build the network in Keras, load them with "
            f"model.load_weights({path.name!r}), and save the whole model: model.save('model.keras')."
        )
    for name, layer in _layers(config):
        kind = str(layer.get("class_name"))
        if kind in OF_TENSORFLOW:
            return ModelError(_of_tensorflow(path, name, layer.get("config") or {}))
        if not _is_known(kind):
            return ModelError(_of_own_class(path, name, layer, _cause(reason)))
    if is_old(version):
        return ModelError(
            f"{path} was saved by Keras {version} and cannot be opened by today's Keras ({_cause(reason)}). Build the "
            f"same network with Keras 3, load its weights with model.load_weights({path.name!r}), and save it: "
            "model.save('new.keras')."
        )
    return unreadable(path, _cause(reason))


def unreadable(path: Path, why: str) -> ModelError:
    """Return the error for a file that is no Keras model."""
    return ModelError(
        f"{path} cannot be read as a Keras model ({why}). "
        "Accepted: a .keras or .h5 file saved by Keras or by tellapart."
    )


def _config(path: Path) -> Any:
    try:
        return config_of(path)
    except (OSError, RuntimeError, ValueError, LookupError):
        return None


def _layers(config: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the layers in a configuration with their names, those of models within it too."""
    settings = config.get("config") if isinstance(config, Mapping) else None
    layers = settings.get("layers") if isinstance(settings, Mapping) else settings
    for layer in layers if isinstance(layers, list) else ():
        if isinstance(layer, Mapping):
            own = layer.get("config")
            name = own.get("name") if isinstance(own, Mapping) else None
            yield str(layer.get("name") or name), layer
            yield from _layers(layer)


def _is_known(kind: str) -> bool:
    keras = import_keras()
    return kind in MODELS or hasattr(keras.layers, kind)


def _of_tensorflow(path: Path, name: str, settings: Mapping[str, Any]) -> str:
    function = settings.get("function")
    what = f"tf.{function}" if isinstance(function, str) else "an operation of TensorFlow"
    return (
        f"{path}: its layer {name} is {what}, which only TensorFlow can run. If it prepares pixels, as "
        "preprocess_input does, save the model without it in TensorFlow (keras.Model from the tensor after it), and "
        "say here how pixels were prepared: --pixels caffe, imagenet or -1-1."
    )


def _of_own_class(path: Path, name: str, layer: Mapping[str, Any], cause: str) -> str:
    key = str(layer.get("class_name"))
    registered = str(layer.get("registered_name") or key)
    package, _, kind = registered.rpartition(">")
    package = package or "my_package"
    sentence = cause.split(". ")[0].rstrip(".") + "."
    return (
        f"{path}: its layer {name} is a {kind}, which is not a layer of Keras. Keras says: {sentence} In "
        f'Python, give its class: tellapart.load({path.name!r}, custom_objects={{"{key}": {kind}}}); or decorate it '
        f'with @keras.saving.register_keras_serializable(package="{package}") and import it first. tellapart runs no '
        "code from model files, so the commands cannot use this model."
    )


def _cause(reason: BaseException) -> str:
    """Return the heart of Keras's message: what it encountered, not the configuration that it prints around it."""
    text = str(reason).strip() or type(reason).__name__
    inner = re.findall(r"Exception encountered: (.+)", text)
    line = re.sub(r"\x1b\[\d*m", "", inner[-1] if inner else text.splitlines()[0])
    return line[:LONGEST] + ("..." if len(line) > LONGEST else "")
