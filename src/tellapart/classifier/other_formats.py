"""Models of other libraries: recognized by their names, refused with the way from there to a file that opens."""

from pathlib import Path

from tellapart.errors import ModelError

REBUILD = (
    "Build the network in Keras 3, copy the weights, check that both give the same outputs, and save it: "
    "model.save('model.keras')."
)
ORIGINAL = "Use the Keras model that it was made from (.keras or .h5)."

BY_SUFFIX = {
    ".tflite": ("a TensorFlow Lite model", ORIGINAL),
    ".pb": ("a TensorFlow frozen graph or SavedModel", ORIGINAL),
    ".onnx": ("an ONNX model", f"{ORIGINAL} Otherwise: {REBUILD}"),
    ".pt": ("a PyTorch file, which may run code when it is opened", REBUILD),
    ".pth": ("a PyTorch file, which may run code when it is opened", REBUILD),
    ".ckpt": ("a checkpoint, which holds only weights, not the network", REBUILD),
    ".safetensors": ("a file of weights, without the network", REBUILD),
    ".pkl": ("a pickle, which runs code when it is opened", REBUILD),
    ".mlmodel": ("a Core ML model", ORIGINAL),
}
"""Suffix -> what it is, and what to do."""

SAVED_MODEL = (
    "a TensorFlow SavedModel folder",
    "If Keras 2 saved it, open it there, model = tf_keras.models.load_model(FOLDER), and save it: "
    "model.save('model.h5'). What Keras 3's model.export writes holds no layers: save the original with "
    "model.save('model.keras').",
)
TENSORFLOW_JS = (
    "a TensorFlow.js model",
    "Convert it: tensorflowjs_converter --input_format tfjs_layers_model --output_format keras model.json model.h5",
)


def other_format(path: Path) -> tuple[str, str] | None:
    """Return what a path is, and what to do; None where it is no model of another library."""
    if path.is_dir():
        return SAVED_MODEL if (path / "saved_model.pb").is_file() else None
    if path.name == "model.json" and any(path.parent.glob("*shard*.bin")):
        return TENSORFLOW_JS
    return BY_SUFFIX.get(path.suffix.lower())


def refuse_other_format(path: Path) -> None:
    """Raise if a path that exists is a model of another library.

    Raises:
        ModelError: naming what it is, and what to do.
    """
    found = other_format(path) if path.exists() else None
    if found is not None:
        raise ModelError(f"{path} is {found[0]}. tellapart opens Keras models. {found[1]}")
