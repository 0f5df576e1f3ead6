"""A saved array that is still on disk."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.display.html import Shown
from aerchive.states.workers import Watch, Workers
from aerchive.storage.chunks.grid import select
from aerchive.storage.medium.birth import birth_of
from aerchive.stored.array_methods import ArrayMethods
from aerchive.stored.array_plan import plan_array
from aerchive.stored.block_cache import read_rows
from aerchive.stored.location import ArrayLocation
from aerchive.stored.open_array import OpenArray, open_array
from aerchive.stored.opener import RunOpener
from aerchive.stored.part import Part, shape_of
from aerchive.stored.picks import has_arrays, picked
from aerchive.stored.recomputed import is_recomputed, opened_with, planned


class StoredArray(ArrayMethods, Shown):
    """An array in a project, read only where it is indexed.

    It is used like an array of numpy: it is iterated over, compared, added and reduced, and numpy's functions take it.
    What is computed is an array of numpy, so it needs the memory of its result; reductions read the array in pieces.

    It may be pickled, used after a fork, in threads, and after the project was closed: each access opens the file
    for as long as it needs to find the chunks. A small array that shares its chunk with other arrays is read together
    with them, and these are then given from memory as long as the file does not change. The values are those that were
    saved, bit for bit, and each chunk is verified against its checksum.

    Attributes:
        shape: The shape of the array.
        dtype: The dtype of the array.
        chunks: The shape of the pieces that are always read as a whole.
        nbytes: The size of all values in bytes, before compression.
    """

    def __init__(self, run: RunOpener, location: ArrayLocation) -> None:
        self._run = run
        self._location = location
        self.shape = location.shape
        self.dtype = np.dtype(location.dtype)

    @property
    def source(self) -> tuple[RunOpener, ArrayLocation]:
        """What opens the group of the run, and where the array is in it."""
        return self._run, self._location

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The size of all values in bytes, before compression."""
        return self.size * self.dtype.itemsize

    @property
    def is_recomputed(self) -> bool:
        """Whether the array is not stored, but computed again when it is read; see `aerchive.Run.is_recomputed`."""
        return is_recomputed(self._run, self._location.name)

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of a chunk, in the order of the axes of the array."""
        return self._location.chunks

    def __getitem__(self, key: object) -> Any:
        """Reads a part of the array.

        Args:
            key: An integer, a slice (also backward, also with a step), ``...``, a list or an array of integers, a mask,
                or a tuple of these, as in numpy. Each chunk with selected elements is read once.

        Returns:
            A new array, or a numpy scalar if every axis is indexed by an integer.

        Raises:
            InvalidInputError: The index is of another kind.
            IndexError: The index is out of range, or a mask has another shape.
            IntegrityError: The stored bytes are damaged.
            NotFoundError: The run or the file does not exist any more.
        """
        if has_arrays(key):
            return self._picked(key)
        values = self._read(key)
        return values[()] if values.ndim == 0 else values

    def _picked(self, key: object) -> NDArray[Any]:
        return picked(key, self.shape, self.dtype, self.parts)

    def _read(self, key: object, watch: Watch | None = None) -> NDArray[Any]:
        if self._location.has_neighbours:
            wanted, location = select(key, self.shape), self._location
            whole = location.taken_from(read_rows(self._run, location.name, location.owner, *location.bounds))
            return np.array(wanted.taken_from(whole), copy=True, order="K")
        location = self._location
        with planned(self._run, location.datasets, lambda group: plan_array(group, location, key)) as (plan, fd):
            return plan.read(fd, watch)

    def blocks(self, *, zeros: bool = True) -> Iterator[tuple[tuple[slice, ...], NDArray[Any]]]:
        """Reads the whole array piece by piece, a few chunks at a time, in the order of the file.

        A few threads read and decompress ahead of the loop. All pieces come from one state of the file, even if the
        run is deleted meanwhile, and no lock is held. Leaving the loop early ends the threads.

        Args:
            zeros: Whether pieces for which nothing is stored, so that all their values are zero, are given as well.

        Yields:
            An index of the array, and the values ``array[index]``, which must not be changed.

        Raises:
            IntegrityError: The stored bytes are damaged.
            NotFoundError: The run or the file does not exist any more.
        """
        with self.parts() as parts, Workers() as workers:
            for part, values in zip(parts, workers.map(lambda part: part.load(), parts), strict=True):
                for box, where in part.members:
                    if values is not None:
                        yield box, values[where]
                    elif zeros:
                        yield box, np.zeros(shape_of(box), self.dtype)

    @contextlib.contextmanager
    def parts(self) -> Iterator[list[Part]]:
        """Opens the array as `opened` does, and gives the pieces in which it is read, in the order of the file."""
        with self.opened() as source:
            yield source.parts()

    @contextlib.contextmanager
    def opened(self) -> Iterator[OpenArray]:
        """Opens the array for many reads: its chunks are looked up once, then the file is open but not locked."""
        location = self._location
        with planned(self._run, location.datasets, lambda group: plan_array(group, location)) as (plan, fd):
            yield open_array(plan, fd)

    def fingerprint(self) -> str:
        """A digest (SHA-256) of what tells the stored values from all others; no value is read.

        It is made from the digests of the chunks, the place of the array in the run, and the file (device, inode and
        time of birth), so that a file that was made to look like another one has another fingerprint.

        Raises:
            IntegrityError: The digests are damaged.
            NotFoundError: The run or the file does not exist any more.
        """
        with opened_with(self._run, self._location.datasets) as (session, group):
            status = os.fstat(session.fd)
            file = status.st_dev, status.st_ino, birth_of(session.fd)
            digests = [one for name in self._location.datasets for one in group.digests(name)]
        return hashlib.sha256(repr((file, self._location.identity, digests)).encode()).hexdigest()

    @property
    def memory_order(self) -> Literal["C", "F"]:
        """The memory order that was saved, ``C`` or ``F``."""
        return "F" if self._location.order == "F" else "C"

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return type(self).__name__, self._location.identity

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All values, in the memory order that was saved; shows progress if a state or operator takes long.

        Raises:
            ValueError: ``copy`` is ``False``, but reading always makes a copy.
        """
        if copy is False:
            raise ValueError("a stored array cannot become a numpy array without a copy")
        values = self._read_all()
        return values if dtype is None else values.astype(dtype, copy=False)

    def _read_all(self) -> NDArray[Any]:
        return np.asarray(self[...])

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of an array without axes")
        return self.shape[0]

    def _cards(self) -> Iterator[str]:
        from aerchive.stored.array_card import array_cards

        return array_cards(self, self._facts(), self._size_on_disk())

    def _facts(self) -> dict[str, str]:
        """What a card says besides shape and sizes."""
        what, name = self._holder
        return {what: self._run.job_id if what == "run" else name}

    def _size_on_disk(self) -> str:
        from aerchive.stored.array_card import size_on_disk

        return size_on_disk(self._run, self._location)

    @property
    def _holder(self) -> tuple[str, str]:
        """``run`` or ``attachment``, and the name of its group."""
        folder, _, name = self._location.group.rpartition("/")
        return "attachment" if folder.endswith(layout.ATTACHMENTS) else "run", name

    def __repr__(self) -> str:
        what, name = self._holder
        again = ", recomputed" if self.is_recomputed else ""
        return f"<{type(self).__name__} shape={self.shape} dtype={self.dtype} of {what} {name}{again}>"
