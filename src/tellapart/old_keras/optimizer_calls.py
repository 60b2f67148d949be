"""Optimizers: a decaying learning rate, and defaults that have changed."""

import libcst as cst
from libcst import matchers as m

from tellapart.old_keras.call import ArgumentList, expression
from tellapart.old_keras.context import Context
from tellapart.old_keras.script import text_of

OLD_DEFAULTS = {"Adadelta": "1.0", "Adagrad": "0.01", "Adamax": "0.002", "Nadam": "0.002"}
"""Learning rates that Keras 1 and 2 took by default where Keras 3 takes 0.001. TensorFlow's Keras took 0.001."""

DEFAULTS = {"SGD": "0.01", **OLD_DEFAULTS}
OPTIMIZERS = ("SGD", "RMSprop", "Adam", "Adagrad", "Adadelta", "Adamax", "Nadam")

RATE_SETTERS = ("ReduceLROnPlateau", "LearningRateScheduler")
"""Callbacks that set the rate, which a schedule does not allow."""

EPSILON = "Keras 3 adds RMSprop's epsilon inside the square root; with epsilon=1e-14 it divides as Keras 1 and 2 did."


def optimizer_call(context: Context, call: cst.Call, args: ArgumentList, today: str) -> None:
    """Rewrite a call of an optimizer, its keywords renamed already."""
    kind = today.rpartition(".")[2]
    if not today.startswith("keras.optimizers.") or kind not in OPTIMIZERS:
        return
    before = [text_of(arg) for arg in call.args]
    if context.is_keras_of_its_own and kind in OLD_DEFAULTS and _rate(args) is None:
        args.give("learning_rate", expression(OLD_DEFAULTS[kind]))
    if text_of(args.get("epsilon") or cst.Name("given")) == "None":
        args.drop_keyword("epsilon")
    if args.index("decay") is not None:
        _decay(context, call, args, kind)
    is_changed = (
        before != [text_of(arg) for arg in args] or context.references.expressions.get(call.func) is not None
    )
    if (
        kind == "RMSprop"
        and is_changed
        and not context.script.is_of_tensorflow
        and "epsilon" not in args.keywords
    ):
        context.findings.comment(call, EPSILON)


def _rate(args: ArgumentList) -> cst.BaseExpression | None:
    return args.get("learning_rate") or (args.positional[0] if args.positional else None)


def _decay(context: Context, call: cst.Call, args: ArgumentList, kind: str) -> None:
    """Write `decay` as a schedule: the rate over 1 + decay * step."""
    context.findings.old()
    decay = args.get("decay")
    assert decay is not None
    if isinstance(decay, cst.Integer | cst.Float) and not decay.evaluated_value:
        args.drop_keyword("decay")
        return
    if _sets_rate(context):
        context.findings.leave(
            call,
            "decay= is gone, and a schedule cannot replace it: this script also sets the rate elsewhere. "
            "Drop decay=, or divide the rate by 1 + decay * step where it is set.",
        )
        return
    rate = _rate(args)
    usual = DEFAULTS.get(kind, "0.001") if context.is_keras_of_its_own else {"SGD": "0.01"}.get(kind, "0.001")
    schedule = context.keras("keras.optimizers.schedules.InverseTimeDecay")
    value = expression(
        f"{schedule}({usual if rate is None else text_of(rate)}, decay_steps=1, decay_rate={text_of(decay)})"
    )
    if rate is not None and args.index("learning_rate") is None:
        args.set(0, value)
    else:
        args.give("learning_rate", value)
    args.drop_keyword("decay")


def _sets_rate(context: Context) -> bool:
    of_optimizer = m.Attribute(
        attr=m.Name("lr") | m.Name("learning_rate"),
        value=m.Name("optimizer") | m.Attribute(attr=m.Name("optimizer")),
    )
    callbacks = m.OneOf(*(m.Name(name) for name in RATE_SETTERS))
    call = m.Call(func=callbacks | m.Attribute(attr=callbacks))
    script = context.script
    return any(m.matches(node, call) for node in script.all(cst.Call)) or any(
        m.matches(node, of_optimizer) for node in script.all(cst.Attribute)
    )


def named_optimizer(context: Context, args: ArgumentList) -> None:
    """Write `optimizer="adadelta"` with the rate that it then had."""
    place = args.index("optimizer")
    if place is None and args.positional:
        place = 0
    value = None if place is None else args.args[place].value
    if place is None or not isinstance(value, cst.SimpleString) or not context.is_keras_of_its_own:
        return
    kind = next((name for name in OLD_DEFAULTS if name.lower() == str(value.evaluated_value).lower()), None)
    if kind is not None:
        name = context.keras(f"keras.optimizers.{kind}")
        args.set(place, expression(f"{name}(learning_rate={OLD_DEFAULTS[kind]})"))
