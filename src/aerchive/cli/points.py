"""Points as a plot of text, with one axis to the right and one upwards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aerchive.cli.bars import has_blocks

_ROWS = 16
_MOST_COLUMNS = 100
_NOISE = 1e-12
_BRAILLE = 0x2800
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)
"""The bit of each dot of a Braille sign, four rows of two (The Unicode Standard, section 21.1)."""


def points(x: Sequence[float], y: Sequence[float], width: int) -> list[str]:
    """Returns the lines of a plot: the scale of ``y`` at the left, that of ``x`` beneath.

    Args:
        x: The places, all finite; at least one.
        y: The values, all finite, as many.
        width: The width of the lines in characters.
    """
    across, up = np.asarray(x, float), np.asarray(y, float)
    left = [f"{value:.6g}" for value in np.linspace(up.max(), up.min(), 3)]
    before = max(map(len, left))
    columns = max(20, min(_MOST_COLUMNS, width - before - 3))
    rows = _marked(across, up, columns)
    scales = dict(zip((0, _ROWS // 2, _ROWS - 1), left, strict=True))
    lines = [f"{scales.get(number, ''):>{before}} |{row.rstrip()}" for number, row in enumerate(rows)]
    first, last = f"{across.min():.6g}", f"{across.max():.6g}"
    below = f"{first}{last:>{max(1, columns - len(first))}}"
    return [*lines, f"{'':>{before}} +{'-' * columns}", f"{'':>{before}}  {below}"]


def _marked(x: NDArray[np.float64], y: NDArray[np.float64], columns: int) -> list[str]:
    """The rows of the plot: signs of Braille with 2 x 4 dots each, or stars where the encoding lacks these."""
    down, across = (4, 2) if has_blocks() else (1, 1)
    grid = np.zeros((_ROWS * down, columns * across), np.uint8)
    at_x = np.rint(_share(x) * (grid.shape[1] - 1)).astype(int)
    at_y = np.rint((1 - _share(y)) * (grid.shape[0] - 1)).astype(int)
    grid[at_y, at_x] = 1
    if down == 1:
        return ["".join("*" if one else " " for one in row) for row in grid.tolist()]
    signs = (grid.reshape(_ROWS, 4, columns, 2) * _DOTS[:, None, :]).sum(axis=(1, 3))
    return ["".join(chr(_BRAILLE + one) if one else " " for one in row) for row in signs.tolist()]


def _share(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each value lies between the least (0) and the greatest (1); 0.5 if all are equal."""
    low, high = values.min(), values.max()
    is_flat = high - low <= _NOISE * max(abs(low), abs(high))  # the scale would show only rounding
    return np.full(len(values), 0.5) if is_flat else (values - low) / (high - low)
