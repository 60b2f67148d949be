"""Names of files that Keras writes: which endings it takes today, and what a name says of the accuracy."""

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst
from libcst import matchers as m

from tellapart.old_keras.context import Context
from tellapart.old_keras.script import text_of

WEIGHTS_ENDING = ".weights.h5"
_WEIGHTS_ONLY = 4
"""Place of `save_weights_only` among the arguments of ModelCheckpoint."""
MODEL_ENDINGS = (".h5", ".hdf5", ".keras")


@dataclass(frozen=True, slots=True)
class Saving:
    """A place where a script says where Keras is to save something."""

    path: cst.BaseExpression
    weights_only: bool
    is_checkpoint: bool


def rename_files(context: Context) -> None:
    """Note the texts that name files and need another ending; equal texts in a script are the same file."""
    renamed: dict[str, str] = {}
    for saving in _savings(context):
        literal = last_text(context, saving.path)
        old = literal.evaluated_value if literal is not None else None
        if not isinstance(old, str):
            continue
        new = _with_ending(old, saving).replace("{val_acc:", "{val_accuracy:").replace("{acc:", "{accuracy:")
        if new != old:
            renamed[old] = new
            context.findings.old()
        elif not saving.weights_only and not saving.is_checkpoint and not old.endswith(MODEL_ENDINGS):
            context.findings.leave(saving.path, "Keras 3 saves to names that end in .keras or .h5.")
    for node in context.script.all(cst.SimpleString):
        if node.evaluated_value in renamed:
            new = renamed[str(node.evaluated_value)]
            context.findings.strings[node] = f"{node.prefix}{node.quote}{new}{node.quote}"


def _with_ending(name: str, saving: Saving) -> str:
    stem = name.removesuffix(".hdf5").removesuffix(".h5").removesuffix(".keras")
    if saving.weights_only:
        return name if name.endswith(WEIGHTS_ENDING) else stem + WEIGHTS_ENDING
    return stem + ".h5" if saving.is_checkpoint and name.endswith(".hdf5") else name


def _savings(context: Context) -> Iterator[Saving]:
    for call in context.script.all(cst.Call):
        given = {arg.keyword.value: arg.value for arg in call.args if arg.keyword is not None}
        first = call.args[0].value if call.args and call.args[0].keyword is None else given.get("filepath")
        if first is None:
            continue
        if (context.today(call.func) or "").endswith(".ModelCheckpoint"):
            only = given.get("save_weights_only") or (
                call.args[_WEIGHTS_ONLY].value if _is_positional(call, _WEIGHTS_ONLY) else None
            )
            yield Saving(first, only is not None and text_of(only) == "True", True)
        elif m.matches(call.func, m.Attribute(attr=m.Name("save_weights") | m.Name("save"))):
            assert isinstance(call.func, cst.Attribute)
            if context.models.is_model(call.func.value):
                yield Saving(first, call.func.attr.value == "save_weights", False)


def _is_positional(call: cst.Call, place: int) -> bool:
    return len(call.args) > place and all(
        arg.keyword is None and not arg.star for arg in call.args[: place + 1]
    )


def last_text(context: Context, node: cst.BaseExpression, depth: int = 5) -> cst.SimpleString | None:
    """Return the text with which a path ends; None where it cannot be told, or not in so many steps."""
    value = context.script.value(node)
    if isinstance(value, cst.SimpleString) or not depth:
        return value if isinstance(value, cst.SimpleString) else None
    if isinstance(value, cst.BinaryOperation):
        side = value.left if isinstance(value.operator, cst.Modulo) else value.right
        return last_text(context, side, depth - 1)
    if isinstance(value, cst.Call) and isinstance(value.func, cst.Attribute):
        if value.func.attr.value == "join" and value.args:
            return last_text(context, value.args[-1].value, depth - 1)
        if value.func.attr.value == "format":
            return last_text(context, value.func.value, depth - 1)
    return None
