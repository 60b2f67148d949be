"""Statements and numbers of Python 2 as Python 3 has them, before a script can be parsed.

A text that is Python 3 is not touched. Changes are made on its tokens, and each line stays one line.
"""

import io
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import libcst as cst

_LAYOUT = {tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT}
_ENDS = {tokenize.NEWLINE, tokenize.ENDMARKER}

Place = tuple[int, int]
Edit = tuple[Place, int, str]
"""(place, characters to remove, text to insert)"""


@dataclass(frozen=True, slots=True)
class Read:
    """A text that may be parsed as Python 3."""

    text: str
    is_python_2: bool


def as_python_3(text: str) -> Read:
    """Return a text of Python 2 as one that can be parsed; a text of Python 3 as it is.

    Raises:
        SyntaxError: it is neither.
    """
    try:
        cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        changed = _converted(text)
        if changed == text:
            raise error
        return Read(changed, True)
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
            elif token.type not in _LAYOUT and token.string != " ":
                statement.append(token)
                if token.string == ":" and statement[0].string in ("else", "try", "finally"):
                    statement = []
    except tokenize.TokenError as error:
        raise SyntaxError(str(error.args[0])) from error


def _converted(text: str) -> str:
    lines = text.splitlines(keepends=True)
    edits = [
        edit
        for statement in _statements(text)
        for edit in (*_print(_after_colon(statement)), *_statement(statement), *_expressions(statement))
    ]
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


def _print(statement: Sequence[tokenize.TokenInfo]) -> Iterator[Edit]:
    """Yield what makes a call of a print statement."""
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


def _statement(statement: Sequence[tokenize.TokenInfo]) -> Iterator[Edit]:
    """Yield what makes Python 3 of `except E, e`, `raise E, "x"` and `exec "x"`."""
    places = [n for n, token in enumerate(statement) if token.string in ("except", "raise", "exec")]
    place = next((n for n in places if n == 0 or statement[n - 1].string == ":"), None)
    first, rest = (statement[place], statement[place + 1 :]) if place is not None else (None, [])
    if first is None or not rest:
        return
    comma = _first_comma(rest)
    if first.string == "except" and comma < len(rest):
        yield rest[comma].start, 1, " as"
    elif first.string == "raise" and comma < len(rest):
        yield rest[comma].start, rest[comma + 1].start[1] - rest[comma].start[1], "("
        yield rest[-1].end, 0, ")"
    elif first.string == "exec" and rest[0].string != "(":
        yield first.end, rest[0].start[1] - first.end[1], "("
        yield rest[-1].end, 0, ")"


def _expressions(statement: Sequence[tokenize.TokenInfo]) -> Iterator[Edit]:
    """Yield what makes Python 3 of backticks, `<>`, `10L`, `0777` and `ur"x"`."""
    ticks = [token for token in statement if token.string == "`"]
    for number, token in enumerate(ticks):
        yield token.start, 1, ")" if number % 2 else "repr("
    for left, right in pairwise(statement):
        if left.end != right.start:
            continue
        if (left.string, right.string) == ("<", ">"):
            yield left.start, 2, "!="
        elif left.type == tokenize.NUMBER and right.string in ("l", "L"):
            yield right.start, 1, ""
        elif left.string == "0" and right.type == tokenize.NUMBER:
            yield right.start, 0, "o"
        elif left.string.lower() == "ur" and right.type == tokenize.STRING:
            yield left.start, 1, ""


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
