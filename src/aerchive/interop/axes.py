"""Axes of matplotlib that users draw on, and bars on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aerchive.errors import InvalidInputError
from aerchive.interop.extras import import_extra

COLOUR = "#1f77b4"
_MOST_LABELS = 32
_MOST_LEVEL = 40
"""The greatest number of characters of all labels that are written horizontally."""


def axes_for(ax: Any) -> Any:
    """Returns the axes to draw on: those that the user gave, or those of a new figure of ``matplotlib.pyplot``.

    Raises:
        MissingExtraError: matplotlib is not installed.
        InvalidInputError: What the user gave are no axes.
    """
    kind = import_extra("matplotlib.axes", "plot").Axes
    if ax is None:
        return import_extra("matplotlib.pyplot", "plot").subplots(layout="constrained")[1]
    if not isinstance(ax, kind):
        raise InvalidInputError(
            f"ax: a {type(ax).__name__} is no Axes of matplotlib; plt.subplots() returns a pair of figure and Axes"
        )
    return ax


def draw_bars(axes: Any, texts: Sequence[str], heights: Any, most_letters: int) -> None:
    """Draws bars side by side, with a label beneath each if there are at most 32.

    Args:
        axes: The axes.
        texts: The label of each bar.
        heights: The height of each bar.
        most_letters: The greatest number of characters of a label; if one is longer, none is written.
    """
    number = range(len(texts))
    axes.bar(number, heights, width=0.75, color=COLOUR)
    if len(texts) > _MOST_LABELS or max(map(len, texts), default=0) > most_letters:
        axes.set_xticks([])
    else:
        is_level = sum(map(len, texts)) <= _MOST_LEVEL
        axes.set_xticks(number, texts, rotation=0 if is_level else 90)


def plain(text: str) -> str:
    """Returns a text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")
