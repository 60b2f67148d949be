"""Keywords that a call takes from a dict, as in `fit(x, **params)`: they are named, not rewritten."""

from collections.abc import Collection, Iterator

import libcst as cst

from tellapart.old_keras.context import Context
from tellapart.old_keras.script import text_of

_ADVICE = "**{} brings {}, which {} does not take today. Rename it in the dict, or take it out."


def name_starred(context: Context, call: cst.Call, old: Collection[str]) -> None:
    """Name each old keyword that a call takes from a dict which the script writes down."""
    for arg in call.args:
        for keyword in _keys(context, arg) if arg.star == "**" else ():
            if keyword in old:
                context.findings.old()
                context.findings.leave(
                    call, _ADVICE.format(text_of(arg.value), f"{keyword}=", text_of(call.func))
                )


def _keys(context: Context, arg: cst.Arg) -> Iterator[str]:
    value = context.script.value(arg.value)
    if isinstance(value, cst.Call) and text_of(value.func) == "dict":
        yield from (each.keyword.value for each in value.args if each.keyword is not None)
    elif isinstance(value, cst.Dict):
        keys = (
            context.script.string(each.key) for each in value.elements if isinstance(each, cst.DictElement)
        )
        yield from (key for key in keys if key is not None)
