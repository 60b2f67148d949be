"""The batches of an ImageDataGenerator: their old attributes, and loops over them."""

import libcst as cst
from libcst import matchers as m

from tellapart.old_keras.call import expression
from tellapart.old_keras.context import Context
from tellapart.old_keras.script import parts_of, text_of
from tellapart.old_keras.steps import batch_size_of, is_flow

ATTRIBUTES = {"nb_sample": "samples", "nb_class": "num_classes"}


def is_iterator(context: Context, node: cst.BaseExpression) -> bool:
    """Return whether an expression is an iterator over an ImageDataGenerator's batches."""
    name = ".".join(parts_of(node) or [])
    values = context.script.values_of(name)
    return is_flow(node) or (bool(values) and all(value is not None and is_flow(value) for value in values))


def next_call(context: Context, call: cst.Call) -> cst.BaseExpression | None:
    """Write `batches.next()` as `next(batches)`."""
    func = call.func
    if (
        isinstance(func, cst.Attribute)
        and func.attr.value == "next"
        and not call.args
        and is_iterator(context, func.value)
    ):
        context.findings.old()
        return expression(f"next({text_of(func.value)})")
    return None


def attribute(context: Context, node: cst.Attribute) -> str | None:
    """Return what an attribute of batches is called today, if it has another name."""
    new = ATTRIBUTES.get(node.attr.value)
    return new if new is not None and is_iterator(context, node.value) else None


def endless_loop(context: Context, loop: cst.For) -> cst.BaseExpression | None:
    """Return batches of one epoch for a loop that relied on them to end, as they did before Keras 1."""
    source = loop.iter
    leaves = m.findall(loop.body, m.Break() | m.Return())
    if not is_flow(source) or leaves or not _is_of_generator(context, source):
        return None
    assert isinstance(source, cst.Call)
    batch = batch_size_of(context, source)
    pictures = source.args[0].value if source.args and source.args[0].keyword is None else None
    context.findings.old()
    if batch is None or not isinstance(pictures, cst.Name):
        context.findings.leave(
            source, "This loop never ends: the batches go on for ever. Count them, and break."
        )
        return None
    context.findings.imports |= {"import itertools", "import math"}
    return expression(f"itertools.islice({text_of(source)}, math.ceil(len({pictures.value}) / {batch}))")


def _is_of_generator(context: Context, source: cst.BaseExpression) -> bool:
    assert isinstance(source, cst.Call)
    assert isinstance(source.func, cst.Attribute)
    maker = context.script.value(source.func.value)
    return isinstance(maker, cst.Call) and (context.today(maker.func) or "").endswith(".ImageDataGenerator")
