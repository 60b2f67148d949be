"""Divisions of Python 2, where the quotient of whole numbers was a whole number.

`len(x) / 32` is surely one of whole numbers, and `x / 255.` surely none. Any other is named.
"""

import libcst as cst
from libcst import matchers as m

from tellapart.old_keras.context import Context
from tellapart.old_keras.model_calls import STEPS
from tellapart.old_keras.steps import floored

_DIVISION = "In Python 2, dividing integers gave an integer; in Python 3, a float. Write // if both are integers here."
_WHOLE = m.Call(func=m.Name("len") | m.Name("int")) | m.Subscript(value=m.Attribute(attr=m.Name("shape")))
_KEEP_FLOATS = cst.Add | cst.Subtract | cst.Multiply | cst.Divide


def name_divisions(context: Context) -> None:
    """Name each division that is not evidently one of floats, but for numbers of batches, which are made whole."""
    if not context.divides_whole:
        return
    for node in context.script.all(cst.BinaryOperation):
        is_known = _is_float(context, node) or _is_whole(context, node) or _counts(context, node)
        if isinstance(node.operator, cst.Divide) and not is_known:
            context.findings.leave(node, _DIVISION)


def floor_division(
    context: Context, original: cst.BinaryOperation, updated: cst.BinaryOperation
) -> cst.BinaryOperation:
    """Return a division with `//` where whole numbers are surely divided in Python 2."""
    is_floor = (
        isinstance(original.operator, cst.Divide) and context.divides_whole and _is_whole(context, original)
    )
    return floored(updated) if is_floor else updated


def _is_whole(context: Context, node: cst.BaseExpression) -> bool:
    value = context.script.value(node)
    if isinstance(value, cst.BinaryOperation) and isinstance(value.operator, _KEEP_FLOATS | cst.FloorDivide):
        return _is_whole(context, value.left) and _is_whole(context, value.right)
    return isinstance(value, cst.Integer) or m.matches(value, _WHOLE)


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
