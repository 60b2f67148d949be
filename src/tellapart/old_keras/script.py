"""A script as it was parsed: which of its names mean Keras, which line a node is on, what a constant holds.

Only names that lead to an import of Keras are Keras's. A variable called `lr` or a function called `fit` is the
script's own.

Knows nothing of what is rewritten.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, TypeVar

import libcst as cst
from libcst.metadata import (
    Assignment,
    BuiltinAssignment,
    ImportAssignment,
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
    Scope,
    ScopeProvider,
)

from tellapart.old_keras import installed
from tellapart.old_keras.names import Gone, from_keras, today_of

Node = TypeVar("Node", bound=cst.CSTNode)

CHANNELS = (1, 3, 4)


def parts_of(node: cst.BaseExpression) -> list[str] | None:
    """Return `keras.layers.Dense` as its three names; None for anything but names joined by dots."""
    names: list[str] = []
    while isinstance(node, cst.Attribute):
        names.append(node.attr.value)
        node = node.value
    return [node.value, *reversed(names)] if isinstance(node, cst.Name) else None


def text_of(node: cst.CSTNode) -> str:
    """Return the source text of a node."""
    return cst.Module([]).code_for_node(node)


class Script:
    """A parsed script with what libcst knows of its scopes."""

    def __init__(self, module: cst.Module) -> None:
        self.wrapper = MetadataWrapper(module)
        self.module = self.wrapper.module
        self._scopes = self.wrapper.resolve(ScopeProvider)
        self._positions = self.wrapper.resolve(PositionProvider)
        self._parents = self.wrapper.resolve(ParentNodeProvider)
        self._by_kind: dict[type[cst.CSTNode], list[Any]] = {}

    def all(self, kind: type[Node]) -> list[Node]:
        """Return all nodes of a kind, in the order of the text."""
        if kind not in self._by_kind:
            found = [node for node in self._parents if isinstance(node, kind)]
            places = {node: self._positions[node].start for node in found}
            self._by_kind[kind] = sorted(found, key=lambda node: (places[node].line, places[node].column))
        return self._by_kind[kind]

    def line(self, node: cst.CSTNode) -> int:
        """Return the line on which a node begins, from 1."""
        return self._positions[node].start.line

    def column(self, node: cst.CSTNode) -> int:
        """Return the column at which a node begins, from 0."""
        return self._positions[node].start.column

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """Return what a node is a part of."""
        return self._parents.get(node)

    def above(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """Yield everything that a node is a part of, from the inside out."""
        current = self.parent(node)
        while current is not None:
            yield current
            current = self.parent(current)

    def scope(self, node: cst.CSTNode) -> Scope | None:
        """Return the scope in which a node stands."""
        return self._scopes.get(node)

    # Names

    def full_name(self, node: cst.CSTNode) -> str | None:
        """Return what a name means by the script's imports, in full: `tensorflow.keras.layers.Dense`.

        None where the name does not come from an import, or from different ones.
        """
        parts = parts_of(node) if isinstance(node, cst.Name | cst.Attribute) else None
        if parts is None:
            return None
        bases = self._imported_as(node, parts[0])
        if len(bases) > 1:  # `try` one Keras, `except ImportError` another
            bases = {_today(base) or base for base in bases}
        return ".".join([next(iter(bases)), *parts[1:]]) if len(bases) == 1 else None

    def _imported_as(self, node: cst.CSTNode, root: str) -> set[str]:
        scope = self.scope(node)
        assignments = scope[root] if scope is not None else set()
        named = {
            _canonical(name)
            for assignment in assignments
            if isinstance(assignment, ImportAssignment) and (name := imported_name(assignment, root))
        }
        if not assignments and not named:
            return {
                f"{module}.{root}"
                for module in self.star_modules
                if installed.has(_today(f"{module}.{root}"))
            }
        return set() if self._is_redefined(node, root) else named

    def _is_redefined(self, node: cst.CSTNode, root: str) -> bool:
        """Return whether the script has a class or function of its own by this name, above a node."""
        scope = self.scope(node)
        return any(
            isinstance(each, Assignment)
            and isinstance(each.node, cst.ClassDef | cst.FunctionDef)
            and self.line(each.node) < self.line(node)
            for each in (scope[root] if scope is not None else ())
        )

    def definition(self, node: cst.CSTNode) -> cst.ClassDef | cst.FunctionDef | None:
        """Return the class or function of the script's own that a name means; None for any other name."""
        scope = self.scope(node) if isinstance(node, cst.Name) else None
        if scope is None or not isinstance(node, cst.Name):
            return None
        found = [each.node for each in scope[node.value] if isinstance(each, Assignment)]
        own = [each for each in found if isinstance(each, cst.ClassDef | cst.FunctionDef)]
        before = [each for each in own if self.line(each) < self.line(node)]
        imports = [each for each in found if isinstance(each, cst.Import | cst.ImportFrom)]
        is_sure = len(own) + len(imports) == len(found) and bool(before or not imports)
        return (before or own)[-1] if own and is_sure else None

    def is_use(self, node: cst.Name | cst.Attribute) -> bool:
        """Return whether a node is a whole name that is used, not a part of one, a keyword, or a definition."""
        parent = self.parent(node)
        if isinstance(parent, cst.Attribute):
            return False
        if isinstance(parent, cst.Arg):
            return parent.keyword is not node
        defines = cst.Param | cst.FunctionDef | cst.ClassDef
        if isinstance(parent, defines) and parent.name is node:
            return False
        kinds = cst.ImportAlias | cst.AsName | cst.ImportFrom
        return not isinstance(parent, kinds)

    def is_unbound(self, node: cst.Name) -> bool:
        """Return whether the script binds nothing to a name: it is Python's own, if anything."""
        scope = self.scope(node)
        return scope is not None and all(isinstance(each, BuiltinAssignment) for each in scope[node.value])

    def old_name(self, node: cst.CSTNode) -> str | None:
        """Return the full name that a node has in Keras, as the script's version had it; None if it is not Keras's."""
        full = self.full_name(node)
        return None if full is None else from_keras(full)

    def today(self, node: cst.CSTNode) -> str | None:
        """Return the full name of what a node means in today's Keras; None if it is not Keras's, or is gone."""
        old = self.old_name(node)
        found = None if old is None else today_of(old)
        return found if isinstance(found, str) else None

    @cached_property
    def star_modules(self) -> list[str]:
        """Modules of Keras of which everything is imported."""
        stars = [node for node in self.all(cst.ImportFrom) if isinstance(node.names, cst.ImportStar)]
        names = (from_keras(".".join(module_parts(node))) for node in stars)
        return [name for name in names if name is not None]

    @cached_property
    def is_of_tensorflow(self) -> bool:
        """Whether the script's Keras is TensorFlow's."""
        imports = [*self.all(cst.ImportFrom), *self.all(cst.Import)]
        return any("tensorflow" in text_of(node).split(" as ")[0] for node in imports) and not any(
            text_of(node).startswith(("import keras", "from keras")) for node in imports
        )

    def method_calls(self, method: str) -> Iterator[tuple[cst.Call, str]]:
        """Yield each call of a method by this name, with the name that it is called on."""
        for call in self.all(cst.Call):
            if not isinstance(call.func, cst.Attribute) or call.func.attr.value != method:
                continue
            parts = parts_of(call.func.value)
            if parts is not None:
                yield call, ".".join(parts)

    # Values

    @cached_property
    def _assignments(self) -> dict[str, list[cst.BaseExpression | None]]:
        """Name or dotted name -> everything that is assigned to it anywhere; None for what is no plain value."""
        found: dict[str, list[cst.BaseExpression | None]] = {}
        kinds = (cst.Assign, cst.AugAssign, cst.For, cst.Param)
        for node in (node for kind in kinds for node in self.all(kind)):
            for target, value in _assigned(node):
                found.setdefault(target, []).append(value)
        return found

    def values_of(self, name: str) -> list[cst.BaseExpression | None]:
        """Return everything that the script assigns to a name."""
        return self._assignments.get(name, [])

    def value(self, node: cst.BaseExpression) -> cst.BaseExpression:
        """Return what a name holds, if it is assigned once in the whole script; otherwise the node itself."""
        values = self.values_of(node.value) if isinstance(node, cst.Name) else []
        return values[0] if len(values) == 1 and values[0] is not None else node

    def number(self, node: cst.BaseExpression) -> int | None:
        """Return the whole number that an expression surely is; None otherwise."""
        value = self.value(node)
        if isinstance(value, cst.BinaryOperation) and isinstance(value.operator, cst.Multiply):
            left, right = self._whole(value.left), self._whole(value.right)
            return left * right if left is not None and right is not None else None
        return self._whole(value)

    def _whole(self, node: cst.BaseExpression) -> int | None:
        """Return a whole number, or the product of such that is written out."""
        value = self.value(node)
        if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Multiply):
            return self.number(node)
        return value.evaluated_value if isinstance(value, cst.Integer) else None

    def string(self, node: cst.BaseExpression) -> str | None:
        """Return the text that an expression surely is; None otherwise."""
        value = self.value(node)
        if not isinstance(value, cst.SimpleString):
            return None
        text = value.evaluated_value
        return text if isinstance(text, str) else None


def _today(name: str) -> str:
    found = today_of(name)
    return "" if isinstance(found, Gone) else found


def _canonical(name: str) -> str:
    return from_keras(name) or name


def module_parts(node: cst.ImportFrom) -> list[str]:
    """Return the module of a from-import as its names; empty for a relative one."""
    return (parts_of(node.module) or []) if node.module is not None and not node.relative else []


def imported_name(assignment: ImportAssignment, root: str) -> str | None:
    """Return the full name of what an import binds to `root`."""
    node = assignment.node
    assert isinstance(node, cst.Import | cst.ImportFrom)
    for alias in node.names if not isinstance(node.names, cst.ImportStar) else ():
        if bound_name(alias, node) == root:
            parts = parts_of(alias.name) or []
            if isinstance(node, cst.ImportFrom):
                return ".".join([*module_parts(node), *parts]) if module_parts(node) else None
            return ".".join(parts) if alias.asname is not None else root
    return None


def bound_name(alias: cst.ImportAlias, node: cst.CSTNode) -> str:
    """Return the name that an import gives to what it imports."""
    if alias.asname is not None and isinstance(alias.asname.name, cst.Name):
        return alias.asname.name.value
    parts = parts_of(alias.name) or [""]
    return parts[0] if isinstance(node, cst.Import) else parts[-1]


def _assigned(node: cst.CSTNode) -> Iterator[tuple[str, cst.BaseExpression | None]]:
    if isinstance(node, cst.Assign):
        for target in node.targets:
            yield from _paired(target.target, node.value)
    elif isinstance(node, cst.AugAssign | cst.For):
        yield from _paired(node.target, None)
    elif isinstance(node, cst.Param):
        yield node.name.value, None


def _paired(
    target: cst.BaseExpression, value: cst.BaseExpression | None
) -> Iterator[tuple[str, cst.BaseExpression | None]]:
    if isinstance(target, cst.Tuple | cst.List):
        values: list[cst.BaseExpression | None] = [None] * len(target.elements)
        if isinstance(value, cst.Tuple | cst.List) and len(value.elements) == len(target.elements):
            values = [element.value for element in value.elements]
        for element, one in zip(target.elements, values, strict=True):
            yield from _paired(element.value, one)
    elif (parts := parts_of(target)) is not None:
        yield ".".join(parts), value
