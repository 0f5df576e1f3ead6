"""A stored array that is open: boxes of it are read in any thread, without HDF5 and without a lock."""

from __future__ import annotations

import functools
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.source import Source
from aerchive.storage.chunks.read_plan import ChunkLocation
from aerchive.stored.array_plan import ArrayPlan, ComposedPlan
from aerchive.stored.location import as_dtype
from aerchive.stored.part import Box, Part


class OpenArray(ABC):
    """A whole stored array, ready to be read piece by piece; an `aerchive.states.source.Source`.

    Attributes:
        shape: Shape of the array as it is stored.
        chunk: Shape of the pieces that are stored, and read, as a whole.
        is_turned: Whether the axes on disk are those of the array in reverse order.
    """

    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    is_turned: bool = False

    @abstractmethod
    def read(self, *box: slice) -> NDArray[Any] | None:
        """Reads the values in a box.

        Args:
            *box: One slice for each axis, with a start and a stop and without a step.

        Returns:
            The values, which must not be changed; ``None`` if none of their chunks was ever written, so that all are
            zero.

        Raises:
            IntegrityError: The stored bytes are damaged.
        """

    def boxes(self) -> Iterator[tuple[slice, ...]]:
        """The boxes of the chunks, as one slice for each axis, in row-major order of the grid of chunks."""
        axes = [
            [slice(start, min(start + piece, length)) for start in range(0, length, piece)]
            for length, piece in zip(self.shape, self.chunk, strict=True)
        ]
        return itertools.product(*axes)

    def pick(self, box: tuple[slice, ...], index: tuple[NDArray[Any], ...]) -> NDArray[Any] | None:
        """Reads some values in the box of a chunk.

        Args:
            box: One of `boxes`.
            index: The indices in the box along each axis, arrays that can be broadcast together.

        Returns:
            The values, with the shape of the indices after broadcasting; ``None`` as for `read`.

        Raises:
            IntegrityError: The stored bytes are damaged.
        """
        values = self.read(*box)
        return None if values is None else values[index]

    def announce(self, box: tuple[slice, ...]) -> None:  # noqa: B027  (a hint need not be given)
        """Tells the system that a box of `boxes` is read soon; only a hint."""

    def parts(self) -> list[Part]:
        """The pieces in which the array is read, each a box of the array and not of what is on disk."""

        def loader(box: Box) -> Callable[[], NDArray[Any] | None]:
            def load() -> NDArray[Any] | None:
                values = self.read(*box)
                return values.T if values is not None and self.is_turned else values

            return load

        def picker(box: Box) -> Callable[[tuple[NDArray[Any], ...]], NDArray[Any] | None]:
            return lambda index: self.pick(box, index[::-1] if self.is_turned else index)

        return [
            Part(
                loader(box),
                ((box[::-1] if self.is_turned else box, ...),),
                picker(box),
                functools.partial(self.announce, box),
            )
            for box in self.boxes()
        ]


class ComposedArray(OpenArray):
    """An array whose elements are computed from what is stored.

    Args:
        source: What computes them.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.shape, self.chunk = source.shape, source.chunk

    def read(self, *box: slice) -> NDArray[Any] | None:
        """See `OpenArray`."""
        return self.source.read(*box)


def open_array(plan: ArrayPlan | ComposedPlan, fd: int) -> OpenArray:
    """Opens an array.

    Args:
        plan: Plan to read the whole array.
        fd: File descriptor of the project file, open for reading as long as the result is used.
    """
    return ChunkedArray(plan, fd) if isinstance(plan, ArrayPlan) else ComposedArray(plan.opened(fd))


class ChunkedArray(OpenArray):
    """An array whose elements are stored, in chunks.

    Its axes are those on disk, in reverse order if the array was in Fortran order. Chunks are not kept in memory.

    Args:
        plan: Plan to read the whole array.
        fd: File descriptor of the project file, open for reading as long as this object is used.
    """

    def __init__(self, plan: ArrayPlan, fd: int) -> None:
        location, read_plan = plan.location, plan.plan
        self._plan = read_plan
        self._fd = fd
        self._dtype = np.dtype(location.dtype)
        self._values: NDArray[Any] | None = None
        self.is_turned = location.order == "F"
        self.shape = location.shape[::-1] if self.is_turned else location.shape
        self._skipped = 0 if location.row is None else 1
        self.chunk = read_plan.chunk[self._skipped :]
        if location.offset is not None or read_plan.values is not None:  # small
            values = plan.read(fd)
            self._values = values.T if self.is_turned else values
            self.chunk = self.shape
            return
        self._locations = {
            tuple(
                offset // length for offset, length in zip(chunk.piece.offset[self._skipped :], self.chunk, strict=True)
            ): chunk
            for chunk in read_plan.locations
        }

    def read(self, *box: slice) -> NDArray[Any] | None:
        """See `OpenArray`."""
        if self._values is not None:
            part: NDArray[Any] = self._values[box]
            return part
        along = [
            range(axis.start // length, -(-axis.stop // length)) for axis, length in zip(box, self.chunk, strict=True)
        ]
        whole: NDArray[Any] | None = None
        for numbers in itertools.product(*along):
            values = self._chunk(numbers)
            if values is None:
                continue
            source, target = _shared(box, numbers, self.chunk)
            if all(len(axis) == 1 for axis in along):
                return values[source]
            if whole is None:
                whole = np.zeros([axis.stop - axis.start for axis in box], self._dtype)
            whole[target] = values[source]
        return whole

    def pick(self, box: tuple[slice, ...], index: tuple[NDArray[Any], ...]) -> NDArray[Any] | None:
        """See `OpenArray`."""
        if self._values is not None:
            return super().pick(box, index)
        location = self._location(box)
        if self._skipped:
            index = (np.array(location.piece.inside[0].start), *index)
        values = self._plan.elements_at(self._fd, location, index)
        return None if values is None else as_dtype(values, self._dtype)

    def announce(self, box: tuple[slice, ...]) -> None:
        """See `OpenArray`."""
        if self._values is None:
            self._plan.announce(self._fd, self._location(box))

    def _location(self, box: tuple[slice, ...]) -> ChunkLocation:
        """The chunk of a box of `boxes`."""
        return self._locations[tuple(axis.start // length for axis, length in zip(box, self.chunk, strict=True))]

    def _chunk(self, numbers: tuple[int, ...]) -> NDArray[Any] | None:
        location = self._locations[numbers]
        values = self._plan.values_at(self._fd, location)
        if values is None:
            return None
        if self._skipped:
            values = values[location.piece.inside[0].start]
        return as_dtype(values, self._dtype)


def _shared(
    box: tuple[slice, ...], numbers: tuple[int, ...], chunk: tuple[int, ...]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The intersection of a box and a chunk: its slices in the chunk, and its slices in the box."""
    source, target = [], []
    for axis, number, length in zip(box, numbers, chunk, strict=True):
        start, stop = max(axis.start, number * length), min(axis.stop, (number + 1) * length)
        source.append(slice(start - number * length, stop - number * length))
        target.append(slice(start - axis.start, stop - axis.start))
    return tuple(source), tuple(target)
