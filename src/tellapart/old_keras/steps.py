"""Batches per epoch: Keras 1 counted pictures, and a fraction of a batch was rounded."""

import libcst as cst
from libcst import matchers as m

from tellapart.old_keras.call import expression
from tellapart.old_keras.context import Context
from tellapart.old_keras.script import text_of

FLOWS = {"flow": 2, "flow_from_directory": None, "flow_from_dataframe": None}
"""Method of an ImageDataGenerator -> the place of its batch size among the positional arguments."""

USUAL_BATCH = "32"


def is_flow(node: cst.BaseExpression) -> bool:
    """Return whether an expression makes batches of an ImageDataGenerator."""
    return m.matches(node, m.Call(func=m.Attribute(attr=m.OneOf(*(m.Name(name) for name in FLOWS)))))


def batch_size_of(context: Context, source: cst.BaseExpression) -> str | None:
    """Return the batch size of an ImageDataGenerator's batches as an expression; None where it cannot be told."""
    flow = context.script.value(source)
    if not is_flow(flow):
        return None
    assert isinstance(flow, cst.Call)
    assert isinstance(flow.func, cst.Attribute)
    given = next(
        (arg.value for arg in flow.args if arg.keyword is not None and arg.keyword.value == "batch_size"),
        None,
    )
    place = FLOWS[flow.func.attr.value]
    if given is None and place is not None and len(flow.args) > place and flow.args[place].keyword is None:
        given = flow.args[place].value
    if given is None:
        return USUAL_BATCH
    return text_of(given) if isinstance(given, cst.Integer | cst.Name | cst.Attribute) else None


def steps_of(
    context: Context, source: cst.BaseExpression, samples: cst.BaseExpression
) -> cst.BaseExpression | None:
    """Return the batches in which Keras 1 saw this many pictures; None where the batch size cannot be told."""
    batch = batch_size_of(context, source)
    if batch is None:
        return None
    context.findings.imports.add("import math")
    inner = text_of(samples)
    return expression(f"math.ceil({inner if _is_one_term(samples) else f'({inner})'} / {batch})")


def _is_one_term(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Integer | cst.Name | cst.Attribute | cst.Call | cst.Subscript)


def whole_steps(context: Context, steps: cst.BaseExpression) -> cst.BaseExpression | None:
    """Return a number of batches as Keras counted it, for one that may be a fraction; None if it is whole already.

    Keras 2 went on until it had done as many steps: it rounded up. In Python 2 a quotient was whole.
    """
    value = context.script.value(steps)
    if isinstance(value, cst.BinaryOperation) and isinstance(value.operator, cst.Divide):
        if context.divides_whole:
            return expression(f"int({text_of(steps)})") if value is not steps else floored(value)
        context.findings.imports.add("import math")
        return expression(f"math.ceil({text_of(steps)})")
    rounded = ("numpy.ceil", "numpy.floor", "numpy.round")
    if isinstance(value, cst.Call) and context.script.full_name(value.func) in rounded:
        return expression(f"int({text_of(steps)})")
    return None


def floored(value: cst.BinaryOperation) -> cst.BinaryOperation:
    """Return a division as one of whole numbers."""
    assert isinstance(value.operator, cst.Divide)
    return value.with_changes(
        operator=cst.FloorDivide(value.operator.whitespace_before, value.operator.whitespace_after)
    )
