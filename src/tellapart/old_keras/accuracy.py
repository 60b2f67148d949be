"""The key `acc`: what Keras before 2.3 called the accuracy in its logs and its history."""

import libcst as cst

from tellapart.old_keras.context import Context
from tellapart.old_keras.script import parts_of

KEYS = {"acc": "accuracy", "val_acc": "val_accuracy"}


MONITORS = {"EarlyStopping": 0, "ReduceLROnPlateau": 0, "ModelCheckpoint": 1}
"""Callback -> the place of the key that it watches."""

_LEFT = "If this is a key of what Keras logs, write '{}'."


def rename_keys(context: Context) -> None:
    """Note the texts that are keys of a history or of a callback's logs, and name those that may be."""
    watched = {text for call in context.script.all(cst.Call) for text in _watched(context, call)}
    for node in context.script.all(cst.SimpleString):
        if node.evaluated_value not in KEYS:
            continue
        new = KEYS[str(node.evaluated_value)]
        if node in watched or _is_key(context, node):
            context.findings.strings[node] = f"{node.prefix}{node.quote}{new}{node.quote}"
            context.findings.old()
        elif context.age.is_old and _may_be_key(context, node):
            context.findings.leave(node, _LEFT.format(new))


def _watched(context: Context, call: cst.Call) -> list[cst.BaseExpression | None]:
    """Return the texts that a callback may be told to watch: its argument, or all that the name there is given."""
    place = MONITORS.get((context.today(call.func) or "").removeprefix("keras.callbacks."))
    own = context.script.definition(call.func)
    if place is None and not (isinstance(own, cst.ClassDef) and context.models.is_callback(own)):
        return []
    for number, arg in enumerate(call.args):
        is_there = arg.keyword is None and not arg.star and number == place
        if is_there or (arg.keyword is not None and arg.keyword.value == "monitor"):
            return (
                context.script.values_of(arg.value.value) if isinstance(arg.value, cst.Name) else [arg.value]
            )
    return []


def _is_key(context: Context, node: cst.SimpleString) -> bool:
    container = _container(context, node)
    return container is not None and _is_record(context, container)


def _container(context: Context, node: cst.SimpleString) -> cst.BaseExpression | None:
    """Return the dict of which a text is the key, as in `h["acc"]` and `h.get("acc")`."""
    parent = context.script.parent(node)
    above = None if parent is None else context.script.parent(parent)
    if isinstance(parent, cst.Arg) and isinstance(above, cst.Call) and isinstance(above.func, cst.Attribute):
        return above.func.value if above.func.attr.value == "get" else None
    if isinstance(parent, cst.Index):
        subscript = next(
            (each for each in context.script.above(parent) if isinstance(each, cst.Subscript)), None
        )
        return None if subscript is None else subscript.value
    return None


def _may_be_key(context: Context, node: cst.SimpleString) -> bool:
    """Return whether a text is the key of something unknown, or one of those that a loop goes through."""
    container = _container(context, node)
    if container is not None:
        return not isinstance(context.script.value(container), cst.Dict)
    looped = (cst.For, cst.CompFor)
    above = list(context.script.above(node))[:3]
    return any(isinstance(each, looped) and each.iter in above for each in above)


def _is_record(context: Context, node: cst.BaseExpression) -> bool:
    """Return whether an expression is a history's dict, or the logs of a callback."""
    parts = parts_of(node)
    if parts == ["logs"]:
        classes = (above for above in context.script.above(node) if isinstance(above, cst.ClassDef))
        return any(context.models.is_callback(each) for each in classes)
    value = context.script.value(node)
    if isinstance(value, cst.Attribute) and value.attr.value == "history":
        return _is_history(context, value.value)
    return False


def _is_history(context: Context, node: cst.BaseExpression) -> bool:
    """Return whether an expression is what `fit` returned, or a model's own history."""
    parts = parts_of(node) or []
    values = context.script.values_of(".".join(parts))
    if isinstance(node, cst.Attribute) and node.attr.value == "history":
        return context.models.is_model(node.value)
    if isinstance(node, cst.Call):
        values = [node]
    return any(_trains(context, value) for value in values if value is not None)


def _trains(context: Context, value: cst.BaseExpression) -> bool:
    if not isinstance(value, cst.Call) or not isinstance(value.func, cst.Attribute):
        return False
    if context.script.full_name(value.func) == "tellapart.fit":
        return True
    return value.func.attr.value in ("fit", "fit_generator") and context.models.is_model(value.func.value)
