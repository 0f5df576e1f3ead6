"""Columns of a table, before they are converted to the types of another library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Kind = Literal["text", "integer", "unsigned", "real", "truth", "time", "texts", "any"]
"""The kind of the values in a column. ``time``: microseconds since 1970 (UTC); ``texts``: lists of texts."""

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


def column_of(values: Sequence[Any]) -> Column:
    """Returns a column whose kind follows from its values.

    Mixed types are ``any``, and so are integers beyond 64 bits, or beyond 53 bits beside floats.
    """
    kind = _KINDS.get(frozenset(map(type, values)) - {type(None)}, "any")
    least, most = (-(2**53), 2**53) if kind == "real" else (-(2**63), 2**63 - 1)
    if kind in ("integer", "real") and any(type(value) is int and not least <= value <= most for value in values):
        kind = "any"
    return Column(kind, values)
