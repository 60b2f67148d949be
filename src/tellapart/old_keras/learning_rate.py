"""The learning rate of an optimizer: `lr` was its name, and in Theano it had `get_value` and `set_value`."""

import libcst as cst

from tellapart.old_keras.call import expression
from tellapart.old_keras.context import Context
from tellapart.old_keras.script import text_of

_THEANO = {"get_value": "keras.ops.convert_to_numpy({})", "set_value": "{}.assign(value)"}
"""Method of Theano's variables -> what to write."""


def rate_today(context: Context, node: cst.Attribute) -> str | None:
    """Return `learning_rate` for the `lr` of an optimizer; what may be one is left to the reader."""
    if node.attr.value != "lr":
        return None
    if is_optimizer(context, node.value):
        context.findings.old()
        return "learning_rate"
    value = node.value
    looks_like_one = isinstance(value, cst.Attribute) and value.attr.value == "optimizer"
    if looks_like_one and isinstance(value, cst.Attribute) and not context.models.is_own(value.value):
        context.findings.leave(node, "If this is an optimizer of Keras, write learning_rate for lr.")
    return None


def is_optimizer(context: Context, node: cst.BaseExpression) -> bool:
    """Return whether an expression is surely an optimizer of Keras."""
    known = context.script.value(node)
    if isinstance(known, cst.Call) and (context.today(known.func) or "").startswith("keras.optimizers."):
        return True
    is_of_model = isinstance(node, cst.Attribute) and node.attr.value == "optimizer"
    return is_of_model and isinstance(node, cst.Attribute) and context.models.is_model(node.value)


def variable_call(context: Context, original: cst.Call, updated: cst.Call) -> cst.BaseExpression | None:
    """Write `lr.get_value()` and `lr.set_value(x)` of an optimizer as today; name those of other variables."""
    func = original.func
    if (
        not isinstance(func, cst.Attribute)
        or func.attr.value not in _THEANO
        or not context.is_keras_of_its_own
    ):
        return None
    variable = func.value
    is_rate = isinstance(variable, cst.Attribute) and variable.attr.value in ("lr", "learning_rate")
    assert isinstance(updated.func, cst.Attribute)
    today = text_of(updated.func.value)
    if is_rate and isinstance(variable, cst.Attribute) and is_optimizer(context, variable.value):
        if func.attr.value == "get_value":
            return expression(f"{context.keras('keras.ops.convert_to_numpy')}({today})")
        return updated.with_changes(func=updated.func.with_changes(attr=cst.Name("assign")))
    if context.today(func) is None and not context.models.is_own(variable):
        advice = _THEANO[func.attr.value].format(today)
        context.findings.leave(original, f"If this is a variable of Theano, write {advice}.")
    return None
