"""Divisions of Python 2, where the quotient of whole numbers was a whole number."""

import libcst as cst

from tellapart.old_keras.context import Context
from tellapart.old_keras.model_calls import STEPS

_DIVISION = (
    "In Python 2, dividing whole numbers gave a whole number; in Python 3 it does not. Write // if whole numbers "
    "are divided here."
)
_KEEP_FLOATS = cst.Add | cst.Subtract | cst.Multiply | cst.Divide


def name_divisions(context: Context) -> None:
    """Name each division that is not evidently one of floats, but for numbers of batches, which are made whole."""
    if not context.divides_whole:
        return
    for node in context.script.all(cst.BinaryOperation):
        if (
            isinstance(node.operator, cst.Divide)
            and not _is_float(context, node)
            and not _counts(context, node)
        ):
            context.findings.leave(node, _DIVISION)


def _is_float(context: Context, node: cst.BaseExpression) -> bool:
    value = context.script.value(node)
    if isinstance(value, cst.BinaryOperation) and isinstance(value.operator, _KEEP_FLOATS):
        return _is_float(context, value.left) or _is_float(context, value.right)
    if isinstance(value, cst.UnaryOperation):
        return _is_float(context, value.expression)
    if isinstance(value, cst.Call) and isinstance(value.func, cst.Name):
        return value.func.value == "float"
    return isinstance(value, cst.Float)


def _counts(context: Context, node: cst.BinaryOperation) -> bool:
    """Return whether a quotient is given to a model as a number of batches."""
    arg = context.script.parent(node)
    if not isinstance(arg, cst.Arg):
        return False
    if arg.keyword is not None:
        return arg.keyword.value in STEPS
    call = context.script.parent(arg)
    func = call.func if isinstance(call, cst.Call) else None
    return isinstance(func, cst.Attribute) and func.attr.value.endswith("_generator")
