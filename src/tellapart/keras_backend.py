"""Keras's backend: torch, chosen before Keras is imported, or one paragraph that says what to do.

Every module that needs Keras gets it from here, so that the choice is made in one place.
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
        ConfigError: another backend was chosen by the user or is already loaded.
    """
    if "keras" not in sys.modules:
        chosen = os.environ.setdefault("KERAS_BACKEND", "torch")
        if chosen != "torch":
            raise ConfigError(_advice(f"KERAS_BACKEND is set to {chosen!r}"))
    import keras

    if keras.backend.backend() != "torch":
        raise ConfigError(_advice(f"Keras is already running on {keras.backend.backend()!r}"))
    return keras


def _advice(met: str) -> str:
    return (
        f"tellapart trains Keras models on PyTorch, but {met}. "
        "Set KERAS_BACKEND=torch before starting Python, or import tellapart before keras."
    )
