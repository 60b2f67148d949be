"""Keras's backend: always torch, chosen before Keras is imported.

Call `import_keras` before the first `import keras`; afterward a plain import is the same module.
"""

import os
import sys
from types import ModuleType

from tellapart.errors import ConfigError


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
    import keras

    if keras.backend.backend() != "torch":
        raise ConfigError(_advice(f"Keras is already running on {keras.backend.backend()!r}"))
    return keras


def _advice(problem: str) -> str:
    return (
        f"tellapart needs Keras's torch backend, but {problem}. "
        "Set KERAS_BACKEND=torch before starting Python, or import tellapart before keras."
    )
