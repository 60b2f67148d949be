"""Which public names the installed Keras has, read from its files: importing Keras takes seconds."""

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def has(name: str) -> bool:
    """Return whether Keras has a public module, class or function of this full name, such as `keras.layers.Dense`."""
    module, _, last = name.rpartition(".")
    return _is_module(name) or (last in _names_in(module) if module else False) or _belongs_to_a_name(module)


def is_module(name: str) -> bool:
    """Return whether this is the full name of a module of Keras."""
    return _is_module(name)


def _belongs_to_a_name(name: str) -> bool:
    """Return whether `keras.layers.Dense` of `keras.layers.Dense.from_config` is a class or a function."""
    module, _, last = name.rpartition(".")
    return bool(module) and not _is_module(name) and last in _names_in(module)


@cache
def _folder() -> Path:
    spec = find_spec("keras")  # a package at the top is not imported by this
    places = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(places or ["keras"])))


@cache
def _file_of(module: str) -> Path | None:
    place = _folder().joinpath(*module.split(".")[1:])
    files = (place / "__init__.py", place.with_suffix(".py"))
    return next((file for file in files if file.is_file()), None)


def _is_module(name: str) -> bool:
    return name.split(".")[0] == "keras" and _file_of(name) is not None


@cache
def _names_in(module: str) -> frozenset[str]:
    """Return the names that a module imports or defines."""
    file = _file_of(module) if module.split(".")[0] == "keras" else None
    names = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body if file is not None else ():
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
    return frozenset(names)
