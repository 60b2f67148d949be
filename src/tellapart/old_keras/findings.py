"""What a rewriting finds out on its way: what it leaves to the reader, and how old the script is."""

from dataclasses import dataclass, field

import libcst as cst

from tellapart.old_keras.script import Script, text_of
from tellapart.pages.card import Readable

LONGEST_EXCERPT = 70


@dataclass(frozen=True, slots=True)
class Age:
    """How old a script is, known once it was looked through."""

    is_old: bool = False
    """Whether it has something that Keras 3 does not."""

    is_keras_1: bool = False
    """Whether it has something that Keras 2 did not."""

    is_python_2: bool = False
    """Whether it was written for Python 2."""


@dataclass(frozen=True, slots=True, order=True)
class Remark(Readable):
    """A place that cannot be rewritten safely."""

    line: int
    """In the script as it was read, from 1; of a notebook in its cell."""

    code: str
    """Its source, shortened."""

    advice: str
    """What to write, in a sentence."""

    cell: int | None = None
    """Of a notebook: which of its cells, from 0."""

    def _parts(self) -> list[str]:
        return [str(self).replace("\n ", "")]

    def __str__(self) -> str:
        cell = "" if self.cell is None else f"cell {self.cell}, "
        return f"{cell}line {self.line}: {self.code}\n  {self.advice}"


@dataclass(slots=True)
class Findings:
    """Collected while a script is rewritten."""

    script: Script
    remarks: set[Remark] = field(default_factory=set)
    is_old: bool = False
    """Whether something was met that Keras 3 does not have."""

    is_keras_1: bool = False
    """Whether something was met that only Keras 1, or one before it, had."""

    is_python_2: bool = False
    """Whether something was met that Python 3 does not have."""

    imports: set[str] = field(default_factory=set)
    """Modules that the rewritten script needs: keras, tellapart, math, itertools."""

    channels_first: bool = False
    """Whether the script's pictures have their channels first, and it relies on the default of its time."""

    comments: dict[cst.CSTNode, list[str]] = field(default_factory=dict)
    """Statement -> lines to put above it."""

    before: dict[cst.CSTNode, list[str]] = field(default_factory=dict)
    """Statement -> statements to put before it."""

    strings: dict[cst.CSTNode, str] = field(default_factory=dict)
    """Text -> the text that takes its place."""

    def leave(self, node: cst.CSTNode, advice: str) -> None:
        """Leave a place to the reader."""
        code = " ".join(text_of(node).split())
        code = code if len(code) <= LONGEST_EXCERPT else code[: LONGEST_EXCERPT - 1] + "…"
        self.remarks.add(Remark(self.script.line(node), code, advice))

    def age(self, is_python_2: bool) -> Age:
        """Return how old the script has turned out to be."""
        return Age(self.is_old, self.is_keras_1, is_python_2 or self.is_python_2)

    def statement_of(self, node: cst.CSTNode) -> cst.SimpleStatementLine | None:
        """Return the simple statement that a node is a part of, unless it stands in the head of a block."""
        for above in self.script.above(node):
            if isinstance(above, cst.SimpleStatementLine):
                return above
            if isinstance(above, cst.BaseCompoundStatement):
                return None
        return None

    def comment(self, node: cst.CSTNode, text: str) -> None:
        """Put a comment above the statement that a node is a part of."""
        statement = self.statement_of(node)
        if statement is not None and f"# {text}" not in self.comments.setdefault(statement, []):
            self.comments[statement].append(f"# {text}")

    def old(self, *, keras_1: bool = False) -> None:
        """Note that the script is older than Keras 3."""
        self.is_old = True
        self.is_keras_1 = self.is_keras_1 or keras_1
