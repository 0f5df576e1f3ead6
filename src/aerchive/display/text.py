"""Tables and sizes as plain text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

_STEP = 1024


def format_bytes(nbytes: float) -> str:
    """A size for people, in binary units: ``16.0 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(nbytes) < _STEP:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= _STEP
    return f"{nbytes:.1f} TiB"


def clean(text: str) -> str:
    """Text that is safe on a terminal: control characters, which a label may hold, are shown as escapes."""
    return "".join(c if unicodedata.category(c)[0] != "C" else c.encode("unicode_escape").decode("ascii") for c in text)


def cut(text: str, width: int) -> str:
    """At most ``width`` characters, with an ellipsis where something is missing."""
    return text if len(text) <= width else text[: width - 1] + "…"


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    """Columns side by side.

    Args:
        head: Names of the columns.
        rows: Their texts.
        right: Which columns are numbers, and go to the right.
    """
    lines = [list(head), *([clean(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    aligned = set(right)

    def join(line: Sequence[str]) -> str:
        cells = (c.rjust(w) if i in aligned else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        return "  ".join(cells).rstrip()

    return "\n".join([join(lines[0]), "  ".join("─" * w for w in widths), *(join(line) for line in lines[1:])])
