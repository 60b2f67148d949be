"""Line breaks within a call: arguments below its parenthesis stay below it when the call's name changes."""

from __future__ import annotations

from typing import cast

import libcst as cst

from tellapart.old_keras.script import Script, text_of


def aligned(script: Script, original: cst.Call, new: cst.BaseExpression) -> cst.BaseExpression:
    """Return a rewritten call with its further lines moved as far as its parenthesis moved."""
    if not isinstance(new, cst.Call):
        return new
    old_name, new_name = text_of(original.func), text_of(new.func)
    shift = len(new_name) - len(old_name)
    if not shift or "\n" in old_name + new_name:
        return new
    opening = script.column(original) + len(old_name) + 1
    statement = next(
        (each for each in script.above(original) if isinstance(each, cst.SimpleStatementLine)), None
    )
    indent = 0 if statement is None else script.column(statement)
    first, inserted = _first_argument(original, new)
    movers = [_Shift(opening - indent, shift + (inserted if arg is first else 0)) for arg in new.args]
    return new.with_changes(
        args=[
            cast(cst.Arg, _moved(arg, mover, shift, opening - indent))
            for arg, mover in zip(new.args, movers, strict=True)
        ]
    )


def _first_argument(original: cst.Call, new: cst.Call) -> tuple[cst.Arg | None, int]:
    """Return what stands behind an argument that was put first, and the width of that argument."""
    if (
        len(new.args) < 2
        or not original.args
        or text_of(new.args[0].value) == text_of(original.args[0].value)
    ):
        return None, 0
    return new.args[1], len(text_of(new.args[0]))


def _moved(arg: cst.Arg, within: _Shift, shift: int, column: int) -> cst.CSTNode:
    """Return an argument with the lines in it moved by one width, and the line after it by another."""
    value = arg.value.visit(within)
    comma = arg.comma.visit(_Shift(column, shift)) if isinstance(arg.comma, cst.Comma) else arg.comma
    after = arg.whitespace_after_arg.visit(_Shift(column, shift))
    return arg.with_changes(value=value, comma=comma, whitespace_after_arg=after)


class _Shift(cst.CSTTransformer):
    """Moves lines that begin at a column, or right of it."""

    def __init__(self, column: int, by: int) -> None:
        super().__init__()
        self.column = column
        self.by = by

    def leave_ParenthesizedWhitespace(
        self, original_node: cst.ParenthesizedWhitespace, updated_node: cst.ParenthesizedWhitespace
    ) -> cst.ParenthesizedWhitespace:
        spaces = len(original_node.last_line.value)
        if not original_node.indent or spaces < self.column:
            return updated_node
        return updated_node.with_changes(last_line=cst.SimpleWhitespace(" " * (spaces + self.by)))
