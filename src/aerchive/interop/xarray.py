"""Converts columns to an ``xarray.Dataset``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.interop.columns import Column, Columns, as_objects
from aerchive.interop.extras import import_extra

REPEAT = "repeat"
"""The name of the dimension for several rows with the same coordinates."""
_MOST_CELLS = 100_000_000


def to_dataset(columns: Columns, dims: Sequence[str]) -> Any:
    """Arranges columns on a grid whose axes are other columns.

    Args:
        columns: All columns.
        dims: The names of the columns that become dimensions. The other columns become variables. If several rows have
            the same coordinates, there is a further dimension ``repeat`` in the order of the rows.

    Returns:
        An ``xarray.Dataset`` with sorted coordinates. Numbers are NaN where there is no row.

    Raises:
        InvalidInputError: There are no dimensions, a dimension has values that cannot be sorted, or the grid has too
            many cells.
        MissingExtraError: xarray is not installed.
    """
    xarray = import_extra("xarray", "xarray")
    if not dims:
        raise InvalidInputError("an xarray table needs x: the columns that become its dimensions")
    coordinates, places = zip(*(_coordinate(name, columns[name]) for name in dims), strict=True)
    rows = list(zip(*(place.tolist() for place in places), strict=True))
    repeats = _repeats(rows)
    names, axes, indices = list(dims), list(coordinates), list(places)
    if max(repeats, default=0):
        names, axes, indices = [*names, REPEAT], [*axes, np.arange(max(repeats) + 1)], [*indices, np.array(repeats)]
    shape = tuple(len(axis) for axis in axes)
    if np.prod(shape, dtype=object) > _MOST_CELLS:
        raise InvalidInputError(f"a table of shape {shape} has too many cells; choose dimensions that form a grid")
    variables = {
        name: (names, _grid(column, shape, tuple(indices))) for name, column in columns.items() if name not in dims
    }
    return xarray.Dataset(variables, dict(zip(names, axes, strict=True)))


def _coordinate(name: str, column: Column) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Returns the distinct values of a column in order, and for each row the index of its value among them."""
    values = _array(column)
    try:
        different, places = np.unique(values, return_inverse=True)
    except (ArithmeticError, TypeError, ValueError) as error:  # arrays, for example, have no order
        raise InvalidInputError(f"{name!r} has values that cannot be sorted: {error}") from error
    return different, places


def _repeats(rows: list[tuple[Hashable, ...]]) -> list[int]:
    """Returns for each row the number of rows before it with the same coordinates."""
    seen: Counter[Hashable] = Counter()
    found = []
    for row in rows:
        found.append(seen[row])
        seen[row] += 1
    return found


def _grid(column: Column, shape: tuple[int, ...], indices: tuple[NDArray[np.intp], ...]) -> NDArray[Any]:
    values = _array(column)
    if values.dtype.kind in "iu" and len(values) < np.prod(shape):  # cells without a row become NaN
        values = values.astype(np.float64)
    missing = {"f": np.nan, "M": np.datetime64("NaT"), "O": None}.get(values.dtype.kind, 0)
    grid = np.full(shape, missing, values.dtype)
    grid[indices] = values
    return grid


def _array(column: Column) -> NDArray[Any]:
    kind, values = column
    if kind == "time":
        return np.array(values, "M8[us]")
    if kind == "real" or (kind in ("integer", "unsigned") and None in values):
        return np.array([np.nan if value is None else value for value in values], np.float64)
    if kind in ("integer", "unsigned"):
        return np.array(values, np.int64 if kind == "integer" else np.uint64)
    return as_objects(values)
