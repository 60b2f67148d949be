"""Keras's backend where nobody chose one: PyTorch, if TensorFlow is not installed.

`tellapart_keras_backend.pth` beside this file has Python import it at every start, so that `import keras` also works
before `import tellapart`: without a word from anybody, Keras takes TensorFlow, and dies where that is not installed.
Nothing is done until Keras is imported. Nothing is changed where KERAS_BACKEND is set, or where the backend
that Keras would take is installed.

Imports nothing but `sys`: every start of Python pays for it.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class BeforeKeras:
    """Finds Keras where Python would, and has the backend seen to when it is imported; asked for others, it passes."""

    @staticmethod
    def find_spec(name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        """Return where Keras is. To look for it, as some packages do, changes nothing yet."""
        if name != "keras":
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = _choosing_first(spec.loader.exec_module)  # type: ignore[method-assign]
        return spec


def _choosing_first(execute: "Any") -> "Any":
    """Return what executes a module, after a backend was chosen."""

    def choose_and_execute(module: "Any") -> None:
        from contextlib import suppress

        with suppress(Exception):  # an import of Keras must not fail for want of this help
            choose()
        execute(module)

    return choose_and_execute


def choose() -> None:
    """Set KERAS_BACKEND to torch where Keras would take a backend that is not installed, and say so."""
    import os

    if os.environ.get("KERAS_BACKEND"):
        return
    usual = configured(os) or "tensorflow"
    if is_installed(usual) or not is_installed("torch"):
        return
    os.environ["KERAS_BACKEND"] = "torch"
    print(
        f"tellapart: Keras runs on PyTorch, because KERAS_BACKEND is not set and {usual} is not installed.",
        file=sys.stderr,
    )


def configured(os: "Any") -> str | None:
    """Return the backend of Keras's own settings file; Keras writes it by itself, so it need not be anybody's wish."""
    import json

    home = os.path.expanduser("~")
    home = home if os.access(home, os.W_OK) else "/tmp"
    place = os.path.join(os.environ.get("KERAS_HOME") or os.path.join(home, ".keras"), "keras.json")
    try:
        with open(os.path.expanduser(place), encoding="utf-8") as file:
            backend = json.load(file).get("backend")
    except (OSError, ValueError, AttributeError):
        return None
    return backend if isinstance(backend, str) else None


def is_installed(package: str) -> bool:
    """Return whether a package can be imported; an empty folder of that name is none."""
    from importlib.util import find_spec

    spec = find_spec(package)
    return spec is not None and spec.origin is not None


sys.meta_path.insert(0, BeforeKeras)
