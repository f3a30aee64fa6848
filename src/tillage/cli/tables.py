"""Tables as text: a figure is never cut, whatever the width; text folds."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

_GAP = 3
_NARROWEST_TEXT = 16  # columns that a text keeps when its table is pressed


@dataclass(frozen=True)
class Grid:
    """Rows of cells under headers; `figures` are the columns, by index, that stand at the right and never fold."""

    headers: tuple[str, ...]
    figures: frozenset[int]
    rows: tuple[tuple[str, ...], ...]

    def widths(self) -> list[int]:
        """What each column takes when nothing folds."""
        lines = [self.headers, *self.rows]
        return [max(_width(line[index]) for line in lines) for index in range(len(self.headers))]


def grid(headers: Sequence[str], rows: Iterable[Sequence[str]], *, figures: Iterable[int] = ()) -> Grid:
    """The grid of these cells; control characters are shown as escapes, since a terminal would act on them."""
    cells = tuple(tuple(_visible(cell) for cell in row) for row in rows)
    return Grid(tuple(_visible(header) for header in headers), frozenset(figures), cells)


def console() -> Console:
    """Standard output: as wide as its terminal; elsewhere as wide as what is printed."""
    return Console(width=None if sys.stdout.isatty() else 10_000, highlight=False, emoji=False, markup=False)


def put(out: Console, shown: Grid) -> None:
    """Prints the table; where its figures do not fit side by side, each row as a list of names and values."""
    widths = shown.widths()
    pressed = [width if index in shown.figures else min(width, _NARROWEST_TEXT) for index, width in enumerate(widths)]
    if sum(pressed) + _GAP * (len(pressed) - 1) > out.width:
        _put_records(out, shown)
        return
    table = Table(box=None, pad_edge=False, header_style=None, padding=(0, _GAP, 0, 0), collapse_padding=True)
    for index, header in enumerate(shown.headers):
        is_figure = index in shown.figures
        table.add_column(
            header, justify="right" if is_figure else "left", no_wrap=is_figure, overflow="fold",
            min_width=pressed[index],
        )  # fmt: skip
    for row in shown.rows:
        table.add_row(*row)
    out.print(table)


def _put_records(out: Console, shown: Grid) -> None:
    """As many lines for a row as it has cells that are not empty; the terminal itself folds what is too long."""
    longest = max(_width(header) for header in shown.headers)
    figures = max((_width(row[index]) for row in shown.rows for index in shown.figures), default=0)
    for number, row in enumerate(shown.rows, 1):
        if number > 1:
            out.print()
        for index, (header, cell) in enumerate(zip(shown.headers, row, strict=True)):
            indent = longest - _width(header) + _GAP + (figures - _width(cell) if index in shown.figures else 0)
            if cell:
                out.print(f"{header}{' ' * indent}{cell}", soft_wrap=True)


def _width(cell: str) -> int:
    return max(cell_len(line) for line in cell.split("\n"))


def _visible(text: str) -> str:
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)
