"""A saved array that is still on disk."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import FormatError
from aerchive.filters.narrow import narrower
from aerchive.project.place import RunPlace
from aerchive.storage.arrays import ReadPlan
from aerchive.storage.chunks import Selection, chunk_shape, select
from aerchive.storage.reader import GroupReader

_KINDS = frozenset("biufcS")
_NAME = re.compile(r"[A-Za-z0-9_]+\Z")


@dataclass(frozen=True)
class ArrayPlace:
    """Where an array is in a project, as its reference in the result document says.

    Attributes:
        group: Path of the run's group when it was looked up, for people.
        owner: The run's UUID.
        name: Of the dataset.
        row: Of a stacked dataset.
        offset: First element in a packed dataset.
        shape: Of the value.
        order: ``C``, or ``F``: stored transposed.
        dtype: Of the value, in numpy's notation.
    """

    group: str
    owner: str
    name: str
    row: int | None
    offset: int | None
    shape: tuple[int, ...]
    order: str
    dtype: str

    @property
    def nbytes(self) -> int:
        """Of all its values, before compression."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def locate(group: GroupReader, owner: str, reference: Any) -> ArrayPlace:
    """The place that an array reference names.

    Raises:
        FormatError: The reference does not fit the dataset.
    """
    try:
        name, at, shape, order = _parse(reference)
        what = group.describe(name)
        attributes = group.dataset_attributes(name)
        dtype = _checked_dtype(attributes, what.dtype, group.where(name))
        if shape is not None and at is not None:
            if len(what.shape) != 1 or at + math.prod(shape) > what.shape[0]:
                raise ValueError("a piece reaches over the end")
            return ArrayPlace(group.path, owner, name, None, at, shape, order, dtype)
        order = str(attributes["order"])
        if order not in ("C", "F"):
            raise ValueError(f"order {order!r} is neither C nor F")
        if at is not None and (not what.shape or at >= what.shape[0]):
            raise ValueError("a row is out of range")
        stored = what.shape if at is None else what.shape[1:]
        return ArrayPlace(group.path, owner, name, at, None, stored[::-1] if order == "F" else stored, order, dtype)
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(f"{group.where()}: array reference {reference!r} is not valid: {error}") from error


def _parse(reference: Any) -> tuple[str, int | None, tuple[int, ...] | None, str]:
    """Name, row or offset, shape of a packed array or ``None``, its order."""
    if not isinstance(reference, list) or len(reference) not in (2, 4):
        raise TypeError("a list of two or four is expected")
    name, at, *packed = reference
    if type(name) is not str or not _NAME.match(name):
        raise TypeError("the name of a dataset is expected")
    if not (at is None and not packed) and (type(at) is not int or at < 0):
        raise TypeError("a number is expected")
    if not packed:
        return name, at, None, ""
    shape, order = packed
    if not isinstance(shape, list) or not all(type(length) is int and length >= 0 for length in shape):
        raise TypeError("a shape is expected")
    if order not in ("C", "F"):
        raise ValueError(f"order {order!r} is neither C nor F")
    return name, at, tuple(shape), order


def _checked_dtype(attributes: Mapping[str, Any], stored: np.dtype[Any], where: str) -> str:
    version = attributes["encoding_version"]
    if type(version) is not int or version > layout.ARRAY_VERSION:
        raise FormatError(
            f"{where}: array encoding {version} is newer than this aerchive reads ({layout.ARRAY_VERSION}); upgrade it "
            "with: pip install --upgrade aerchive"
        )
    dtype = np.dtype(str(attributes["dtype"]))
    usual = np.dtype("u1") if dtype.kind == "b" else dtype
    if dtype.kind not in _KINDS or stored not in (usual, narrower(usual) if version > 1 else usual):
        raise ValueError(f"values of dtype {dtype.str!r} cannot be stored as {stored}")
    return dtype.str


def read_place(group: GroupReader, place: ArrayPlace) -> NDArray[Any]:
    """Reads all of an array from an open project."""
    return plan_place(group, place).read(group.fd)


@dataclass(frozen=True)
class PlacePlan:
    """A selection of an array, resolved: it can be read without HDF5 and without a lock.

    Attributes:
        place: Where the array is.
        plan: What to read of its dataset.
        wanted: What to take of a packed array once it is there.
    """

    place: ArrayPlace
    plan: ReadPlan
    wanted: Selection | None = None

    def read(self, fd: int) -> NDArray[Any]:
        """Reads the selection.

        Raises:
            IntegrityError: The stored bytes are damaged.
        """
        place, values = self.place, self.plan.read(fd)
        if self.wanted is not None:
            order: Any = place.order
            whole = np.asarray(values.reshape(place.shape, order=order), order=order)
            box = tuple(slice(axis.start, axis.stop, axis.step) for axis in self.wanted.axes)
            values = whole[box][self.wanted.finish]
        elif place.order == "F":
            values = values.T
        dtype = np.dtype(place.dtype)
        return values if values.dtype == dtype else values.view(dtype)


def plan_place(group: GroupReader, place: ArrayPlace, key: object = ...) -> PlacePlan:
    """Resolves a selection of an array of an open project.

    Raises:
        InvalidInputError: An index that stored arrays do not have.
        IndexError: An index out of range.
    """
    if place.offset is None:
        return PlacePlan(place, group.plan(place.name, place.owner, _stored_key(place, key)))
    whole = slice(place.offset, place.offset + math.prod(place.shape))
    return PlacePlan(place, group.plan(place.name, place.owner, whole), select(key, place.shape))


def _stored_key(place: ArrayPlace, key: object) -> object:
    keys = key if isinstance(key, tuple) else (key,)
    if place.order == "F":
        dots = [i for i, item in enumerate(keys) if item is Ellipsis]
        if not dots:
            keys = (*keys, Ellipsis)
        keys = tuple(reversed(keys))
    return keys if place.row is None else (place.row, *keys)


class StoredArray:
    """An array in a project, read only where it is indexed.

    It may be pickled, used after a fork, in threads, and after the project was closed: each access opens the file
    for as long as it needs to find the
    chunks. Values are those that were saved, bit for bit, and each chunk is verified against its checksum.

    Attributes:
        shape: Of the array.
        dtype: Of the array.
        chunks: Shape of the pieces that are read whole.
        nbytes: Of all its values, before compression.
    """

    def __init__(self, run: RunPlace, place: ArrayPlace) -> None:
        self._run = run
        self._place = place
        self.shape = place.shape
        self.dtype = np.dtype(place.dtype)

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
        """Bytes of all values, before compression."""
        return self.size * self.dtype.itemsize

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of a chunk, in the axes of the array."""
        stored = self.shape[::-1] if self._place.order == "F" else self.shape
        chunk = chunk_shape(stored, self.dtype.itemsize)
        return chunk[::-1] if self._place.order == "F" else chunk

    def __getitem__(self, key: object) -> Any:
        """Reads a part.

        Args:
            key: Integers, slices (also backward, also with steps), ``...``, or a tuple of them, as in numpy.

        Returns:
            A new array, or a scalar of numpy if every axis has an integer.

        Raises:
            InvalidInputError: Another kind of index.
            IndexError: Out of range.
            IntegrityError: The stored bytes are damaged.
            NotFoundError: The run, or the file, is gone.
        """
        with self._run.open() as (session, group):
            plan = plan_place(group, self._place, key)
            fd = session.detach()
        try:  # committed chunks never move, so no lock is held while bytes flow
            values = plan.read(fd)
        finally:
            os.close(fd)
        return values[()] if values.ndim == 0 else values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All values, in the memory order that was saved.

        Raises:
            ValueError: A copy was forbidden; reading always makes one.
        """
        if copy is False:
            raise ValueError("a stored array cannot become a numpy array without a copy")
        values = np.asarray(self[...])
        return values if dtype is None else values.astype(dtype, copy=False)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of an array without axes")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<StoredArray shape={self.shape} dtype={self.dtype} of run {self._place.group.rpartition('/')[2]}>"
