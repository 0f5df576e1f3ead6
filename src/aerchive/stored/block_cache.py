"""Cache of the pieces of tables and stacks that this process read last, so that the next read need not open the file.

One chunk holds many values of a run: the counts of thousands of circuits, or the states of dozens. To read one of
them, the whole chunk is read and checked. It is kept for a while, and its other values are given from memory.

A piece is used only while the file has the size and the times that it had when the piece was read. After any commit,
compaction, deletion or merge it is read again, with all checks. Between reads no file is held open or locked.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from aerchive.errors import AerchiveError, FormatError
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.read_plan import DatasetShape, ReadPlan
from aerchive.storage.medium.opening import Stamp, stamp_of
from aerchive.stored.opener import RunOpener
from aerchive.stored.recomputed import planned

MAX_BLOCK_BYTES = 4 * 1024 * 1024
"""Largest size in bytes of a piece that is kept: reading a larger one takes much longer than opening the file."""
_SMALL_BYTES = 16 * 1024
"""Reading this number of bytes takes less time than opening the file once more."""
_MOST_BYTES = 32 * 1024 * 1024
"""Largest number of bytes that this process keeps in total."""
_MOST_BLOCKS = 1024
"""Largest number of pieces that are kept, whatever their size: thousands of small runs have one piece each."""

_Key = tuple[int, int, str, str]


@dataclass(frozen=True)
class _Block:
    stamp: Stamp
    first: int
    rows: NDArray[Any]


class _Cache:
    """The blocks that are kept; the most recently used one is the last."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.blocks: OrderedDict[_Key, _Block] = OrderedDict()
        self.nbytes = 0

    def put(self, key: _Key, block: _Block) -> None:
        with self.lock:
            self._drop(key)
            self.blocks[key] = block
            self.nbytes += block.rows.nbytes
            while self.nbytes > _MOST_BYTES or len(self.blocks) > _MOST_BLOCKS:
                self._drop(next(iter(self.blocks)))

    def rows(self, key: _Key, stamp: Stamp, start: int, stop: int) -> NDArray[Any] | None:
        with self.lock:
            block = self.blocks.get(key)
            if block is None or block.stamp != stamp:
                return None
            if not block.first <= start <= stop <= block.first + len(block.rows):
                return None
            self.blocks.move_to_end(key)
        return block.rows[start - block.first : stop - block.first]

    def _drop(self, key: _Key) -> None:
        old = self.blocks.pop(key, None)
        self.nbytes -= 0 if old is None else old.rows.nbytes


_cache = _Cache()
os.register_at_fork(after_in_child=_cache.__init__)  # type: ignore[misc]  # another thread may hold the lock


@dataclass(frozen=True)
class BlockPlan:
    """Plan to read some rows of a dataset, together with the other rows in the same chunks.

    Attributes:
        plan: Plan of all rows that are read.
        stamp: Stamp of the file when the rows were planned.
        first: Index of the first row that is read.
        start: Index of the first row that is wanted.
        stop: Index of the row after the last that is wanted.
        held: Rows that the plans of one planner have read, and that are too large to be kept: a table of which several
            columns are read is read once.
    """

    plan: ReadPlan
    stamp: Stamp
    first: int
    start: int
    stop: int
    held: dict[int, NDArray[Any]]

    def read(self, fd: int) -> NDArray[Any]:
        """Reads all rows of the plan, and keeps them in memory if they are small.

        Args:
            fd: File descriptor of the project file.

        Returns:
            The rows that are wanted, which must not be changed.

        Raises:
            IntegrityError: The stored bytes are damaged.
        """
        key = (*self.stamp[:2], self.plan.owner, self.plan.name)
        cached = _cache.rows(
            key, self.stamp, self.start, self.stop
        )  # another plan of the same session may have read it
        if cached is not None:
            return cached
        rows = self.held[id(self.plan)] if id(self.plan) in self.held else self.plan.read(fd)
        rows.flags.writeable = False
        if rows.nbytes <= MAX_BLOCK_BYTES:
            _cache.put(key, _Block(self.stamp, self.first, rows))
        elif rows.dtype.names is not None:
            self.held[id(self.plan)] = rows
        return rows[self.start - self.first : self.stop - self.first]


class RowPlanner:
    """Plans the reading of rows of datasets, together with those in the same chunks; a chunk is planned once.

    Args:
        group: The group of the run, in its open project.
    """

    def __init__(self, group: GroupReader) -> None:
        self._group = group
        self._stamp = stamp_of(os.fstat(group.fd))
        self._shapes: dict[str, DatasetShape | None] = {}
        self._plans: dict[tuple[str, int, int], ReadPlan] = {}
        self._held: dict[int, NDArray[Any]] = {}

    def plan(self, name: str, owner: str, start: int, stop: int) -> BlockPlan:
        """Plans the reading of some rows of a dataset.

        Args:
            name: Name of the dataset.
            owner: UUID of the run.
            start: Index of the first row.
            stop: Index of the row after the last.

        Raises:
            FormatError: There is no such dataset, or it has fewer rows.
        """
        if name not in self._shapes:
            self._shapes[name] = self._group.describe(name) if name in self._group else None
        what = self._shapes[name]
        length = what.shape[0] if what is not None and what.shape else 0
        if what is None or not 0 <= start <= stop <= length:
            where = self._group.where(name)
            raise FormatError(f"{where}: the run refers to rows {start} to {stop}, and there are {length}")
        step = what.chunk[0] if what.chunk is not None else max(1, length)
        first, last = start // step * step, min(length, -(-stop // step) * step)
        if (name, first, last) not in self._plans:
            self._plans[name, first, last] = self._group.plan(name, owner, slice(first, last))
        return BlockPlan(self._plans[name, first, last], self._stamp, first, start, stop, self._held)


def cache_small_rows(group: GroupReader, name: str, owner: str) -> None:
    """Reads a small dataset, so that its rows are in memory when they are needed; a damaged dataset is skipped.

    Args:
        group: The group of the run, in its open project.
        name: Name of the dataset, which need not exist.
        owner: UUID of the run.
    """
    with contextlib.suppress(AerchiveError):
        if name not in group:
            return
        what = group.describe(name)
        if len(what.shape) == 1 and what.shape[0] * what.dtype.itemsize <= _SMALL_BYTES:
            RowPlanner(group).plan(name, owner, 0, what.shape[0]).read(group.fd)


def cached_rows(opener: RunOpener, name: str, owner: str, start: int, stop: int) -> NDArray[Any] | None:
    """Rows of a dataset that were read before, if the file has not changed since.

    Args:
        opener: Opens the group of the run.
        name: Name of the dataset.
        owner: UUID of the run.
        start: Index of the first row.
        stop: Index of the row after the last.

    Returns:
        The rows, which must not be changed; ``None`` if they must be read from the file.
    """
    stamp = opener.stamp()
    return None if stamp is None else _cache.rows((*stamp[:2], owner, name), stamp, start, stop)


def read_rows(opener: RunOpener, name: str, owner: str, start: int, stop: int) -> NDArray[Any]:
    """Rows of a dataset, from memory if they were read before; the arguments are those of `cached_rows`.

    Returns:
        The rows, which must not be changed.

    Raises:
        FormatError: There is no such dataset, or it has fewer rows.
        IntegrityError: The stored bytes are damaged.
        NotFoundError: The run or the file does not exist any more.
    """
    cached = cached_rows(opener, name, owner, start, stop)
    if cached is not None:
        return cached
    with planned(opener, [name], lambda group: RowPlanner(group).plan(name, owner, start, stop)) as (plan, fd):
        return plan.read(fd)
