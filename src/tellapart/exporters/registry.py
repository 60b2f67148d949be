"""The formats of an export, by name. A new one is a file of this folder and a line here."""

from tellapart.errors import ConfigError
from tellapart.exporters.format import Format
from tellapart.exporters.keras_files import H5, KERAS
from tellapart.exporters.litert_file import LITERT
from tellapart.exporters.onnx_file import ONNX
from tellapart.exporters.openvino_file import OPENVINO
from tellapart.exporters.torch_program import TORCH
from tellapart.exporters.web_page import WEB
from tellapart.exporters.weights_file import SAFETENSORS
from tellapart.paths import near_names

FORMATS: dict[str, Format] = {
    format_.name: format_ for format_ in (ONNX, TORCH, KERAS, H5, SAFETENSORS, OPENVINO, LITERT, WEB)
}


def format_named(name: str) -> Format:
    """Return a format.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in FORMATS:
        raise ConfigError(f"to is one of {', '.join(FORMATS)}; got {name[:40]!r}.{near_names(name, FORMATS)}")
    return FORMATS[name]
