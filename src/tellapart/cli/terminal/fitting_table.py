"""A table that keeps its first column and its figures whole on a narrow terminal.

rich cuts columns until they fit, the first one down to nothing and figures in their middle. Here, as the terminal
gets narrower, texts fold; then columns that can be done without go, and a line names them; then headings fold.
"""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from tellapart.text import short_name

LONGEST_NAME = 100
"""Characters of a name in a table. Where no terminal limits the width, a name of 250 would make 280 columns."""

FEWEST_CELLS = 8
"""Of a line, that a folded text keeps."""


class FittingTable:
    """Columns of plain text, rendered for the width of the terminal: whole ones, and ones that may fold."""

    def __init__(
        self, columns: Sequence[str], right: Sequence[str], long: Sequence[str], spare: Sequence[str]
    ) -> None:
        """An empty table.

        Args:
            columns: headings, each another.
            right: those of numbers, set flush right.
            long: those that may be folded over lines.
            spare: those that can be done without, the least important first.
        """
        self.cells: dict[str, list[Text]] = {name: [] for name in columns}
        self.right, self.long, self.spare = right, long, spare

    def add_row(self, *cells: Text) -> None:
        """A cell for each column."""
        for column, cell in zip(self.cells.values(), cells, strict=True):
            column.append(cell)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, for a terminal of this width."""
        names = self._names_within(options.max_width)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", caption_justify="left")
        for name, width in self._widths(names, options.max_width).items():
            table.add_column(
                name, justify="right" if name in self.right else "left", overflow="fold", width=width
            )
        for row in zip(*(self.cells[name] for name in names), strict=True):
            table.add_row(*row)
        dropped = ", ".join(name for name in self.cells if name and name not in names)
        if dropped:
            table.caption = Text(f"A wider terminal also shows: {dropped}")
        yield table

    def _names_within(self, width: int) -> list[str]:
        """The columns for which there is room; all but the spare ones, however little there is."""
        names = list(self.cells)
        for name in self.spare:
            if self._least_width(names) > width:
                names.remove(name)
        return names

    def _least_width(self, names: Sequence[str]) -> int:
        """Cells of a line, with whole headings where a column may not fold."""
        natural = {name: self._natural_width(name) for name in names}
        least = (min(FEWEST_CELLS, cells) if name in self.long else cells for name, cells in natural.items())
        return sum(least) + _between(len(names))

    def _widths(self, names: Sequence[str], width: int) -> dict[str, int]:
        """Of each column: what it takes; where that is too much, the headings and the long columns fold."""
        widths = {name: self._natural_width(name) for name in names}
        if self._least_width(names) > width:
            widths |= {name: self._cells_width(name) for name in names if name not in self.long}
        long = [name for name in names if name in self.long]
        room = width - _between(len(names)) - sum(widths[name] for name in names if name not in self.long)
        return widths | dict(zip(long, leveled([widths[name] for name in long], room), strict=True))

    def _cells_width(self, name: str) -> int:
        return max((cell.cell_len for cell in self.cells[name]), default=1)

    def _natural_width(self, name: str) -> int:
        return max(self._cells_width(name), cell_len(name))


def _between(columns: int) -> int:
    """Cells of a line that no column has: padding on its inner sides, and a cell of the box on each side."""
    return 3 * columns - 1


def leveled(widths: Sequence[int], room: int) -> list[int]:
    """The widths, the widest of them cut until they have room together; each at least 1."""
    cut = list(widths)
    while cut and sum(cut) > room and max(cut) > 1:
        cut[cut.index(max(cut))] -= 1
    return cut


def new_table(
    *columns: str, right: Sequence[str] = (), long: Sequence[str] = (), spare: Sequence[str] = ()
) -> FittingTable:
    """Return an empty table; the arguments are those of FittingTable."""
    return FittingTable(columns, right, long, spare)


def add_row(table: Table | FittingTable, *cells: Any) -> None:
    """Add a row of plain text, long names shortened; Text cells stay as they are."""
    table.add_row(
        *(cell if isinstance(cell, Text) else Text(short_name(str(cell), LONGEST_NAME)) for cell in cells)
    )
