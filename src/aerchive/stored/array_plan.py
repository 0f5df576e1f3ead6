"""Plans for reading saved arrays: what is resolved in the open file is then read without HDF5 and without a lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.workers import Watch
from aerchive.storage.chunks.grid import Selection, select
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


def plan_arrays(group: GroupReader, locations: Sequence[ArrayLocation]) -> list[ArrayPlan | NeighbourPlan]:
    """Plans the reading of whole arrays of an open project; a chunk with several of them is planned once."""
    planner = RowPlanner(group)
    return [
        NeighbourPlan(one, planner.plan(one.name, one.owner, *one.bounds))
        if one.has_neighbours
        else plan_array(group, one)
        for one in locations
    ]


def plan_array(group: Planner, location: ArrayLocation, key: object = ...) -> ArrayPlan:
    """Resolves a selection of an array of an open project.

    Raises:
        InvalidInputError: The index is of a kind that stored arrays do not support.
        IndexError: The index is out of range.
    """
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
