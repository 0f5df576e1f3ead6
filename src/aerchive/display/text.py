"""Tables and sizes as plain text."""

from __future__ import annotations

import datetime
import unicodedata
from collections.abc import Iterable, Sequence

_STEP = 1024
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of Unicode whose characters move the cursor, hide or reverse others, end lines, or are not defined."""


def format_bytes(nbytes: float) -> str:
    """A size for people, in binary units: ``16.0 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(nbytes) < _STEP:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= _STEP
    return f"{nbytes:.1f} TiB"


def format_runs(number: int) -> str:
    """``1 run``, ``2 runs``."""
    return "1 run" if number == 1 else f"{number} runs"


def format_time(when: str | int) -> str:
    """A time for people: local time to the second with its offset from UTC, as ``2026-11-22 14:00:03+01:00``.

    Conditions read it as it is printed, in whatever time zone: `aerchive.times.span_of`.

    Args:
        when: In the format's notation, or microseconds since 1970 (UTC).
    """
    try:
        if isinstance(when, int):
            moment = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(microseconds=when)
        else:
            moment = datetime.datetime.fromisoformat(when)
        return moment.astimezone().isoformat(" ", "seconds")
    except (ValueError, OverflowError, OSError):  # at the ends of the years 1 to 9999 there is no local time
        return str(when)


def clean(text: str) -> str:
    """Text that is safe on a terminal, in one line: control characters and line ends, as in labels, escaped."""
    if text.isprintable():
        return text
    return "".join(map(_clean_character, text))


def _clean_character(character: str) -> str:
    if character == " " or unicodedata.category(character) not in _UNSAFE:
        return character
    return character.encode("unicode_escape").decode("ascii")


def clean_lines(text: str) -> str:
    """As `clean`, except that the lines of the text stay lines."""
    return "\n".join(map(clean, text.split("\n")))


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
