"""Keras 1's function `merge`, whose `mode` is a function of its own today."""

import libcst as cst

from tellapart.old_keras.call import ArgumentList, expression
from tellapart.old_keras.context import Context

MODES = {
    "sum": "add",
    "mul": "multiply",
    "ave": "average",
    "max": "maximum",
    "concat": "concatenate",
    "dot": "dot",
    "cos": "dot",
}


def merge_call(context: Context, call: cst.Call, args: ArgumentList) -> cst.BaseExpression | None:
    """Write `merge(tensors, mode="concat", concat_axis=1)` as `keras.layers.concatenate(tensors, axis=1)`."""
    args.name_positional([None, "mode"])
    given = args.get("mode")
    mode = "sum" if given is None else context.script.string(given)
    if mode not in MODES or "output_shape" in args.keywords:
        context.findings.leave(
            call, "merge is gone: write keras.layers.Lambda, or one of add, multiply, concatenate, dot."
        )
        return None
    if given is not None:
        args.drop_keyword("mode")
    for old, new in {"concat_axis": "axis", "dot_axes": "axes"}.items():
        if old in args.keywords:
            args.rename(old, new)
    if mode == "cos":
        args.give("normalize", expression("True"))
    return args.done().with_changes(func=expression(context.keras(f"keras.layers.{MODES[mode]}")))
