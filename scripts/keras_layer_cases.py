"""The layer configurations of Keras's own tests: each layer class, its settings, and the inputs that it is called on.

    python scripts/keras_layer_cases.py          # rewrites tests/lowering/keras_layer_cases.json

Keras's wheel carries its tests, which call `self.run_layer_test(layers.X, init_kwargs=..., input_shape=...)`. Here that
method records what it is given and checks nothing; only the tests that call it are run.
"""

import ast
import importlib
import json
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

import numpy as np

from tellapart.files import write_text
from tellapart.keras_backend import import_keras

keras = import_keras()
testing = importlib.import_module("keras.src.testing")

TABLE = Path(__file__).parent.parent / "tests" / "lowering" / "keras_layer_cases.json"

NEEDED_BY_OTHER_TESTS = ("tensorflow", "grain", "conftest")
"""What the files import for tests that are not run here."""

LARGEST_INPUT = 50_000
"""Numbers; larger ones show nothing that small ones do not."""

MOST_OF_A_LAYER = 26
"""Keras's tests try each cropping of each side; these many say as much."""


class NotPlainError(Exception):
    """A configuration holds something that JSON cannot."""


def main() -> None:
    sources = Path(keras.src.__file__).parent
    lines: dict[str, str] = {}
    skipped: list[str] = []
    for path in sorted((sources / "layers").rglob("*_test.py")):
        for layer, given in recorded(sources, path):
            try:
                case = plain(layer, given)
            except NotPlainError as problem:
                skipped.append(f"{path.name}: {layer.__name__}: {problem}")
                continue
            lines.setdefault(json.dumps(case), case["layer"])
    ordered = [line for layer in sorted(set(lines.values())) for line in some_of(layer, lines)]
    body = ",\n".join(ordered)
    write_text(TABLE, f'{{"keras": "{keras.version()}", "cases": [\n{body}\n]}}\n')
    print(
        f"{len(ordered)} of {len(lines)} configurations, {len(set(lines.values()))} layers; left out {len(skipped)}:"
    )
    print("\n".join(skipped))


def some_of(layer: str, lines: dict[str, str]) -> list[str]:
    """Return a layer's configurations, or some from among all of them where there are many."""
    own = [line for line, name in lines.items() if name == layer]
    return own[:: -(-len(own) // MOST_OF_A_LAYER)]


def recorded(sources: Path, path: Path) -> Iterator[tuple[type, dict[str, Any]]]:
    """Yield what the tests of one file give to `run_layer_test`."""
    methods = [node.name for node in ast.walk(ast.parse(path.read_text())) if calls_layer_test(node)]
    if not methods:
        return
    calls: list[tuple[type, dict[str, Any]]] = []

    def record(_: Any, layer_cls: type, init_kwargs: Any, input_shape: Any = None, **rest: Any) -> None:
        calls.append((layer_cls, {"init_kwargs": init_kwargs, "input_shape": input_shape, **rest}))

    testing.TestCase.run_layer_test = record
    name = ".".join(path.relative_to(sources.parent.parent).with_suffix("").parts)
    with patch.dict(sys.modules, {missing: MagicMock() for missing in NEEDED_BY_OTHER_TESTS}):
        module = importlib.import_module(name)
    for case in vars(module).values():
        if isinstance(case, type) and issubclass(case, testing.TestCase):
            for name in unittest.defaultTestLoader.getTestCaseNames(case):
                if name.startswith(tuple(methods)):
                    case(name).run(unittest.TestResult())
    yield from calls


def calls_layer_test(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        isinstance(part, ast.Attribute) and part.attr == "run_layer_test" for part in ast.walk(node)
    )


def plain(layer: type, given: dict[str, Any]) -> dict[str, Any]:
    """Return a case as JSON holds it.

    Raises:
        NotPlainError: the layer is not of `keras.layers`, or a value has no form in JSON.
    """
    names = [name for name, kind in vars(keras.layers).items() if kind is layer]
    if not names:
        raise NotPlainError("not in keras.layers")
    public = layer.__name__ if layer.__name__ in names else names[0]
    if given.get("input_sparse") or given.get("input_ragged"):
        raise NotPlainError("sparse or ragged input")
    shape, data = given.get("input_shape"), given.get("input_data")
    dtype = given.get("input_dtype")
    if data is not None:
        shape = keras.tree.map_structure(lambda x: tuple(np.shape(x)), data)
        dtype = keras.tree.map_structure(lambda x: keras.src.backend.standardize_dtype(x.dtype), data)
    if shape is None:
        raise NotPlainError("no input")
    if max(np.prod(single) for single in shapes_in(jsoned(shape))) > LARGEST_INPUT:
        raise NotPlainError("a large input")
    case = {"layer": public, "init": jsoned(given["init_kwargs"]), "shape": jsoned(shape)}
    case |= {"dtype": jsoned(dtype)} if dtype is not None else {}
    call = jsoned(given.get("call_kwargs") or {})
    return case | ({"call": call} if call else {})


def shapes_in(shape: Any) -> Iterator[list[int]]:
    """Yield each shape of a list or dict of shapes, or the only one."""
    if isinstance(shape, list) and not any(isinstance(side, list | dict) for side in shape):
        yield shape
        return
    for part in shape.values() if isinstance(shape, dict) else shape:
        yield from shapes_in(part)


def jsoned(value: Any) -> Any:
    """Return a value as JSON holds it: objects of Keras by their configs, tensors by their shapes and dtypes."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [jsoned(part) for part in value]
    if isinstance(value, dict):
        return {str(name): jsoned(part) for name, part in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) or keras.ops.is_tensor(value):
        return {"tensor": list(value.shape), "dtype": keras.src.backend.standardize_dtype(value.dtype)}
    if callable(value) and (home := home_of(value)) is not None:
        return {"function": f"{home}.{value.__name__}"}
    if type(value).__module__.startswith("keras.src.") and not type(value).__module__.endswith("_test"):
        saved = without_defaults(keras.saving.serialize_keras_object(value))
        if not ({"keras.src", "builtins"} & set(modules_in(saved))):
            return {"saved": saved}
    raise NotPlainError(f"a {type(value).__name__} of the tests' own")


def home_of(function: Any) -> str | None:
    """Return the public module of a function of Keras."""
    for home in ("activations", "ops"):
        if getattr(getattr(keras, home), getattr(function, "__name__", ""), None) is function:
            return home
    return None


def without_defaults(saved: Any) -> Any:
    """Drop what says nothing about a layer: names counted up, and the policies that it has anyway."""
    if isinstance(saved, list):
        return [without_defaults(part) for part in saved]
    if not isinstance(saved, dict):
        return saved
    silent = {"name", "build_config", "registered_name", "compile_config"}
    return {
        key: without_defaults(value)
        for key, value in saved.items()
        if key not in silent and not (key == "dtype" and "float32" in json.dumps(value))
    }


def modules_in(saved: Any) -> Iterator[str]:
    """Yield the first two parts of the name of each module that a saved object needs."""
    if isinstance(saved, list | dict):
        for part in saved.values() if isinstance(saved, dict) else saved:
            yield from modules_in(part)
    if isinstance(saved, dict) and "module" in saved:
        yield ".".join(str(saved["module"]).split(".")[:2])


if __name__ == "__main__":
    sys.exit(main())
