"""Columns of a table, before a library has given them a type of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Kind = Literal["text", "integer", "unsigned", "real", "truth", "time", "texts", "any"]
"""What a column holds; ``time`` is microseconds since 1970 (UTC), ``texts`` a list of texts a row."""

_KINDS: dict[frozenset[type], Kind] = {
    frozenset((str,)): "text",
    frozenset((bool,)): "truth",
    frozenset((int,)): "integer",
    frozenset((float,)): "real",
    frozenset((int, float)): "real",
}


class Column(NamedTuple):
    """One column.

    Attributes:
        kind: What it holds.
        values: One a row; ``None`` where there is none.
    """

    kind: Kind
    values: Sequence[Any]


Columns = dict[str, Column]
"""By name, all of the same length."""


def as_objects(values: Sequence[Any]) -> NDArray[Any]:
    """Values of any kind, lists and arrays among them, each as one element; shape (values,)."""
    objects = np.empty(len(values), object)
    for number, value in enumerate(values):  # all at once, numpy would look into arrays
        objects[number] = value
    return objects


def column_of(values: Sequence[Any]) -> Column:
    """A column whose kind follows from its values; numbers beyond 64 bits, and mixtures, are ``any``."""
    kind = _KINDS.get(frozenset(map(type, values)) - {type(None)}, "any")
    if kind == "integer" and any(value is not None and not -(2**63) <= value < 2**63 for value in values):
        kind = "any"
    return Column(kind, values)
