"""Keras's backend: always torch, chosen before Keras is imported.

Call `import_keras` before the first `import keras`; afterward a plain import is the same module.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from tellapart.errors import ConfigError

OPTIONAL = ("sklearn", "matplotlib")
"""Packages that Keras imports where they are installed, for wrappers and plots."""

_leaves_out_optional = False


def leave_out_optional() -> None:
    """Let Keras go without OPTIONAL in this process: a command needs neither, and they take a third of its import."""
    global _leaves_out_optional
    _leaves_out_optional = True


def import_keras() -> ModuleType:
    """Import Keras on its torch backend.

    Returns:
        The module `keras`.

    Raises:
        ConfigError: another backend is set or already loaded.
    """
    if "keras" not in sys.modules:
        chosen = os.environ.setdefault("KERAS_BACKEND", "torch")
        if chosen != "torch":
            raise ConfigError(_advice(f"KERAS_BACKEND is set to {chosen!r}"))
    with _without(OPTIONAL if _leaves_out_optional and "keras" not in sys.modules else ()):
        import keras

    if keras.backend.backend() != "torch":
        raise ConfigError(_advice(f"Keras is already running on {keras.backend.backend()!r}"))
    return keras


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """Make these packages look as if they were not installed, within the block, unless they are imported already."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: "not installed"
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _advice(problem: str) -> str:
    return (
        f"tellapart needs Keras's torch backend, but {problem}. "
        "Set KERAS_BACKEND=torch before starting Python, or import tellapart before keras."
    )
