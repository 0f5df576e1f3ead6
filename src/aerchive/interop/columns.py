"""Columns of a table, before they are converted to the types of another library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.interop.order import as_tuple

Kind = Literal["text", "integer", "unsigned", "real", "truth", "time", "texts", "any"]
"""The kind of the values in a column. ``time``: microseconds since 1970 (UTC); ``texts``: lists of texts."""

_MOST_EXACT = 2**53
"""Integers up to this size are exact as floating-point numbers."""
_KINDS: dict[frozenset[type], Kind] = {
    frozenset((str,)): "text",
    frozenset((bool,)): "truth",
    frozenset((int,)): "integer",
    frozenset((float,)): "real",
    frozenset((int, float)): "real",
}


class Column(NamedTuple):
    """One column of a table.

    Attributes:
        kind: The kind of the values.
        values: One value for each row. ``None`` means that the row has no value.
    """

    kind: Kind
    values: Sequence[Any]


Columns = dict[str, Column]
"""The columns of a table by name. All columns have the same length."""


def as_objects(values: Sequence[Any]) -> NDArray[Any]:
    """Returns an object array of shape ``(len(values),)`` with one value per element, also for lists and arrays."""
    objects = np.empty(len(values), object)
    for number, value in enumerate(values):  # one at a time: numpy would split lists and arrays
        objects[number] = value
    return objects


def array_of(column: Column, *, has_holes: bool = False) -> NDArray[Any]:
    """Returns a column as an array of a dtype that can also represent what is missing.

    Args:
        column: The column.
        has_holes: Whether the array must be able to represent what is missing although the column misses nothing.
    """
    kind, values = column
    if kind == "time":
        return np.array(values, "M8[us]")
    if kind in ("integer", "unsigned"):
        if not has_holes and None not in values:
            return np.array(values, np.int64 if kind == "integer" else np.uint64)
        kind = "any" if any(value is not None and abs(value) > _MOST_EXACT for value in values) else "real"
    if kind == "real":
        return np.array([np.nan if value is None else value for value in values], np.float64)
    return as_objects(list(map(as_tuple, values)))


def column_of(values: Sequence[Any]) -> Column:
    """Returns a column whose kind follows from its values.

    Mixed types are ``any``, and so are integers beyond 64 bits, or beyond 53 bits beside floats.
    """
    kind = _KINDS.get(frozenset(map(type, values)) - {type(None)}, "any")
    least, most = (-(2**53), 2**53) if kind == "real" else (-(2**63), 2**63 - 1)
    if kind in ("integer", "real") and any(type(value) is int and not least <= value <= most for value in values):
        kind = "any"
    return Column(kind, values)
