"""Known functions: which of our activations a function of Keras is, given as itself or with its settings fixed.

A layer's `activation` may be `keras.activations.gelu`, `keras.ops.gelu`, or a `functools.partial` of either. A function
of the user's own is unknown, whatever its name.
"""

import inspect
from functools import partial
from typing import Any

from tellapart.lowering.ops.activations import ACTIVATIONS

WITH_SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "gelu_tanh": ("gelu", {"approximate": True}),
    "relu6": ("relu", {"max_value": 6}),
}
"""Name of an activation of ours -> the name of Keras's function, and the settings that are not its defaults."""


def name_of_activation(function: Any) -> str | None:
    """Return the name in `ACTIVATIONS` of what a function computes; None for one that is not Keras's."""
    settings: dict[str, Any] = {}
    while isinstance(function, partial):
        if function.args:
            return None
        settings = {**function.keywords, **settings}
        function = function.func
    name = getattr(function, "__name__", "")
    ours = _function_of_keras(name, "activations")
    if function is not ours and (ours is None or function is not _function_of_keras(name, "ops")):
        return None
    defaults = _defaults(ours)
    given = defaults | _defaults(function) | settings
    further = {key: value for key, value in _defaults(function).items() if key not in defaults}
    for known, (base, changed) in [(name, (name, {})), *WITH_SETTINGS.items()]:
        if known in ACTIVATIONS and base == name and given == defaults | further | changed:
            return known
    return None


def _function_of_keras(name: str, home: str) -> Any:
    import keras

    return getattr(getattr(keras, home), name, None)


def _defaults(function: Any) -> dict[str, Any]:
    """Return the settings of a function, without its tensor."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return {parameter.name: parameter.default for parameter in parameters}
