"""Tables that fit the terminal: texts become shorter first, then the columns go that matter least."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from aerchive.cli.output import is_terminal, put, terminal
from aerchive.display.text import clean, format_table

if TYPE_CHECKING:
    from rich.console import Console

_BLOCK = 500
"""Number of rows that are laid out at once."""
_GAP = 2


class TableColumn(NamedTuple):
    """A column of a table.

    Attributes:
        head: Name of the column.
        cells: Its texts.
        is_number: Whether they are aligned to the right.
        least: Least width, for texts that are cut or go on in the next line; ``None``: they stay whole.
        most: Greatest width; ``None``: the width of the longest text.
        style: A function that returns the style of a text, as rich has them.
    """

    head: str
    cells: Sequence[str]
    is_number: bool = False
    least: int | None = None
    most: int | None = None
    style: Callable[[str], str] | None = None


def put_table(
    columns: Sequence[TableColumn], important: Sequence[str] | None = None, *, to_errors: bool = False
) -> list[str]:
    """Prints a table. Where it is not printed in a terminal, all columns are whole.

    Args:
        columns: The columns, in order.
        important: Heads of columns that may be left out if the terminal is too narrow, the most important first, and
            texts are cut; ``None``: no column is left out, and texts go on in the next line.
        to_errors: Whether to print to standard error.

    Returns:
        The heads of the columns that were left out.
    """
    cleaned = [one._replace(cells=[clean(cell) for cell in one.cells], head=clean(one.head)) for one in columns]
    if not is_terminal(to_errors=to_errors):
        right = [at for at, one in enumerate(cleaned) if one.is_number]
        rows = zip(*(one.cells for one in cleaned), strict=True)
        put(format_table([one.head for one in cleaned], rows, right), to_errors=to_errors)
        return []
    where = terminal(to_errors=to_errors)
    shown, widths = fitted(cleaned, where.width, important)
    _print(where, shown, widths, overflow="fold" if important is None else "ellipsis")
    return [one.head for one in cleaned if one not in shown]


def fitted(
    columns: Sequence[TableColumn], width: int, important: Sequence[str] | None
) -> tuple[list[TableColumn], list[int]]:
    """Chooses columns, and a width for each.

    Args:
        columns: The columns.
        width: The width of the terminal.
        important: As for `put_table`.
    """
    from rich.cells import cell_len

    wanted, least = {}, {}
    for at, one in enumerate(columns):
        natural = max([cell_len(one.head), *map(cell_len, one.cells)])
        wanted[at] = natural if one.most is None else max(cell_len(one.head), min(natural, one.most))
        least[at] = wanted[at] if one.least is None else max(cell_len(one.head), min(natural, one.least))
    kept = list(range(len(columns)))
    order = [name for name in important or () if name in [one.head for one in columns]]
    while order and len(kept) > 1 and sum(least[at] + _GAP for at in kept) - _GAP > width:
        last = order.pop()
        kept = [at for at in kept if columns[at].head != last]
    spare = width - sum(least[at] + _GAP for at in kept) + _GAP
    widths = dict(least)
    for at in sorted(kept, key=lambda at: order.index(columns[at].head) if columns[at].head in order else -1):
        more = max(0, min(spare, wanted[at] - least[at]))
        spare -= more
        widths[at] += more
    return [columns[at] for at in kept], [widths[at] for at in kept]


def _print(
    where: Console,
    columns: Sequence[TableColumn],
    widths: Sequence[int],
    *,
    overflow: Literal["fold", "ellipsis"],
) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    number = len(columns[0].cells)
    for first in range(0, max(number, 1), _BLOCK):
        table = Table(
            box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), show_header=first == 0
        )
        for one, width in zip(columns, widths, strict=True):
            table.add_column(
                Text(one.head, "bold"),
                width=width,
                no_wrap=overflow == "ellipsis",
                overflow=overflow,
                justify="right" if one.is_number else "left",
            )
        for at in range(first, min(first + _BLOCK, number)):
            cells = ((one.cells[at], one.style) for one in columns)
            table.add_row(*(Text(cell, style(cell) if style else "") for cell, style in cells))
        where.print(table, crop=False)
