"""Converts columns to an ``xarray.Dataset``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.interop.columns import Column, Columns, array_of, as_objects
from aerchive.interop.extras import import_extra
from aerchive.interop.order import order_key

REPEAT = "repeat"
"""The name of the dimension for several rows with the same coordinates."""
POINT = "point"
"""The name of the dimension of rows that form no grid."""
_MOST_CELLS = 100_000_000


def to_dataset(columns: Columns, dims: Sequence[str], *, as_grid: bool | None = None) -> Any:
    """Arranges columns on a grid whose axes are other columns, or along one dimension ``point``.

    Args:
        columns: All columns.
        dims: The names of the columns that become coordinates. The other columns become variables.
        as_grid: Whether the columns `dims` become dimensions. ``None``: they do if rows fill at least half of the grid.

    Returns:
        An ``xarray.Dataset``. On a grid each column of `dims` is a dimension with sorted coordinates
        (`aerchive.interop.order.order_key`), and if several rows have the same coordinates, there is a further
        dimension ``repeat`` in the order of the rows. Otherwise all columns lie along the dimension ``point`` in the
        order of the rows, and those of `dims` are coordinates of it. Where there is no value, real numbers are NaN,
        times are NaT, and texts and truth values are ``None``. Integers keep their dtype if none is missing. If some
        are missing, they are float64 with NaN, or, if one is beyond 2^53 and would be rounded, objects: Python's
        ``int``, and ``None``. Lists and arrays are tuples.

    Raises:
        InvalidInputError: There are no dimensions, or the grid has too many cells.
        MissingExtraError: xarray is not installed.
    """
    xarray = import_extra("xarray", "xarray")
    if not dims:
        raise InvalidInputError("an xarray table needs x: the columns that become its dimensions")
    coordinates, places = zip(*(_coordinate(columns[name]) for name in dims), strict=True)
    rows = list(zip(*(place.tolist() for place in places), strict=True))
    if as_grid is None:
        as_grid = 2 * len(set(rows)) >= math.prod(map(len, coordinates))
    if not as_grid:
        along = {name: (POINT, array_of(column)) for name, column in columns.items()}
        return xarray.Dataset({k: v for k, v in along.items() if k not in dims}, {name: along[name] for name in dims})
    repeats = _repeats(rows)
    names, axes, indices = list(dims), list(coordinates), list(places)
    if max(repeats, default=0):
        names, axes, indices = [*names, REPEAT], [*axes, np.arange(max(repeats) + 1)], [*indices, np.array(repeats)]
    shape = tuple(map(len, axes))
    if math.prod(shape) > _MOST_CELLS:
        raise InvalidInputError(f"a table of shape {shape} has too many cells; choose dimensions that form a grid")
    variables = {
        name: (names, _grid(column, shape, tuple(indices))) for name, column in columns.items() if name not in dims
    }
    return xarray.Dataset(variables, dict(zip(names, axes, strict=True)))


def _coordinate(column: Column) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Returns the distinct values of a column in order, and for each row the index of its value among them."""
    values = array_of(column)
    if values.dtype.kind != "O":
        different, places = np.unique(values, return_inverse=True)
        return different, places
    keys = list(map(order_key, column.values))
    value_of = dict(zip(keys, values.tolist(), strict=True))
    place_of = {key: place for place, key in enumerate(sorted(value_of))}
    return as_objects([value_of[key] for key in place_of]), np.array([place_of[key] for key in keys], np.intp)


def _repeats(rows: list[tuple[Hashable, ...]]) -> list[int]:
    """Returns for each row the number of rows before it with the same coordinates."""
    seen: Counter[Hashable] = Counter()
    found = []
    for row in rows:
        found.append(seen[row])
        seen[row] += 1
    return found


def _grid(column: Column, shape: tuple[int, ...], indices: tuple[NDArray[np.intp], ...]) -> NDArray[Any]:
    has_holes = len(column.values) < math.prod(shape)
    values = array_of(column, has_holes=has_holes)
    grid = np.full(shape, {"f": np.nan, "M": np.datetime64("NaT"), "O": None}.get(values.dtype.kind, 0), values.dtype)
    grid[indices] = values
    return grid
