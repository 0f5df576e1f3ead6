"""The grid of chunks of an array: shape and numbers of the chunks, and the chunks that a selection needs."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator
from typing import Any, NamedTuple

from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import InvalidInputError


def chunk_shape(shape: tuple[int, ...], itemsize: int, chunk_bytes: int = layout.CHUNK_BYTES) -> tuple[int, ...]:
    """Shape of chunks of about ``chunk_bytes``, as long as possible along the last axes, so that each is contiguous."""
    left = max(1, chunk_bytes // itemsize)
    chunk = []
    for length in reversed(shape):
        piece = max(1, min(length, left))
        chunk.append(piece)
        left = max(1, left // piece)
    return tuple(reversed(chunk))


def grid_shape(shape: tuple[int, ...], chunk: tuple[int, ...]) -> tuple[int, ...]:
    """The number of chunks along each axis."""
    return tuple(-(-length // piece) for length, piece in zip(shape, chunk, strict=True))


def box_shape(offset: tuple[int, ...], shape: tuple[int, ...], chunk: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the part of a chunk that lies in the array; ``offset`` is the index of the chunk's first element."""
    return tuple(min(piece, length - start) for start, length, piece in zip(offset, shape, chunk, strict=True))


def chunk_number(offset: tuple[int, ...], shape: tuple[int, ...], chunk: tuple[int, ...]) -> int:
    """The row-major number of the chunk whose first element has the index ``offset``."""
    number = 0
    for start, piece, along in zip(offset, chunk, grid_shape(shape, chunk), strict=True):
        number = number * along + start // piece
    return number


def chunk_offsets(shape: tuple[int, ...], chunk: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The indices of the first elements of all chunks, in row-major order."""
    axes = [range(0, length, piece) for length, piece in zip(shape, chunk, strict=True)]
    return itertools.product(*axes)


class Selection(NamedTuple):
    """A basic selection of an array.

    Attributes:
        axes: The selected indices of each axis, in ascending order.
        flipped: For each axis, whether the caller asked for the indices in descending order.
        dropped: For each axis, whether an integer selected it, so that the result does not have this axis.
    """

    axes: tuple[range, ...]
    flipped: tuple[bool, ...]
    dropped: tuple[bool, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the selected box, before axes are dropped."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def finish(self) -> tuple[int | slice, ...]:
        """The index that turns the box read from the file into the array that the caller asked for."""
        return tuple(
            0 if dropped else slice(None, None, -1 if flipped else 1)
            for flipped, dropped in zip(self.flipped, self.dropped, strict=True)
        )

    def taken_from(self, values: NDArray[Any]) -> NDArray[Any]:
        """The selected values of an array in memory; a view where that is possible."""
        box = tuple(slice(axis.start, axis.stop, axis.step) for axis in self.axes)
        part: NDArray[Any] = values[box][self.finish]
        return part


def select(key: object, shape: tuple[int, ...]) -> Selection:
    """Interprets an index as numpy does, for integers, slices and ``...``.

    Raises:
        InvalidInputError: The index is of another kind, or has too many items.
        IndexError: An integer is out of range, as in numpy.
    """
    keys = list(key) if isinstance(key, tuple) else [key]
    dots = [at for at, item in enumerate(keys) if item is Ellipsis]
    if len(dots) > 1:
        raise InvalidInputError("an index can have only one ellipsis ('...')")
    given = len(keys) - len(dots)
    if given > len(shape):
        raise InvalidInputError(f"too many indices: the array has {len(shape)} axes, {given} were given")
    at = dots[0] if dots else len(keys)
    keys[at : at + 1] = [slice(None)] * (len(shape) - given)
    axes, flipped, dropped = [], [], []
    for axis, (item, length) in enumerate(zip(keys, shape, strict=True)):
        if isinstance(item, slice):
            wanted = range(length)[item]
            flip = wanted.step < 0
            axes.append(wanted[::-1] if flip else wanted)
            flipped.append(flip)
            dropped.append(False)
        elif (position := _as_integer(item)) is not None:
            if not -length <= position < length:
                raise IndexError(f"index {position} is out of range for axis {axis} with length {length}")
            axes.append(range(position % length, position % length + 1))
            flipped.append(False)
            dropped.append(True)
        else:
            raise InvalidInputError(
                f"cannot index a stored array with {type(item).__name__}: use integers, slices or '...', "
                "or numpy.asarray(array)[...] to read all of it first"
            )
    return Selection(tuple(axes), tuple(flipped), tuple(dropped))


def _as_integer(item: Any) -> int | None:
    if isinstance(item, bool):
        return None
    try:
        return operator.index(item)
    except TypeError:
        return None


class Piece(NamedTuple):
    """The elements that a selection takes from one chunk.

    Attributes:
        offset: Index in the array of the chunk's first element.
        inside: Index in the chunk of the selected elements.
        target: Index in the selected box of the same elements.
    """

    offset: tuple[int, ...]
    inside: tuple[slice, ...]
    target: tuple[slice, ...]


def pieces(selection: Selection, chunk: tuple[int, ...]) -> Iterator[Piece]:
    """The pieces of all chunks that a selection needs, in row-major order."""
    if 0 in selection.shape:
        return
    along = [list(_along(axis, piece)) for axis, piece in zip(selection.axes, chunk, strict=True)]
    for parts in itertools.product(*along):
        yield Piece(
            tuple(part[0] for part in parts), tuple(part[1] for part in parts), tuple(part[2] for part in parts)
        )


def _along(axis: range, piece: int) -> Iterator[tuple[int, slice, slice]]:
    done = 0
    while done < len(axis):
        start = axis[done] // piece * piece
        number = min(len(axis) - done, math.ceil((start + piece - axis[done]) / axis.step))
        first = axis[done] - start
        yield start, slice(first, first + (number - 1) * axis.step + 1, axis.step), slice(done, done + number)
        done += number
