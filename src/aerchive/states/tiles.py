"""Tiles of the view of a vector: their place in a level, and tiles of values that are read for one of them alone."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from aerchive.states.binned import bins_of, packed, weights_of

TILE_BINS = 1024
"""The greatest number of bins in a tile of a vector."""


def span_of(bits: int, level: int, index: int) -> slice:
    """The values in a tile of a level of a vector of ``2**bits`` values.

    Raises:
        IndexError: There is no such level or tile.
    """
    if not 0 <= level <= bits:
        raise IndexError(f"level {level}: there are levels 0 to {bits}")
    tiles = max(1, (1 << level) // TILE_BINS)
    if not 0 <= index < tiles:
        there = f"there are tiles 0 to {tiles - 1}" if tiles > 1 else "there is tile 0 alone"
        raise IndexError(f"tile {index} of level {level}: {there}")
    length = (1 << bits) // tiles
    return slice(index * length, (index + 1) * length)


def tile_of(values: NDArray[Any], number: int) -> bytes:
    """The tile of some values that were read for it alone, in ``number`` bins."""
    return packed(bins_of(values, weights_of(values), number))
