"""Calls of layers, and of everything else that was only given other arguments."""

from collections.abc import Callable

import libcst as cst

from tellapart.old_keras.arguments import ARGUMENTS, VALUES
from tellapart.old_keras.call import ArgumentList, expression
from tellapart.old_keras.context import Context
from tellapart.old_keras.script import CHANNELS, text_of
from tellapart.old_keras.starred import name_starred

Rule = Callable[[Context, cst.Call, ArgumentList], None]


def rename_arguments(context: Context, call: cst.Call, args: ArgumentList, today: str) -> None:
    """Give a call's keywords the names and values of today, by the table."""
    known = ARGUMENTS.get(today)
    if known is None:
        return
    name_starred(context, call, {*known.renamed, *known.dropped, *known.gone})
    for keyword in args.keywords:
        if keyword in known.renamed:
            context.findings.old(keras_1=keyword in known.since_keras_1)
            args.rename(keyword, known.renamed[keyword])
        elif keyword in known.dropped:
            args.drop_keyword(keyword)
        elif keyword in known.gone:
            context.findings.old()
            context.findings.leave(call, f"{keyword}= is gone. {known.gone[keyword]}")
    for keyword, values in VALUES.items():
        place = args.index(keyword)
        if place is not None:
            _rename_value(context, args, place, values)


def _rename_value(context: Context, args: ArgumentList, place: int, values: dict[str, str]) -> None:
    value = args.args[place].value
    text = value.evaluated_value if isinstance(value, cst.SimpleString) else None
    if text == "default":
        args.drop(place)
    elif text in values:
        context.findings.old()
        args.set(place, same_quotes(value, values[str(text)]))


def same_quotes(old: cst.CSTNode, text: str) -> cst.SimpleString:
    """Return a text in the quotes of another."""
    quote = old.quote if isinstance(old, cst.SimpleString) and len(old.quote) == 1 else '"'
    return cst.SimpleString(f"{quote}{text}{quote}")


# Convolutions


def convolution(context: Context, call: cst.Call, args: ArgumentList) -> None:
    """Put the numbers of a kernel into a tuple: Keras 1 had `Convolution2D(32, 3, 3)`."""
    _kernel_by_keywords(args)
    given = args.positional
    if _is_before_keras_1(context, given):
        context.findings.channels_first = True
        context.findings.old(keras_1=True)
        args.drop(1)
        given = args.positional
    if len(given) >= 3 and _is_kernel_of_two(context, call, given):
        args.join([1, 2])
        if len(given) > 3:
            if not (context.today(call.func) or "").endswith("Transpose"):
                args.name_positional([None, None, "kernel_initializer"])
            context.findings.leave(call, "Name the arguments after the kernel: their order has changed.")
    _padding(context, call, args)


def _kernel_by_keywords(args: ArgumentList) -> None:
    rows, columns = args.index("nb_row"), args.index("nb_col")
    if rows is not None and columns is not None:
        args.join([rows, columns], "kernel_size")
    elif columns is not None and len(args.positional) == 2:
        args.join([1, columns])


def _is_before_keras_1(context: Context, given: list[cst.BaseExpression]) -> bool:
    """Return whether four numbers are given: filters, input channels, rows, columns."""
    return len(given) >= 4 and all(context.script.number(value) is not None for value in given[1:4])


def _is_kernel_of_two(context: Context, call: cst.Call, given: list[cst.BaseExpression]) -> bool:
    """Return whether the second and third value are a kernel's rows and columns, and not a kernel and its strides."""
    rows, columns = given[1:3]
    if any(isinstance(value, cst.Tuple | cst.List | cst.SimpleString) for value in (rows, columns)):
        return False
    numbers = [context.script.number(value) for value in (rows, columns)]
    is_sure = None not in numbers or text_of(rows) == text_of(columns)
    if context.is_keras_of_its_own and (is_sure or context.age.is_keras_1):
        return True
    called = (context.script.old_name(call.func) or "").rpartition(".")[2]
    if called.startswith("Convolution") and not context.script.is_of_tensorflow:
        kernel = f"({text_of(rows)}, {text_of(columns)})"
        context.findings.leave(
            call,
            f"If this was written for Keras 1, the kernel is {kernel}. Today, the second number is the strides.",
        )
    return False


def _padding(context: Context, call: cst.Call, args: ArgumentList) -> None:
    """Write `border_mode='full'` of Theano as a layer of zeros before the convolution."""
    place = next((n for n in (args.index("border_mode"), args.index("padding")) if n is not None), None)
    if place is None or context.script.string(args.args[place].value) != "full":
        return
    context.findings.old(keras_1=True)
    kernel = args.get("kernel_size") or (args.positional[1] if len(args.positional) > 1 else None)
    sizes = (
        [context.script.number(each.value) for each in kernel.elements]
        if isinstance(kernel, cst.Tuple)
        else []
    )
    adds_to = _added_to(context, call)
    if adds_to is None or len(sizes) != 2 or None in sizes:
        context.findings.leave(
            call, "'full' padding is gone. Put a ZeroPadding2D of kernel size - 1 before the layer."
        )
        return
    rows, columns = (int(size or 1) - 1 for size in sizes)
    shape = args.get("input_shape")
    words = f"({rows}, {columns})" + ("" if shape is None else f", input_shape={text_of(shape)}")
    _put_before(context, call, f"{adds_to}.add({context.keras('keras.layers.ZeroPadding2D')}({words}))")
    if shape is not None:
        args.drop_keyword("input_shape")
    args.drop(next(n for n in (args.index("border_mode"), args.index("padding")) if n is not None))


def _added_to(context: Context, call: cst.Call) -> str | None:
    """Return `model` of a statement `model.add(<call>)`."""
    arg = context.script.parent(call)
    outer = None if arg is None else context.script.parent(arg)
    if (
        not isinstance(outer, cst.Call)
        or not isinstance(outer.func, cst.Attribute)
        or outer.func.attr.value != "add"
    ):
        return None
    return text_of(outer.func.value) if context.findings.statement_of(call) is not None else None


def _put_before(context: Context, call: cst.Call, text: str) -> None:
    statement = context.findings.statement_of(call)
    if statement is not None:
        context.findings.before.setdefault(statement, []).append(text)


# Other layers


def dense(context: Context, _call: cst.Call, args: ArgumentList) -> None:
    """Drop the number of inputs: before Keras 1 it was `Dense(inputs, outputs)`."""
    given = args.positional
    if len(given) >= 2 and all(context.script.number(value) is not None for value in given[:2]):
        context.findings.old(keras_1=True)
        args.drop(0)


def batch_normalization(context: Context, call: cst.Call, args: ArgumentList) -> None:
    """Drop `mode`, of which only 0 is left."""
    place = args.index("mode")
    if place is None:
        return
    context.findings.old(keras_1=True)
    mode = context.script.number(args.args[place].value)
    if mode == 0:
        args.drop(place)
    else:
        context.findings.leave(
            call,
            f"mode={text_of(args.args[place].value)} is gone. Keras 3 has only mode 0, each feature by itself.",
        )


def input_shape(context: Context, call: cst.Call, args: ArgumentList) -> None:
    """Write `batch_input_shape` as `input_shape`, or as an Input of its own; find out where the channels are."""
    place = args.index("batch_input_shape")
    if place is not None:
        _batch_input_shape(context, call, args, place)
    shape = args.get("input_shape")
    if shape is None or not context.age.is_old or {"data_format", "dim_ordering"} & set(args.keywords):
        return
    value = context.script.value(shape)
    sizes = (
        [context.script.number(each.value) for each in value.elements] if isinstance(value, cst.Tuple) else []
    )
    if len(sizes) == 3 and sizes[0] in CHANNELS and None not in sizes and sizes[2] not in CHANNELS:
        context.findings.channels_first = True


def _batch_input_shape(context: Context, call: cst.Call, args: ArgumentList, place: int) -> None:
    shape = args.args[place].value
    elements = shape.elements if isinstance(shape, cst.Tuple) else []
    adds_to = _added_to(context, call)
    context.findings.old()
    if elements and text_of(elements[0].value) == "None":
        args.rename("batch_input_shape", "input_shape")
        rest = ", ".join(text_of(each.value) for each in elements[1:])
        args.set(place, expression(f"({rest},)" if len(elements) == 2 else f"({rest})"))
    elif adds_to is not None:
        _put_before(
            context, call, f"{adds_to}.add({context.keras('keras.Input')}(batch_shape={text_of(shape)}))"
        )
        args.drop(place)
    else:
        context.findings.leave(
            call, "batch_input_shape= is gone. Begin the model with keras.Input(batch_shape=...)."
        )


def checkpoint(context: Context, _call: cst.Call, args: ArgumentList) -> None:
    """Drop `period=1`, which is the rule."""
    period = args.get("period")
    if period is not None and context.script.number(period) == 1:
        context.findings.old()
        args.drop_keyword("period")


def early_stopping(context: Context, call: cst.Call, args: ArgumentList) -> None:
    """Name a second argument that was the patience in Keras 1 and is the least change since."""
    given = args.positional
    if len(given) > 1 and (context.script.number(given[1]) or 0) >= 1:
        context.findings.leave(
            call, "Name the arguments: the second is min_delta; in Keras 1 it was the patience."
        )


RULES: dict[str, Rule] = {
    **{f"keras.layers.Conv2D{kind}": convolution for kind in ("", "Transpose")},
    "keras.layers.SeparableConv2D": convolution,
    "keras.layers.Dense": dense,
    "keras.layers.BatchNormalization": batch_normalization,
    "keras.callbacks.ModelCheckpoint": checkpoint,
    "keras.callbacks.EarlyStopping": early_stopping,
}
"""Today's name of a layer -> what its calls need besides new names of arguments."""


def layer_call(context: Context, call: cst.Call, args: ArgumentList, today: str) -> None:
    """Rewrite the arguments of a call of something in Keras."""
    if today.startswith("keras.layers."):
        input_shape(context, call, args)
    if today in RULES:
        RULES[today](context, call, args)
    rename_arguments(context, call, args, today)
