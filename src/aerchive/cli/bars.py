"""Numbers as horizontal bars of text."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from aerchive.display.text import clean

_EIGHTHS = " ▏▎▍▌▋▊▉"
_WHOLE = "█"
_LEAST = 10
_MOST = 60
PIPE_WIDTH = 100
"""The width that is used where there is no terminal."""


def has_blocks() -> bool:
    """Whether the encoding of standard output has the signs of which bars are made."""
    return (sys.stdout.encoding or "utf-8").lower().replace("-", "").startswith("utf")


def bars(labels: Sequence[str], values: Sequence[float], texts: Sequence[str], width: int) -> list[str]:
    """Returns a line for each number: label, number, and a bar from zero; those of negative numbers go to the left.

    Args:
        labels: What is in front of each bar.
        values: The numbers; one that is not finite has no bar.
        texts: The numbers as they are printed.
        width: The width of the lines in characters.
    """
    named, printed = [clean(label) for label in labels], [clean(text) for text in texts]
    before, middle = max(map(len, named), default=0), max(map(len, printed), default=0)
    room = min(_MOST, max(_LEAST, width - before - middle - 4))
    whole, eighth = (_WHOLE, _EIGHTHS) if has_blocks() else ("#", "")
    finite = [value for value in values if abs(value) < float("inf")]
    low, high = min([0.0, *finite]), max([0.0, *finite])
    scale = room / (high - low) if high > low else 0.0
    zero = round(-low * scale)
    lines = []
    for label, text, value in zip(named, printed, values, strict=True):
        if not abs(value) < float("inf"):
            bar = ""
        elif value < 0:
            left = max(0, zero - max(1, round(-value * scale)))
            bar = " " * left + whole * (zero - left)
        else:
            eighths = round(value * scale * 8)
            eighths = max(eighths, 1) if value > 0 else 0
            bar = " " * zero + whole * (eighths // 8) + (eighth[eighths % 8] if eighth and eighths % 8 else "")
        lines.append(f"{label:<{before}}  {text:>{middle}}  {bar}".rstrip())
    return lines
