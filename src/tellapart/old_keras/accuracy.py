"""The key `acc`: what Keras before 2.3 called the accuracy in its logs and its history."""

import libcst as cst

from tellapart.old_keras.context import Context
from tellapart.old_keras.script import parts_of

KEYS = {"acc": "accuracy", "val_acc": "val_accuracy"}


def rename_keys(context: Context) -> None:
    """Note the texts that are keys of a history or of a callback's logs."""
    for node in context.script.all(cst.SimpleString):
        if node.evaluated_value in KEYS and _is_key(context, node):
            new = KEYS[str(node.evaluated_value)]
            context.findings.strings[node] = f"{node.prefix}{node.quote}{new}{node.quote}"
            context.findings.old()


def _is_key(context: Context, node: cst.SimpleString) -> bool:
    script = context.script
    parent = script.parent(node)
    if isinstance(parent, cst.Arg):
        call = script.parent(parent)
        if not isinstance(call, cst.Call):
            return False
        if parent.keyword is not None and parent.keyword.value == "monitor":
            return (context.today(call.func) or "").startswith("keras.callbacks.")
        is_get = isinstance(call.func, cst.Attribute) and call.func.attr.value == "get"
        return is_get and isinstance(call.func, cst.Attribute) and _is_record(context, call.func.value)
    if isinstance(parent, cst.Index):
        subscript = next((each for each in script.above(parent) if isinstance(each, cst.Subscript)), None)
        return subscript is not None and _is_record(context, subscript.value)
    return False


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
