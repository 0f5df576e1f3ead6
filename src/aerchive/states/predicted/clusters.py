"""Finds the different amplitudes of a state in which few amplitudes repeat, up to rounding.

States with symmetries, such as those of QAOA on a graph, have many amplitudes that would be equal without rounding. A
table has one value for each, and an index says which one an amplitude has.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.states.predicted.encoded import PIECE
from aerchive.states.predicted.plain import Plain
from aerchive.states.predicted.residuals import Numbers, smallest
from aerchive.states.source import cut
from aerchive.threads import in_order

_SAMPLED = 2**22
_TOLERANCE = 2.0**8
"""The distance within which amplitudes count as equal, in units of the precision of a typical amplitude."""
_SMALL = 6
"""A table has at most one value for this number of amplitudes."""


class Order(NamedTuple):
    """The different amplitudes of a sample in ascending order.

    Attributes:
        values: The values, shape ``(parts, values)``, ascending by real part where these differ, else by imaginary.
        groups: A number below all real parts of each group of equal real parts.
        firsts: The index of the first value of each group, and the number of values at the end.
    """

    values: NDArray[np.float64]
    groups: NDArray[np.float64]
    firsts: NDArray[np.int64]


def order(parts: Numbers, precision: float) -> Order | None:
    """Returns the different amplitudes of a sample, or ``None`` if the sample is not finite.

    Args:
        parts: Real parts, and imaginary parts unless they are zero, shape ``(parts, n)``.
        precision: The precision of the numbers.
    """
    values = parts.astype(np.float64)
    typical = float(np.sqrt(np.square(values).sum(axis=0).mean()))
    if not np.isfinite(typical):
        return None
    near = _TOLERANCE * precision * typical
    values = values[:, np.argsort(values[0], kind="stable")]
    is_first = np.diff(values[0], prepend=-np.inf) > near
    group = np.cumsum(is_first) - 1
    groups = values[0][is_first] - near / 2
    if len(values) == 2:
        arranged = np.lexsort((values[1], group))
        values, group = values[:, arranged], group[arranged]
        is_first = (np.diff(group, prepend=-1) > 0) | (np.diff(values[1], prepend=-np.inf) > near)
    starts = np.flatnonzero(is_first)
    counts = np.diff(starts, append=values.shape[1])
    base = values[:, starts]
    spread = np.add.reduceat(values - np.repeat(base, counts, axis=1), starts, axis=1)
    firsts = np.searchsorted(group[starts], np.arange(len(groups) + 1))
    return Order(base + spread / counts, groups, firsts)


class Clusters(NamedTuple):
    """A table of values, and the numbers of the values of all amplitudes.

    Attributes:
        plain: The state.
        found: The different amplitudes.
        names: The number in the table for each of them, in the order in which they first appear in the state, because
            equal sequences of numbers are then frequent.
    """

    plain: Plain
    found: Order
    names: NDArray[Any]

    @property
    def table(self) -> NDArray[np.float64]:
        """The values, shape ``(parts, values)``, C-contiguous."""
        table = np.empty_like(self.found.values)
        table[:, self.names] = self.found.values
        return table

    def numbers(self, start: int, stop: int) -> NDArray[Any]:
        """Returns the numbers of the values of some amplitudes, shape ``(stop - start,)``."""
        found: NDArray[Any] = self.names[assigned(self.plain.parts(start, stop), self.found)]
        return found


def find_clusters(plain: Plain) -> Clusters | None:
    """Returns the different amplitudes of a state, or ``None`` if the state has too many different amplitudes.

    The table is made from a sample of large states. An amplitude that is not like any of the sample gets a wrong value,
    which makes its residual large, but still exact.
    """
    size = plain.state.size
    with np.errstate(all="ignore"):
        found = order(_sample(plain, _SAMPLED), plain.precision)
    if found is None or found.values.shape[1] * _SMALL > size:
        return None
    number = found.values.shape[1]
    names = np.empty(number, smallest(number - 1))
    names[_by_appearance(plain, found)] = np.arange(number)
    return Clusters(plain, found, names)


def _sample(plain: Plain, number: int) -> Numbers:
    """Returns the parts of all amplitudes, or of amplitudes at random places."""
    size = plain.state.size
    if size <= number:
        return plain.parts(0, size)
    places = np.sort(np.random.default_rng(0).integers(size, size=number))
    return Plain(plain.state[places], plain.is_single, plain.is_real).parts(0, number)


def assigned(parts: Numbers, found: Order) -> NDArray[np.int64]:
    """Returns the number of a near value, mostly the nearest, for each amplitude.

    Args:
        parts: The amplitudes, shape ``(parts, n)``, as for `order`.
        found: The values.
    """
    values = parts.astype(np.float64)
    group = np.searchsorted(found.groups, values[0], side="right") - 1
    np.maximum(group, 0, out=group)
    at: NDArray[np.int64] = found.firsts[group]
    if len(values) == 1 or len(found.groups) == found.values.shape[1]:
        return at
    last = found.firsts[group + 1] - 1
    while (low := at < last).any():  # bisects all ranges at once for the nearest imaginary part
        middle = (at + last) // 2
        limit = (found.values[1][middle] + found.values[1][np.minimum(middle + 1, last)]) / 2
        is_above = values[1] > limit
        at = np.where(low & is_above, middle + 1, at)
        last = np.where(low & ~is_above, middle, last)
    return at


def _by_appearance(plain: Plain, found: Order) -> NDArray[np.int64]:
    """Returns the numbers in the order in which they first appear; those that do not appear come last."""

    def appearing(piece: slice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        seen, places = np.unique(assigned(plain.parts(piece.start, piece.stop), found), return_index=True)
        return seen, places + piece.start

    size = plain.state.size
    first = np.full(found.values.shape[1], size, np.int64)
    for seen, places in in_order(appearing, cut(size, PIECE), size // PIECE):
        first[seen] = np.minimum(first[seen], places)
    return np.argsort(first, kind="stable")
