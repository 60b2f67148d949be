"""Python 2: print statements as calls, before a script can be parsed; its divisions are named.

Only statements that begin with `print` and cannot be Python 3 are touched, on their tokens.
"""

import io
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from tellapart.old_keras.findings import Remark

_DIVISION = "In Python 2, dividing integers gave an integer; in Python 3, a float. Write // if both are integers here."
_LAYOUT = {tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT}
_ENDS = {tokenize.NEWLINE, tokenize.ENDMARKER}

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Read:
    """A text that may be parsed as Python 3."""

    text: str
    is_python_2: bool
    remarks: tuple[Remark, ...] = ()


def as_python_3(text: str) -> Read:
    """Return a text whose print statements are calls; a text of Python 3 as it is.

    Raises:
        SyntaxError: it is neither.
    """
    try:
        cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        changed = _with_print_calls(text)
        if changed == text:
            raise error
        return Read(changed, True, tuple(_divisions(text)))
    return Read(text, False)


def _statements(text: str) -> Iterator[list[tokenize.TokenInfo]]:
    """Yield the tokens of each simple statement, without layout."""
    statement: list[tokenize.TokenInfo] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in _ENDS or (token.type == tokenize.OP and token.string == ";"):
                if statement:
                    yield statement
                statement = []
            elif token.type not in _LAYOUT:
                statement.append(token)
                if token.string == ":" and statement[0].string in ("else", "try", "finally"):
                    statement = []
    except tokenize.TokenError as error:
        raise SyntaxError(str(error.args[0])) from error


def _with_print_calls(text: str) -> str:
    lines = text.splitlines(keepends=True)
    edits = [edit for statement in _statements(text) for edit in _edits(_after_colon(statement))]
    for (row, column), removed, inserted in sorted(edits, reverse=True):
        line = lines[row - 1]
        lines[row - 1] = line[:column] + inserted + line[column + removed :]
    return "".join(lines)


def _after_colon(statement: Sequence[tokenize.TokenInfo]) -> Sequence[tokenize.TokenInfo]:
    """Return what follows `if x:` on its line."""
    if statement[0].string == "print":
        return statement
    places = [n for n, token in enumerate(statement) if token.string == ":" and n + 1 < len(statement)]
    after = next((n + 1 for n in places if statement[n + 1].string == "print"), None)
    return statement if after is None else statement[after:]


def _edits(statement: Sequence[tokenize.TokenInfo]) -> Iterator[tuple[Place, int, str]]:
    """Yield (place, characters to remove, text to insert) that make a call of a print statement."""
    first, *rest = statement
    if first.string != "print" or (rest and (_is_call(rest) or rest[0].string in ("=", ".", "["))):
        return
    if not rest:
        yield first.end, 0, "()"
        return
    to_file = rest[0].string == ">>"
    gap = rest[1 if to_file else 0].start[1] - first.end[1] if rest[0].start[0] == first.end[0] else 0
    ending = ")"
    last = rest[-1]
    if last.string == ",":
        yield last.start, 1, ""
        ending = ", end=' ')"
        last = rest[-2]
    if to_file:
        depth_zero = _first_comma(rest)
        file = "".join(token.string for token in rest[1:depth_zero])
        begin = rest[depth_zero + 1].start if depth_zero is not None and depth_zero + 1 < len(rest) else None
        yield first.end, (begin[1] if begin else last.end[1]) - first.end[1], "("
        yield last.end, 0, f", file={file}{ending}" if begin else f"file={file})"
        return
    yield first.end, gap, "("
    yield last.end, 0, ending


def _first_comma(tokens: Sequence[tokenize.TokenInfo]) -> int:
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token.string in "([{") - (token.string in ")]}") if token.type == tokenize.OP else 0
        if token.string == "," and not depth:
            return place
    return len(tokens)


def _is_call(tokens: Sequence[tokenize.TokenInfo]) -> bool:
    """Return whether a parenthesis opens first and closes last, as in a call."""
    if tokens[0].string != "(":
        return False
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token.string == "(") - (token.string == ")")
        if not depth:
            return place == len(tokens) - 1
    return False


def _divisions(text: str) -> Iterator[Remark]:
    """Yield a remark for each line that divides by what is not evidently a float."""
    lines = text.splitlines()
    for statement in _statements(text):
        for before, token, after in zip(statement, statement[1:], statement[2:], strict=False):
            if token.string == "/" and not _is_float(before) and not _is_float(after):
                yield Remark(token.start[0], lines[token.start[0] - 1].strip()[:70], _DIVISION)


def _is_float(token: tokenize.TokenInfo) -> bool:
    return (token.type == tokenize.NUMBER and "." in token.string) or token.string == "float"
