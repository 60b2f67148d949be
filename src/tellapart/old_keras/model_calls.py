"""Calls of a model's methods: `fit_generator` and its relatives, and arguments that are called otherwise today."""

from collections.abc import Callable

import libcst as cst
from libcst import matchers as m

from tellapart.old_keras.call import ArgumentList, expression
from tellapart.old_keras.context import Context
from tellapart.old_keras.file_names import WEIGHTS_ENDING, last_text
from tellapart.old_keras.methods import (
    INSTEAD,
    LOADING,
    METHODS,
    ONLY_OF_MODELS,
    RENAMED_ARGUMENTS,
    SAMPLES,
    Method,
)
from tellapart.old_keras.optimizer_calls import named_optimizer
from tellapart.old_keras.script import parts_of, text_of
from tellapart.old_keras.starred import name_starred
from tellapart.old_keras.steps import steps_of, whole_steps

STEPS = ("steps_per_epoch", "validation_steps", "steps")

_BATCHES = m.BinaryOperation(operator=m.Divide() | m.FloorDivide()) | m.Call(
    func=m.Name("len") | m.Name("int")
)
"""A quotient, or the length of something: a number of batches."""

UNKNOWN = "If this is a Keras model, write {} with today's arguments."

TELLING = {"nb_epoch", "epochs", "validation_data", "callbacks", "steps_per_epoch", "samples_per_epoch"}
"""Arguments of `fit` by which something looks like a model of Keras."""


def model_call(context: Context, call: cst.Call, args: ArgumentList) -> cst.BaseExpression | None:
    """Rewrite a call of a method of a model; None if it is not one."""
    func = call.func
    if not isinstance(func, cst.Attribute) or func.attr.value not in METHODS:
        return None
    if not context.models.is_model(func.value):
        _remark_on_unknown(context, call, func)
        return None
    method = METHODS[func.attr.value]
    if method.today != func.attr.value:
        context.findings.old()
    if not _name_positional(context, call, args, method):
        return args.done()
    name_starred(context, call, {*RENAMED_ARGUMENTS, *SAMPLES, *method.dropped})
    _drop(context, args, method)
    for old, today in RENAMED_ARGUMENTS.items():
        if old in args.keywords:
            context.findings.old(keras_1=old == "nb_epoch")
            args.rename(old, today)
    _count_batches(context, call, args)
    finish = _FINISH.get(func.attr.value)
    return _method(args, method.today) if finish is None else finish(context, call, args)


def name_method_kept(context: Context, node: cst.Attribute) -> None:
    """Name a model's method that is put aside and not called: what becomes of its calls cannot be told."""
    method, parent = METHODS.get(node.attr.value), context.script.parent(node)
    is_called = isinstance(parent, cst.Call) and parent.func is node
    is_same = method is not None and method.today == node.attr.value != "fit"
    if method is None or is_same or is_called or not context.models.is_model(node.value):
        return
    if isinstance(parent, cst.Assign | cst.Arg | cst.Return | cst.Element):
        instead = INSTEAD.get(node.attr.value, f"model.{method.today}").replace(
            "model", text_of(node.value), 1
        )
        context.findings.leave(node, f"Where this is called, write {instead} with today's arguments.")


def _remark_on_unknown(context: Context, call: cst.Call, func: cst.Attribute) -> None:
    """Name a call that looks like a model's, of something of which that is not known."""
    keywords = {arg.keyword.value for arg in call.args if arg.keyword is not None}
    is_telling = func.attr.value in ONLY_OF_MODELS or (func.attr.value == "fit" and keywords & TELLING)
    is_known = context.models.is_own(func.value) or (context.script.full_name(func) or "").startswith(
        "tellapart."
    )
    if is_telling and not is_known:
        instead = INSTEAD[func.attr.value].replace("model", text_of(func.value), 1)
        context.findings.leave(call, UNKNOWN.format(instead))


def _name_positional(context: Context, call: cst.Call, args: ArgumentList, method: Method) -> bool:
    """Give positional arguments their keywords; return False where Keras 1 and 2 may both be meant."""
    given = args.positional
    if not method.keras_2 or len(given) < 2:
        return True
    of_keras_1 = {"nb_epoch", *SAMPLES} & set(args.keywords)
    counts_batches = m.matches(given[1], _BATCHES)
    of_keras_2 = set(method.keras_2) & set(args.keywords) or counts_batches
    if not of_keras_1 and not of_keras_2:
        today = method.keras_2[0]
        context.findings.leave(
            call,
            f"Name the arguments. {text_of(given[1])} is {today}= in Keras 2, a number of pictures in Keras 1.",
        )
        return False
    if not args.name_positional(
        [None, *(method.keras_1 if of_keras_1 and not counts_batches else method.keras_2)]
    ):
        context.findings.leave(call, "Name the arguments: their order has changed.")
    return True


def _drop(context: Context, args: ArgumentList, method: Method) -> None:
    for keyword in args.keywords:
        if keyword in method.dropped:
            context.findings.old(keras_1=keyword not in LOADING)
            args.drop_keyword(keyword)


def _count_batches(context: Context, call: cst.Call, args: ArgumentList) -> None:
    """Write numbers of pictures as numbers of batches, and numbers of batches as whole numbers."""
    for old, today in SAMPLES.items():
        place = args.index(old)
        if place is None:
            continue
        context.findings.old(keras_1=True)
        source = args.get("validation_data") if today == "validation_steps" else _first(args)
        steps = None if source is None else steps_of(context, source, args.args[place].value)
        if steps is None:
            context.findings.leave(
                call, f"Write {today}= instead of {old}=: the old number divided by the batch size."
            )
        else:
            args.set(place, steps)
            args.rename(old, today)
    for keyword in STEPS:
        place = args.index(keyword)
        if place is not None and (whole := whole_steps(context, args.args[place].value)) is not None:
            args.set(place, whole)


def _first(args: ArgumentList) -> cst.BaseExpression | None:
    return args.positional[0] if args.positional else args.get("generator") or args.get("x")


def _method(args: ArgumentList, name: str) -> cst.Call:
    if "generator" in args.keywords:
        args.rename("generator", "x")
    call = args.done()
    assert isinstance(call.func, cst.Attribute)
    return call.with_changes(func=call.func.with_changes(attr=cst.Name(name)))


# What single methods need besides


def _fit(context: Context, call: cst.Call, args: ArgumentList) -> cst.BaseExpression:
    is_plain = (
        isinstance(call.func, cst.Attribute)
        and call.func.attr.value == "fit"
        and not any(a.star for a in args)
    )
    if is_plain and context.age.is_keras_1 and "epochs" not in args.keywords and len(args.positional) < 4:
        context.findings.leave(
            call, "Keras 1 trained for 10 epochs by default, Keras 3 trains for one. Write epochs=."
        )
    if "generator" in args.keywords:
        args.rename("generator", "x")
    assert isinstance(args.call.func, cst.Attribute)
    args.insert(args.call.func.value)
    context.findings.imports.add("import tellapart")
    return args.done().with_changes(func=expression("tellapart.fit"))


def _predict_classes(context: Context, call: cst.Call, args: ArgumentList) -> cst.BaseExpression | None:
    assert isinstance(call.func, cst.Attribute)
    losses = context.losses_of(call.func.value)
    predicted = text_of(_method(args, "predict"))
    if losses == {"binary_crossentropy"}:
        return expression(f'({predicted} > 0.5).astype("int32")')
    if losses and losses <= {"categorical_crossentropy", "sparse_categorical_crossentropy"}:
        return expression(f"{predicted}.argmax(axis=-1)")
    context.findings.leave(
        call,
        "Write predict(...).argmax(axis=-1) for a softmax over classes, or (predict(...) > 0.5).astype('int32') "
        "for one output.",
    )
    return None


def _compile(context: Context, call: cst.Call, args: ArgumentList) -> cst.BaseExpression:
    assert isinstance(call.func, cst.Attribute)
    named_optimizer(context, args)
    receiver = ".".join(parts_of(call.func.value) or [])
    if receiver in context.shows_accuracy and "metrics" not in args.keywords:
        args.give("metrics", expression('["accuracy"]'))
    metrics = args.index("metrics")
    if metrics is not None:
        args.set(metrics, _accuracy(args.args[metrics].value))
    loss = args.index("loss")
    if loss is not None and context.script.string(args.args[loss].value) == "cosine_proximity":
        args.set(loss, expression('"cosine_similarity"'))
    if "sample_weight_mode" in args.keywords:
        context.findings.leave(
            call, "sample_weight_mode= is gone: weights of any shape are taken as they are."
        )
    return args.done()


def _load_weights(context: Context, call: cst.Call, args: ArgumentList) -> cst.BaseExpression:
    """Keep `by_name` only where it is asked for: Keras 3 takes it for the files of old Keras alone."""
    if context.age.is_old:
        args.name_positional([None, "by_name"])
    by_name, path = args.get("by_name"), _first(args) or args.get("filepath")
    if by_name is None or path is None:
        return args.done()
    if text_of(by_name) == "False":
        context.findings.old()
        args.drop_keyword("by_name")
        return args.done()
    literal = last_text(context, path)
    name = "" if literal is None else context.findings.strings.get(literal, literal.value).strip("\"'")
    if not name or name.endswith(WEIGHTS_ENDING):
        context.findings.leave(
            call,
            "Keras 3 loads by name only from the .h5 files of Keras 1 and 2, not from .weights.h5. Load the file into "
            "the model that saved it, and copy layer by layer: layer.set_weights(other.get_layer(layer.name)"
            ".get_weights()).",
        )
    return args.done()


def _accuracy(metrics: cst.BaseExpression) -> cst.BaseExpression:
    """Return a list of metrics with `acc` as `accuracy`, the name that its numbers have today."""
    short = m.SimpleString(m.MatchIfTrue(lambda text: text.strip("'\"") == "acc"))
    replaced = m.replace(metrics, short, lambda node, _: _longer(node))
    assert isinstance(replaced, cst.BaseExpression)
    return replaced


def _longer(node: cst.CSTNode) -> cst.CSTNode:
    assert isinstance(node, cst.SimpleString)
    return node.with_changes(value=node.value.replace("acc", "accuracy"))


_FINISH: dict[str, Callable[[Context, cst.Call, ArgumentList], cst.BaseExpression | None]] = {
    "fit": _fit,
    "fit_generator": _fit,
    "predict_classes": _predict_classes,
    "compile": _compile,
    "load_weights": _load_weights,
}
