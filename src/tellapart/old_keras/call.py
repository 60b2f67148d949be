"""The arguments of one call, changed one at a time; comments and line breaks between them stay."""

from collections.abc import Iterator, Sequence

import libcst as cst
from libcst import matchers as m

from tellapart.old_keras.script import text_of


def expression(text: str) -> cst.BaseExpression:
    """Return an expression that was written down as text."""
    return cst.parse_expression(text)


class ArgumentList:
    """The arguments of a call, in order."""

    def __init__(self, call: cst.Call) -> None:
        self.call = call
        self.args = list(call.args)

    def __iter__(self) -> Iterator[cst.Arg]:
        return iter(self.args)

    @property
    def keywords(self) -> list[str]:
        """Names of the arguments given by keyword."""
        return [arg.keyword.value for arg in self.args if arg.keyword is not None]

    @property
    def positional(self) -> list[cst.BaseExpression]:
        """Values of the leading arguments without a keyword or a star."""
        return [arg.value for arg in self.args[: self._positional_count()]]

    def _positional_count(self) -> int:
        plain = [arg.keyword is None and not arg.star for arg in self.args]
        return plain.index(False) if False in plain else len(plain)

    def index(self, keyword: str) -> int | None:
        """Return the place of a keyword."""
        return next(
            (
                n
                for n, arg in enumerate(self.args)
                if arg.keyword is not None and arg.keyword.value == keyword
            ),
            None,
        )

    def get(self, keyword: str) -> cst.BaseExpression | None:
        """Return the value given for a keyword."""
        place = self.index(keyword)
        return None if place is None else self.args[place].value

    def rename(self, old: str, new: str) -> None:
        """Give a keyword another name."""
        place = self.index(old)
        assert place is not None
        self.args[place] = self.args[place].with_changes(keyword=cst.Name(new))

    def set(self, place: int, value: cst.BaseExpression) -> None:
        """Give the argument at a place another value."""
        self.args[place] = self.args[place].with_changes(value=value)

    def give(self, keyword: str, value: cst.BaseExpression) -> None:
        """Set a keyword's value, as the last argument if it was not given."""
        place = self.index(keyword)
        if place is not None:
            self.set(place, value)
            return
        if self.args and isinstance(self.args[-1].comma, cst.MaybeSentinel):
            before_last = self.args[-2].comma if len(self.args) > 1 else cst.MaybeSentinel.DEFAULT
            comma = (
                before_last
                if isinstance(before_last, cst.Comma) and not _has_comment(before_last)
                else _COMMA
            )
            self.args[-1] = self.args[-1].with_changes(comma=comma)
        self.args.append(cst.Arg(value, cst.Name(keyword), equal=_EQUAL))

    def drop(self, place: int) -> None:
        """Remove the argument at a place."""
        removed = self.args.pop(place)
        if place == len(self.args) and place and isinstance(removed.comma, cst.MaybeSentinel):
            last = self.args[-1]
            if not _has_comment(last.comma):
                self.args[-1] = last.with_changes(
                    comma=removed.comma, whitespace_after_arg=removed.whitespace_after_arg
                )

    def drop_keyword(self, keyword: str) -> None:
        """Remove a keyword's argument."""
        place = self.index(keyword)
        assert place is not None
        self.drop(place)

    def name_positional(self, names: Sequence[str | None]) -> bool:
        """Give positional arguments keywords; None leaves one as it is. Returns whether there were names for all."""
        count = self._positional_count()
        for place, name in zip(range(count), names, strict=False):
            if name is not None:
                self.args[place] = self.args[place].with_changes(keyword=cst.Name(name), equal=_EQUAL)
        return count <= len(names)

    def join(self, places: Sequence[int], keyword: str | None = None) -> None:
        """Put the values at these places into one tuple, at the first of them."""
        values = [text_of(self.args[place].value) for place in places]
        first = self.args[places[0]].with_changes(value=expression(f"({', '.join(values)})"))
        if keyword is not None:
            first = first.with_changes(keyword=cst.Name(keyword), equal=_EQUAL)
        self.args[places[0]] = first
        for place in sorted(places[1:], reverse=True):
            self.drop(place)

    def insert(self, value: cst.BaseExpression) -> None:
        """Put a first argument."""
        self.args.insert(0, cst.Arg(value, comma=_COMMA if self.args else cst.MaybeSentinel.DEFAULT))

    def done(self) -> cst.Call:
        """Return the call with these arguments."""
        return self.call.with_changes(args=self.args)


_COMMA = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
_EQUAL = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))


def _has_comment(node: cst.CSTNode | cst.MaybeSentinel) -> bool:
    return isinstance(node, cst.CSTNode) and bool(m.findall(node, m.Comment()))
