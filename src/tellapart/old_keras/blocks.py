"""Statements of a block: imports as they are written today, new ones, and comments above what changed."""

from collections.abc import Sequence

import libcst as cst
from libcst import matchers as m

from tellapart.old_keras.context import Context
from tellapart.old_keras.names import from_keras
from tellapart.old_keras.python2_names import import_today
from tellapart.old_keras.script import module_parts

BUILT_IN_TODAY = {"range", "xrange", "zip", "map", "filter", "input"}
"""Names of `six.moves` that Python 3 has without an import."""

BEFORE_KERAS = "import tellapart"
CHANNELS_FIRST = "{}.config.set_image_data_format('channels_first')"

Body = Sequence[cst.BaseStatement]


def edited_body(context: Context, original: Body, updated: Body, needs_one: bool) -> list[cst.BaseStatement]:
    """Return the statements of a block with its imports of today, and with what goes above or before each.

    Args:
        context: says what becomes of each statement.
        original: the statements as they were read.
        updated: the same statements, rewritten inside.
        needs_one: the block may not be empty.
    """
    body: list[cst.BaseStatement] = []
    comments: list[cst.EmptyLine] = []
    for old, new in zip(original, updated, strict=True):
        lines = _edited(context, old, new)
        if lines:
            lines[0] = lines[0].with_changes(leading_lines=[*comments, *_leading_lines(lines[0])])
            comments = []
        else:
            comments = [*comments, *(line for line in _leading_lines(new) if line.comment is not None)]
        body += lines
    return body or ([cst.parse_statement("pass")] if needs_one else [])


def _leading_lines(node: cst.CSTNode) -> Sequence[cst.EmptyLine]:
    return getattr(node, "leading_lines", ())


def _edited(context: Context, old: cst.BaseStatement, new: cst.BaseStatement) -> list[cst.BaseStatement]:
    if not isinstance(old, cst.SimpleStatementLine) or not isinstance(new, cst.SimpleStatementLine):
        return [new]
    lines = _imports(context, old, new)
    before = [_statement(text) for text in context.findings.before.get(old, [])]
    comments = [cst.EmptyLine(comment=cst.Comment(text)) for text in context.findings.comments.get(old, [])]
    if lines and (before or comments):
        leading = _leading_lines(lines[0])
        lines[0] = lines[0].with_changes(leading_lines=comments)
        lines = [*before, *lines]
        lines[0] = lines[0].with_changes(leading_lines=[*leading, *_leading_lines(lines[0])])
    return lines


def _statement(text: str) -> cst.BaseStatement:
    return cst.parse_statement(text)


def _imports(
    context: Context, old: cst.SimpleStatementLine, new: cst.SimpleStatementLine
) -> list[cst.BaseStatement]:
    written = _small_statements(context, old.body, new.body)
    if len(written) == len(old.body):
        return [new.with_changes(body=written)]
    if not written:
        return []
    first, *others = written
    return [new.with_changes(body=[first]), *(cst.SimpleStatementLine([each]) for each in others)]


def _small_statements(
    context: Context, old: Sequence[cst.BaseSmallStatement], new: Sequence[cst.BaseSmallStatement]
) -> list[cst.BaseSmallStatement]:
    """Return the statements of one line, its imports as they are written today."""
    written: list[cst.BaseSmallStatement] = []
    for before, after in zip(old, new, strict=True):
        if isinstance(before, cst.Import | cst.ImportFrom):
            statements = [] if _is_built_in(before) else context.references.imports.statements(before)
            finals = (after if statement is before else statement for statement in statements)
            todays = (import_today(context, final, before) for final in finals)
            written += [each for each in todays if each is not None]
        else:
            written.append(after)
    return written


def edited_suite(
    context: Context, old: cst.SimpleStatementSuite, new: cst.SimpleStatementSuite
) -> cst.SimpleStatementSuite:
    """Return what stands behind `if x:` on its line, with its imports of today."""
    return new.with_changes(body=_small_statements(context, old.body, new.body) or [cst.Pass()])


def _is_built_in(node: cst.Import | cst.ImportFrom) -> bool:
    if not isinstance(node, cst.ImportFrom) or isinstance(node.names, cst.ImportStar):
        return False
    is_six = module_parts(node) == ["six", "moves"]
    return is_six and all(
        isinstance(alias.name, cst.Name) and alias.name.value in BUILT_IN_TODAY and alias.asname is None
        for alias in node.names
    )


def with_new_imports(
    context: Context, original: cst.Module, body: list[cst.BaseStatement]
) -> list[cst.BaseStatement]:
    """Return the file's statements with the imports that it needs now, before its first import of Keras."""
    if context.findings.is_old:
        context.findings.imports.add(
            BEFORE_KERAS
        )  # chooses PyTorch for Keras, in a script that trains nothing too
    present = {text.strip() for statement in body for text in _texts(statement)}
    wanted = sorted(
        context.findings.imports - present, key=lambda text: ("keras" in text, text == BEFORE_KERAS, text)
    )
    body = _insert(body, [_statement(text) for text in wanted])
    if context.findings.channels_first and not _sets_format(original):
        keras = context.references.keras()
        if keras == "keras" and not any(text in ("import keras",) for each in body for text in _texts(each)):
            body = _insert(body, [_statement("import keras")])
        place = max(n for n, each in enumerate(body) if _imports_keras(each)) + 1
        body.insert(place, _statement(CHANNELS_FIRST.format(keras)))
    return body


def _texts(statement: cst.BaseStatement) -> list[str]:
    if not isinstance(statement, cst.SimpleStatementLine):
        return []
    return [cst.Module([]).code_for_node(each).rstrip("; ") for each in statement.body]


def _sets_format(module: cst.Module) -> bool:
    names = ("set_image_dim_ordering", "set_image_data_format")
    return bool(m.findall(module, m.OneOf(*(m.Name(name) for name in names))))


def _imports_keras(statement: cst.BaseStatement) -> bool:
    found = m.findall(statement, m.Import() | m.ImportFrom())
    names: list[str] = []
    for node in found:
        if isinstance(node, cst.ImportFrom):
            names.append(".".join(module_parts(node)))
        elif isinstance(node, cst.Import):
            names += [cst.Module([]).code_for_node(alias.name) for alias in node.names]
    return any(from_keras(name) is not None or name == "tensorflow" for name in names)


def _insert(body: list[cst.BaseStatement], statements: list[cst.BaseStatement]) -> list[cst.BaseStatement]:
    """Put statements before the first import of Keras, below the comments that stand above it."""
    if not statements:
        return body
    place = next((n for n, each in enumerate(body) if _imports_keras(each)), _after_head(body))
    if place < len(body):
        leading = _leading_lines(body[place])
        body[place] = body[place].with_changes(leading_lines=[])
        statements[0] = statements[0].with_changes(leading_lines=leading)
    return [*body[:place], *statements, *body[place:]]


def _after_head(body: list[cst.BaseStatement]) -> int:
    """Return the place after a docstring and `from __future__`."""
    future = m.SimpleStatementLine([m.ImportFrom(module=m.Name("__future__"))])
    text = m.SimpleStatementLine([m.Expr(m.SimpleString() | m.ConcatenatedString())])
    place = 0
    while place < len(body) and m.matches(body[place], future | text):
        place += 1
    return place
