"""Layers that a script defines itself: what their methods are called today, and how they ask for weights."""

import libcst as cst

from tellapart.old_keras.call import ArgumentList
from tellapart.old_keras.context import Context

METHODS = {"get_output_shape_for": "compute_output_shape"}
"""Method of Keras 1's layers -> today's."""

_OF_KERAS_1 = ("shape", "initializer", "name", "trainable", "regularizer", "constraint")
_OF_KERAS_2 = ("name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint")
"""Parameters of `add_weight`. Today a shape, an initializer and a type may stand without their names."""


def method_today(context: Context, node: cst.FunctionDef) -> str | None:
    """Return what a method of a layer is called today, if it has another name."""
    new = METHODS.get(node.name.value)
    if new is None or not context.models.is_in_layer(node):
        return None
    context.findings.old(keras_1=True)
    return new


def attribute_today(context: Context, node: cst.Attribute) -> str | None:
    """Return what a method of layers is called today where it is used."""
    return METHODS.get(node.attr.value) if context.age.is_old else None


def add_weight(context: Context, call: cst.Call, args: ArgumentList) -> cst.Call | None:
    """Name what `self.add_weight` was given by place, where its place is another today."""
    func = call.func
    is_own = isinstance(func, cst.Attribute) and func.attr.value == "add_weight"
    if not is_own or not isinstance(func, cst.Attribute) or not context.models.is_in_layer(call):
        return None
    given = args.positional
    if not given or (len(given) < 3 and isinstance(given[0], cst.Tuple | cst.List)):
        return None
    names: tuple[str, ...]
    if context.script.string(given[0]) is not None:
        names = _OF_KERAS_2
    elif isinstance(given[0], cst.Tuple | cst.List) and context.script.string(given[2]) is not None:
        names = _OF_KERAS_1
    elif len(given) > 1:
        context.findings.leave(call, "Name the arguments: their order has changed more than once.")
        return None
    else:
        return None
    context.findings.old()
    args.name_positional(names)
    return args.done()


def list_of_weights(context: Context, node: cst.Assign) -> None:
    """Name a list of weights that a layer sets, which Keras keeps itself today."""
    for target in node.targets:
        where = target.target
        is_list = isinstance(where, cst.Attribute) and where.attr.value in _LISTS
        if is_list and context.models.is_in_layer(node):
            context.findings.leave(
                node,
                "Keras keeps this list itself, of weights made by add_weight and of keras.Variable: drop the line.",
            )


_LISTS = ("trainable_weights", "non_trainable_weights")
