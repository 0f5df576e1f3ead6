"""Indexing of stored arrays with lists, masks and arrays of integers, as in numpy; each chunk is read once."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.filters.profiles import FEW
from aerchive.states.workers import Workers
from aerchive.storage.chunks.grid import select
from aerchive.stored.part import Box, Part, shape_of

_AHEAD = 16
"""Number of pieces by which the hint to the system precedes the read of a piece."""


def has_arrays(key: object) -> bool:
    """Whether a list or an array is among the indices, so that numpy calls the index an advanced one."""
    return any(_is_array(item) for item in (key if isinstance(key, tuple) else (key,)))


def picked(
    key: object, shape: tuple[int, ...], dtype: np.dtype[Any], parts: Callable[[], AbstractContextManager[list[Part]]]
) -> NDArray[Any]:
    """Reads the elements that an index with lists or arrays selects.

    Args:
        key: The index.
        shape: Shape of the array.
        dtype: The dtype of the array.
        parts: Opens the array and gives its pieces.

    Returns:
        A new array, of the shape that numpy gives.

    Raises:
        InvalidInputError: An index is of a kind that is not supported, or arrays do not fit each other.
        IndexError: An index is out of range, or a mask has another shape than the axes that it selects from.
    """
    picks = _picks(key, shape)
    out = np.zeros((len(picks.points[0]), *(len(axis) for axis in picks.others.values())), dtype)
    order = picks.points[0].argsort(kind="stable")
    sorted_points = picks.points[:, order]
    front = [*picks.axes, *picks.others]

    def targets(box: Box) -> tuple[Any, tuple[Any, ...]] | None:
        """Index of the result, and of the values of a box, for those elements of the box that are selected."""
        first, last = sorted_points[0].searchsorted([box[picks.axes[0]].start, box[picks.axes[0]].stop])
        points, numbers = sorted_points[:, first:last], order[first:last]
        for at, axis in enumerate(picks.axes[1:], 1):
            chosen = (points[at] >= box[axis].start) & (points[at] < box[axis].stop)
            points, numbers = points[:, chosen], numbers[chosen]
        crossed = [_crossed(wanted, box[axis]) for axis, wanted in picks.others.items()]
        if not len(numbers) or any(source is None for _, source in crossed):
            return None
        inside = tuple(values - box[axis].start for axis, values in zip(picks.axes, points, strict=True))
        return (numbers, *(target for target, _ in crossed)), (*inside, *(source for _, source in crossed))

    def fill(part: Part, members: list[tuple[Any, Any, tuple[Any, ...]]]) -> None:
        if part.pick is not None:
            (_, target, source), box = members[0], part.members[0][0]
            index = picks.crossed(source)
            if math.prod(np.broadcast_shapes(*(along.shape for along in index))) * FEW < math.prod(shape_of(box)):
                chosen = part.pick(index)
                if chosen is not None:
                    out[target] = chosen
                return
        values = part.load()
        if values is not None:
            for where, target, source in members:
                out[target] = values[where].transpose(front)[source]

    with parts() as every, Workers() as workers:
        tried = (
            (part, [(where, *both) for box, where in part.members if (both := targets(box)) is not None])
            for part in every
        )
        found = [(part, members) for part, members in tried if members]

        def work(number: int) -> None:
            for part, _ in found[number + _AHEAD if number else 0 : number + _AHEAD + 1]:
                part.announce()
            fill(*found[number])

        for _ in workers.map(work, range(len(found))):
            pass
    return picks.finished(out)


def computed(key: object, shape: tuple[int], elements: Callable[[NDArray[np.int64]], NDArray[Any]]) -> NDArray[Any]:
    """Computes the elements of an array of one axis that an index with a list or an array selects.

    Args:
        key: The index.
        shape: Shape of the array.
        elements: Function that computes the elements with some indices, shape ``(k,)``.

    Returns:
        A new array, of the shape that numpy gives; errors as for `picked`.
    """
    picks = _picks(key, shape)
    return picks.finished(elements(picks.points[0]))


class _Picks(NamedTuple):
    """An index with arrays.

    Attributes:
        axes: The axes that arrays and integers select from.
        points: The selected indices along these axes, shape ``(len(axes), points)``.
        shape: The shape of the index arrays, after broadcasting.
        others: The selected indices of each other axis, ascending.
        flipped: Whether the caller asked for them in descending order, for each other axis.
        position: The axis of the result at which the axes of the index arrays are.
    """

    axes: list[int]
    points: NDArray[np.int64]
    shape: tuple[int, ...]
    others: dict[int, range]
    flipped: list[bool]
    position: int

    def crossed(self, source: tuple[Any, ...]) -> tuple[NDArray[np.int64], ...]:
        """The indices of the selected elements of a box along each axis, to be broadcast together.

        Args:
            source: The indices of the points in the box along `axes`, then a slice for each of `others`.
        """
        along = dict(zip((*self.axes, *self.others), source, strict=True))
        after = len(self.others)
        indices = {axis: along[axis].reshape(-1, *[1] * after) for axis in self.axes}
        for number, axis in enumerate(self.others, 1):
            part = along[axis]
            indices[axis] = np.arange(part.start, part.stop, part.step).reshape(-1, *[1] * (after - number))
        return tuple(indices[axis] for axis in sorted(indices))

    def finished(self, values: NDArray[Any]) -> NDArray[Any]:
        """Gives the result its shape, from values whose first axis counts the points."""
        values = values[(slice(None), *(slice(None, None, -1 if flip else 1) for flip in self.flipped))]
        values = values.reshape(*self.shape, *values.shape[1:])
        moved = range(len(self.shape))
        return np.ascontiguousarray(np.moveaxis(values, moved, [self.position + axis for axis in moved]))


def _picks(key: object, shape: tuple[int, ...]) -> _Picks:
    keys = list(key) if isinstance(key, tuple) else [key]
    arrays = [_as_indices(item) if _is_array(item) else None for item in keys]
    dots = [at for at, item in enumerate(keys) if item is Ellipsis]
    widths = [array.ndim if array is not None and array.dtype == bool else 1 for array in arrays]
    taken = sum(widths) - len(dots)
    if len(dots) > 1:
        raise InvalidInputError("an index can have only one ellipsis ('...')")
    if taken > len(shape):
        raise InvalidInputError(f"too many indices: the array has {len(shape)} axes, {taken} were given")
    at = dots[0] if dots else len(keys)
    is_split = all(any(not isinstance(item, slice) for item in side) for side in (keys[:at], keys[at + 1 :]))
    keys[at : at + len(dots)] = [slice(None)] * (len(shape) - taken)
    arrays[at : at + len(dots)] = [None] * (len(shape) - taken)
    axis, axes, indices, others, flipped = 0, [], [], {}, []
    for item, array in zip(keys, arrays, strict=True):
        if array is not None and array.dtype == bool:
            for along, size in enumerate(array.shape):
                if size != shape[axis + along]:
                    raise IndexError(f"a mask of length {size} for axis {axis + along} with size {shape[axis + along]}")
            found = array.nonzero()
        elif array is not None:
            found = (array,)
        else:
            (wanted,), (flip,), (is_integer,) = select(item, shape[axis : axis + 1])
            if not is_integer:
                others[axis] = wanted
                flipped.append(flip)
                axis += 1
                continue
            found = (np.asarray(wanted[0]),)
        for values in found:
            indices.append(_in_range(values, axis, shape[axis]))
            axes.append(axis)
            axis += 1
    try:
        broadcast = np.broadcast_arrays(*indices)
    except ValueError as error:
        shapes = ", ".join(str(one.shape) for one in indices)
        raise IndexError(f"index arrays of the shapes {shapes} cannot be broadcast together") from error
    together = axes == list(range(axes[0], axes[-1] + 1)) and not is_split
    points = np.stack([one.reshape(-1) for one in broadcast])
    return _Picks(axes, points, broadcast[0].shape, others, flipped, axes[0] if together else 0)


def _is_array(item: object) -> bool:
    if isinstance(item, list | tuple):
        return True
    return hasattr(item, "__array__") and getattr(item, "ndim", 0) > 0


def _as_indices(item: object) -> NDArray[Any]:
    values = np.asarray(item)
    if values.size == 0 and isinstance(item, list | tuple):
        values = values.astype(np.int64)
    if values.dtype.kind not in "iub":
        raise InvalidInputError(f"cannot index a stored array with an array of {values.dtype}: use integers or a mask")
    return values


def _in_range(values: NDArray[Any], axis: int, length: int) -> NDArray[np.int64]:
    """Indices that count from the start of an axis."""
    wrong = (values < -length) | (values >= length)
    if wrong.any():
        raise IndexError(f"index {values[wrong][0]} is out of range for axis {axis} with size {length}")
    found = values.astype(np.int64)
    return np.where(found < 0, found + length, found)


def _crossed(wanted: range, within: slice) -> tuple[slice, slice | None]:
    """Which of ascending indices lie in a slice: their positions among the indices and in the slice, or ``None``."""
    first = max(0, -(-(within.start - wanted.start) // wanted.step))
    last = min(len(wanted), -(-(within.stop - wanted.start) // wanted.step))
    if first >= last:
        return slice(0, 0), None
    start = wanted[first] - within.start
    return slice(first, last), slice(start, wanted[last - 1] - within.start + 1, wanted.step)
