"""Tables, sizes and times as plain text."""

from __future__ import annotations

import datetime
import unicodedata
from collections.abc import Iterable, Sequence

_STEP = 1024
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories whose characters move the cursor, hide or reverse text, end lines, or are undefined."""


def format_bytes(nbytes: float) -> str:
    """Returns a size in bytes as text with a binary unit: ``16.0 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(nbytes) < _STEP:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= _STEP
    return f"{nbytes:.1f} TiB"


def format_runs(number: int) -> str:
    """Returns a number of runs as text: ``1 run`` or ``2 runs``."""
    return "1 run" if number == 1 else f"{number} runs"


def format_time(when: str | int) -> str:
    """Returns a time as local time to the second with its offset from UTC, such as ``2026-11-22 14:00:03+01:00``.

    Conditions accept this text in every time zone: see `aerchive.times.span_of`.

    Args:
        when: The time in the notation of the file format, or microseconds since 1970 (UTC).
    """
    try:
        if isinstance(when, int):
            moment = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(microseconds=when)
        else:
            moment = datetime.datetime.fromisoformat(when)
        return moment.astimezone().isoformat(" ", "seconds")
    except (ValueError, OverflowError, OSError):  # near the ends of the years 1 to 9999 there is no local time
        return str(when)


def clean(text: str) -> str:
    """Returns text in one line that is safe on a terminal: control characters and line ends are escaped."""
    if text.isprintable():
        return text
    return "".join(map(_clean_character, text))


def _clean_character(character: str) -> str:
    if character == " " or unicodedata.category(character) not in _UNSAFE:
        return character
    return character.encode("unicode_escape").decode("ascii")


def clean_lines(text: str) -> str:
    """Cleans each line of a text with `clean` and keeps the line ends."""
    return "\n".join(map(clean, text.split("\n")))


def cut(text: str, width: int) -> str:
    """Cuts a text to at most ``width`` characters. A text that is cut ends with an ellipsis."""
    return text if len(text) <= width else text[: width - 1] + "…"


def distinct_width(texts: Sequence[str] | Sequence[bytes], least: int = 8) -> int:
    """Returns the number of characters, at least `least`, after which no two of different texts begin alike."""
    number, most = len(set(texts)), max(map(len, texts), default=0)
    return next((width for width in range(least, most) if len({text[:width] for text in texts}) == number), most)


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    """Returns a table as text, with a line below the head.

    Args:
        head: The names of the columns.
        rows: The texts of each row, one for each column.
        right: The indices of the columns that are aligned to the right, such as columns of numbers.
    """
    lines = [list(head), *([clean(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    aligned = set(right)

    def join(line: Sequence[str]) -> str:
        cells = (c.rjust(w) if i in aligned else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        return "  ".join(cells).rstrip()

    return "\n".join([join(lines[0]), "  ".join("─" * w for w in widths), *(join(line) for line in lines[1:])])
