"""The pieces of a stored array in which it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numpy.typing import NDArray

Box = tuple[slice, ...]
"""A part of an array: one slice for each axis, with start and stop and without a step."""


def _nothing() -> None:
    """Does nothing."""


class Part(NamedTuple):
    """Values that are read at once, which are those of one chunk.

    Attributes:
        load: Reads the values, in any thread; ``None`` if nothing is stored, so that all values are zero.
        members: One pair for each box of the array to which the values belong: the box, and the index of its values
            among those that were read.
        pick: Reads only some of the values, in any thread: it takes one array of indices for each axis, which can be
            broadcast together, and its answer is otherwise that of `load`. Then there is one member. ``None`` if the
            values have to be read together.
        announce: Tells the system that the values are read soon; only a hint.
    """

    load: Callable[[], NDArray[Any] | None]
    members: tuple[tuple[Box, Any], ...]
    pick: Callable[[tuple[NDArray[Any], ...]], NDArray[Any] | None] | None = None
    announce: Callable[[], None] = _nothing


def shape_of(box: Box) -> tuple[int, ...]:
    """The shape of the values in a box."""
    return tuple(axis.stop - axis.start for axis in box)
