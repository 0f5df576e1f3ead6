"""The values of many runs under one name, some of which may be missing."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from aerchive.interop.columns import Column, as_objects, column_of
from aerchive.interop.order import as_tuple


class Values(NamedTuple):
    """Values of runs or points, in order.

    Attributes:
        items: The values, shape ``(n,)``: float64, int64 or objects; what stands where there is none has no meaning.
        has: Whether there is a value; bool, shape ``(n,)``.
    """

    items: NDArray[Any]
    has: NDArray[np.bool_]

    @classmethod
    def empty(cls, number: int) -> Self:
        """No values, of so many runs."""
        return cls(np.zeros(number), np.zeros(number, bool))

    @classmethod
    def of(cls, items: list[Any], absent: Any = None) -> Self:
        """Values that are given as a list; ``absent`` stands where there is none."""
        return cls(as_objects(items), np.array([item is not absent for item in items], bool))

    def put(self, at: NDArray[np.intp], items: NDArray[Any]) -> Self:
        """Returns the values with further ones at some places where there is none yet."""
        is_new = ~self.has[at]
        at, items = at[is_new], items[is_new]
        if not len(at):
            return self
        has = self.has.copy()
        has[at] = True
        if not self.has.any():
            mine = np.zeros(len(has), items.dtype)
        elif self.items.dtype == items.dtype:
            mine = self.items.copy()
        else:
            mine, items = as_objects(self.items.tolist()), as_objects(items.tolist())
        mine[at] = items
        return type(self)(mine, has)

    def or_else(self, other: Self) -> Self:
        """Returns the values with those of another object where there is none."""
        at = np.flatnonzero(~self.has & other.has)
        return self.put(at, other.items[at])

    def without_none(self) -> Self:
        """Returns the values with none where the value is ``None``, which a column of a table cannot tell apart."""
        if self.items.dtype != object:
            return self
        return type(self)(self.items, self.has & np.array([item is not None for item in self.items], bool))

    def take(self, at: NDArray[Any]) -> Self:
        """Returns the values at some places."""
        return type(self)(self.items[at], self.has[at])

    def joined(self, other: Self) -> Self:
        """Returns these values followed by those of another object."""
        start = len(self.has)
        whole = type(self).empty(start + len(other.has))
        at, more = np.flatnonzero(self.has), np.flatnonzero(other.has)
        return whole.put(at, self.items[at]).put(start + more, other.items[more])

    def listed(self, absent: Any = None) -> list[Any]:
        """Returns the values as a list of Python's values."""
        items: list[Any] = self.items.tolist()
        if not self.has.all():
            items = [item if has else absent for item, has in zip(items, self.has.tolist(), strict=True)]
        return items

    def column(self, *, with_tuples: bool = True) -> Column:
        """Returns the values as a column of a table.

        Args:
            with_tuples: Whether lists and arrays become tuples.
        """
        if self.has.all() and self.items.dtype.kind in "fi":
            return Column("real" if self.items.dtype.kind == "f" else "integer", self.items.tolist())
        return column_of(list(map(as_tuple, self.listed())) if with_tuples else self.listed())
