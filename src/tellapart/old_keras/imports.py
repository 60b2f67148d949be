"""Import statements: what each binds, and how it is written today."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import libcst as cst

from tellapart.old_keras import installed
from tellapart.old_keras.names import MODULES, Gone, from_keras, today_of
from tellapart.old_keras.script import bound_name, module_parts, parts_of

STAR = "*"


@dataclass(frozen=True, slots=True)
class Imported:
    """One name that an import statement binds."""

    node: cst.Import | cst.ImportFrom
    """The statement."""

    name: str
    """The name that it binds; `*` for everything."""

    full: str
    """What is imported, in full."""

    renames: bool
    """Whether it says `as`."""

    old: str | None
    """The full name as `keras` had it; None if it is not Keras's."""

    today: str | None
    """Today's full name; None if there is none."""

    is_module: bool
    """Whether the name stood, or stands, for a module."""

    def leads_to(self, full: str) -> bool:
        """Return whether a full name begins at this import."""
        own = self.full if self.old is None else self.old
        return full == own or full.startswith(f"{own}.")


def imported(node: cst.Import | cst.ImportFrom) -> list[Imported]:
    """Return what an import statement binds; nothing for a relative one."""
    module = module_parts(node) if isinstance(node, cst.ImportFrom) else []
    if isinstance(node, cst.ImportFrom):
        if not module:
            return []
        if isinstance(node.names, cst.ImportStar):
            return [_imported(node, STAR, ".".join(module), renames=False)]
    assert not isinstance(node.names, cst.ImportStar)
    found = []
    for alias in node.names:
        parts = parts_of(alias.name) or []
        renames = alias.asname is not None
        whole = [*module, *parts] if module or renames else parts[:1]
        found.append(_imported(node, bound_name(alias, node), ".".join(whole), renames))
    return found


def _imported(node: cst.Import | cst.ImportFrom, name: str, full: str, renames: bool) -> Imported:
    old = from_keras(full)
    found = None if old is None else today_of(old)
    today = None if isinstance(found, Gone) else found
    is_module = old is not None and (old in MODULES or installed.is_module(old))
    return Imported(node, name, full, renames, old, today, is_module)


@dataclass(slots=True)
class ImportPlan:
    """How each import statement is written today."""

    lines: dict[cst.CSTNode, list[tuple[Imported, str | None, str | None]]] = field(default_factory=dict)
    """Statement -> for each name that it binds: itself, today's full name (None: as it was), the name to bind."""

    dropped: dict[cst.CSTNode, set[str]] = field(default_factory=dict)
    """Statement -> names that nothing needs any more."""

    def keep(self, each: Imported, dropped: bool = False) -> None:
        """Leave a name as it is, or drop it."""
        if dropped:
            self.dropped.setdefault(each.node, set()).add(each.name)
        else:
            self.lines.setdefault(each.node, []).append((each, None, None))

    def write(self, each: Imported, today: str, name: str | None = None) -> None:
        """Import a name from where it is today."""
        self.lines.setdefault(each.node, []).append((each, today, name or each.name))

    def statements(self, node: cst.Import | cst.ImportFrom) -> list[cst.BaseSmallStatement]:
        """Return what is written for an import statement: itself where nothing changed."""
        entries = self.lines.get(node, [])
        if not entries and node not in self.dropped:
            return [node]
        if isinstance(node, cst.ImportFrom) and isinstance(node.names, cst.ImportStar):
            return [_star(node, entries[0][1])] if entries else []
        if node not in self.dropped and all(_is_as_it_was(*entry) for entry in entries):
            return [node]
        groups: dict[str, list[str]] = {}
        for each, today, name in entries:
            home, text = _spelled(each, today, name)
            if text not in groups.setdefault(home, []):
                groups[home].append(text)
        return _written(node, groups)


def _is_as_it_was(each: Imported, today: str | None, name: str | None) -> bool:
    if isinstance(each.node, cst.Import) and not each.renames:
        return _import_words(each) == ".".join(_import_parts(each))
    return today in (None, each.full) and name in (None, each.name)


def _star(node: cst.ImportFrom, today: str | None) -> cst.ImportFrom:
    return node if today is None else node.with_changes(module=cst.parse_expression(today))


def _spelled(each: Imported, today: str | None, name: str | None) -> tuple[str, str]:
    """Return the module to import from (empty: `import`), and the words after `import`."""
    target, bound = today or each.full, name or each.name
    if isinstance(each.node, cst.Import) and not each.renames:
        return "", _import_words(each)
    if "." not in target or (isinstance(each.node, cst.Import) and target != "keras"):
        return "", target if bound == target else f"{target} as {bound}"
    home, _, last = target.rpartition(".")
    return home, last if bound == last else f"{last} as {bound}"


def _import_parts(each: Imported) -> list[str]:
    """Return the names between `import` and `as`."""
    assert not isinstance(each.node.names, cst.ImportStar)
    alias = next(one for one in each.node.names if bound_name(one, each.node) == each.name)
    return parts_of(alias.name) or []


def _import_words(each: Imported) -> str:
    """Return `a.b` of an `import` that says no `as`; of Keras's modules one that is there."""
    words = ".".join(_import_parts(each))
    return "keras" if words.startswith("keras.") and not installed.is_module(words) else words


def _written(node: cst.Import | cst.ImportFrom, groups: dict[str, list[str]]) -> list[cst.BaseSmallStatement]:
    """Return a statement for each module, the first in the shape of the statement that was there."""
    statements: list[cst.BaseSmallStatement] = []
    for home, names in groups.items():
        text = f"from {home} import {', '.join(names)}" if home else f"import {', '.join(names)}"
        if statements or len(groups) > 1 or not isinstance(node, cst.ImportFrom) or not home:
            statements.append(_parsed(text))
        else:
            statements.append(_in_shape_of(node, home, names))
    return statements


def _in_shape_of(node: cst.ImportFrom, home: str, names: Sequence[str]) -> cst.BaseSmallStatement:
    """Return a from-import with the line breaks, parentheses and comments of another, if it has as many names."""
    fresh = _parsed(f"from {home} import {', '.join(names)}")
    assert isinstance(fresh, cst.ImportFrom)
    assert not isinstance(fresh.names, cst.ImportStar)
    if isinstance(node.names, cst.ImportStar) or len(node.names) != len(fresh.names):
        return fresh
    shaped = [
        new.with_changes(comma=old.comma)
        if new.asname is not None or old.asname is None
        else old.with_changes(name=new.name)
        for old, new in zip(node.names, fresh.names, strict=True)
    ]
    return node.with_changes(module=fresh.module, names=shaped)


def _parsed(text: str) -> cst.BaseSmallStatement:
    line = cst.parse_statement(text)
    assert isinstance(line, cst.SimpleStatementLine)
    return line.body[0]
