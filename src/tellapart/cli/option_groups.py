"""Groups of options that several commands share: each group becomes one parameter of a command's function."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

Command = Callable[..., None]


def grouped(parameter: str, options: Mapping[str, Any], gather: Callable[[dict[str, Any]], Any]) -> Any:
    """Return a decorator that puts a group of options in the place of a command's parameter.

    Args:
        parameter: of the command's function, which gets what `gather` makes of the options.
        options: name -> an annotated typer option; each is None where it is not given.
        gather: called with the options by name.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_options(**given: Any) -> None:
            chosen = {name: given.pop(name) for name in options}
            command(**given, **{parameter: gather(chosen)})

        parameters: list[inspect.Parameter] = []
        for each in inspect.signature(command).parameters.values():
            own = [each.replace(name=name, annotation=kind, default=None) for name, kind in options.items()]
            parameters += own if each.name == parameter else [each]
        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_options.__annotations__ = {each.name: each.annotation for each in parameters}
        return with_options

    return decorate
