"""Plans for reading saved arrays: what is resolved in the open file is then read without HDF5 and without a lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.limits import limits, over_limit
from aerchive.states.source import Source
from aerchive.states.workers import Watch, Workers
from aerchive.storage.chunks.grid import Piece, Selection, pieces, select
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.read_plan import ReadPlan
from aerchive.stored.block_cache import BlockPlan, RowPlanner, cached_rows
from aerchive.stored.location import ArrayLocation, as_dtype, unpacked
from aerchive.stored.opener import Planner, RunOpener


@dataclass(frozen=True)
class ArrayPlan:
    """A resolved selection of an array: it can be read without HDF5 and without a lock.

    Attributes:
        location: Where the array is.
        plan: Plan of the part of the dataset that is read.
        wanted: The selection in a packed array, which is read as a whole; ``None`` for other arrays.
    """

    location: ArrayLocation
    plan: ReadPlan
    wanted: Selection | None = None

    def read(self, fd: int, watch: Watch | None = None) -> NDArray[Any]:
        """Reads the selection.

        Args:
            fd: File descriptor of the project file.
            watch: Is told of each chunk that was read, to show progress.

        Raises:
            IntegrityError: The stored bytes are damaged.
        """
        location, values = self.location, self.plan.read(fd, watch)
        if self.wanted is not None:
            values = self.wanted.taken_from(unpacked(values, location))
        elif location.order == "F":
            values = values.T
        return as_dtype(values, np.dtype(location.dtype))


@dataclass(frozen=True)
class ComposedPlan:
    """A resolved selection of an array whose elements are computed from what is stored.

    Attributes:
        location: Where the array is.
        opened: Function that takes the descriptor of the file, and gives what computes the elements.
        wanted: The selection.
    """

    location: ArrayLocation
    opened: Callable[[int], Source]
    wanted: Selection

    def read(self, fd: int, watch: Watch | None = None) -> NDArray[Any]:
        """Computes the selection, piece by piece; arguments and errors as for `ArrayPlan.read`.

        Raises:
            UnsafeContentError: The selection has more bytes than `aerchive.limits.Limits.read_bytes`.
        """
        (axis,), dtype = self.wanted.axes, np.dtype(self.location.dtype)
        nbytes = len(axis) * dtype.itemsize
        if nbytes > limits().read_bytes:
            raise over_limit(
                self.location.name, "read_bytes", f"{nbytes} bytes would be made at once (read slices, as in [:8])"
            )
        out = np.zeros(len(axis), dtype)
        source = self.opened(fd)
        found = list(pieces(self.wanted, source.chunk))

        def compute(piece: Piece) -> None:
            ((start,), (inside,), (target,)) = piece
            values = source.read(slice(start + inside.start, start + inside.stop))
            if values is not None:
                out[target] = values[:: inside.step]

        with Workers() as workers:
            done = workers.map(compute, found)
            for _ in done if watch is None else watch(done, len(found)):
                pass
        return out[self.wanted.finish]


@dataclass(frozen=True)
class NeighbourPlan:
    """An array that is read as a whole together with those in the same chunks, which are kept for the next reads.

    Attributes:
        location: Where the array is.
        rows: Plan of the rows that are read.
    """

    location: ArrayLocation
    rows: BlockPlan

    def read(self, fd: int) -> NDArray[Any]:
        """Reads the array.

        Raises:
            IntegrityError: The stored bytes are damaged.
        """
        return np.array(self.location.taken_from(self.rows.read(fd)), copy=True, order="K")


def cached_array(run: RunOpener, location: ArrayLocation) -> NDArray[Any] | None:
    """The whole array, which must not be changed, if its chunks are still in memory and the file has not changed."""
    rows = cached_rows(run, location.name, location.owner, *location.bounds) if location.has_neighbours else None
    return None if rows is None else location.taken_from(rows)


def plan_arrays(
    group: GroupReader, locations: Sequence[ArrayLocation]
) -> list[ArrayPlan | ComposedPlan | NeighbourPlan]:
    """Plans the reading of whole arrays of an open project; a chunk with several of them is planned once."""
    planner = RowPlanner(group)
    return [
        NeighbourPlan(one, planner.plan(one.name, one.owner, *one.bounds))
        if one.has_neighbours
        else plan_array(group, one)
        for one in locations
    ]


def plan_array(group: Planner, location: ArrayLocation, key: object = ...) -> ArrayPlan | ComposedPlan:
    """Resolves a selection of an array of an open project.

    Raises:
        InvalidInputError: The index is of a kind that stored arrays do not support.
        IndexError: The index is out of range.
    """
    if location.form is not None:
        from aerchive.stored.composing import plan_form  # loads the mathematics of states

        opened = plan_form(location.form, group, location.name, location.owner)
        return ComposedPlan(location, opened, select(key, location.shape))
    if location.offset is None:
        return ArrayPlan(location, group.plan(location.name, location.owner, _stored_key(location, key)))
    return ArrayPlan(
        location, group.plan(location.name, location.owner, slice(*location.bounds)), select(key, location.shape)
    )


def _stored_key(location: ArrayLocation, key: object) -> object:
    keys = key if isinstance(key, tuple) else (key,)
    if location.order == "F":
        if not any(item is Ellipsis for item in keys):
            keys = (*keys, Ellipsis)
        keys = tuple(reversed(keys))
    return keys if location.row is None else (location.row, *keys)
