"""Arguments of `fit` that Keras 3 does not have, answered with what to write today."""

import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from tellapart.errors import ArgumentError
from tellapart.old_keras.methods import ADVICE

_MODERNIZE = "To rewrite a whole script: tellapart modernize SCRIPT"


def refuse_unknown(given: Iterable[str], fit: Callable[..., Any]) -> None:
    """Raise where `fit` does not take one of these keywords.

    Args:
        given: the keywords.
        fit: a model's own `fit`, whose parameters count: a subclass may have more than Keras.

    Raises:
        ArgumentError: it says what to write for each.
    """
    parameters = inspect.signature(fit).parameters
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return
    unknown = [name for name in given if name not in parameters]
    if unknown:
        advice = dict.fromkeys(_advice(name, list(parameters), alone=len(unknown) == 1) for name in unknown)
        names = ", ".join(f"{name}=" for name in unknown)
        is_old = any(name in ADVICE for name in unknown)
        raise ArgumentError(
            f"tellapart.fit does not take {names}: Keras 3 has no such argument. {' '.join(advice)}"
            + (f" {_MODERNIZE}" if is_old else "")
        )


def _advice(name: str, parameters: list[str], *, alone: bool) -> str:
    if name in ADVICE:
        return ADVICE[name] if alone else f"{name}: {ADVICE[name]}"
    near = get_close_matches(name, parameters, 1)
    return f"Did you mean {near[0]}=?" if near else f"It takes {', '.join(parameters)}."
