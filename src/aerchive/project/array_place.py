"""Where a saved array is in a project, and what must be read of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import FormatError
from aerchive.filters.narrow import narrower
from aerchive.states.workers import Watch
from aerchive.storage.arrays import DatasetShape, ReadPlan
from aerchive.storage.chunks import Selection, select
from aerchive.storage.nodes import AttributeValue
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
        chunk: Shape of a chunk of the dataset, or ``None`` if it is not chunked.
    """

    group: str
    owner: str
    name: str
    row: int | None
    offset: int | None
    shape: tuple[int, ...]
    order: str
    dtype: str
    chunk: tuple[int, ...] | None

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of the pieces of the value that are read whole, in its own axes."""
        if self.chunk is None or self.offset is not None:
            return self.shape
        chunk = self.chunk if self.row is None else self.chunk[1:]
        return chunk[::-1] if self.order == "F" else chunk

    @property
    def nbytes(self) -> int:
        """Of all its values, before compression."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class Locator:
    """Finds the arrays of a run in its open project; looks at each dataset once.

    Args:
        group: Of the run.
        owner: The run's UUID.
    """

    def __init__(self, group: GroupReader, owner: str) -> None:
        self._group = group
        self._owner = owner
        self._known: dict[str, tuple[DatasetShape, dict[str, AttributeValue]]] = {}

    def find(self, reference: Any) -> ArrayPlace:
        """The place that an array reference names.

        Raises:
            FormatError: The reference does not fit the dataset.
        """
        path, owner = self._group.path, self._owner
        try:
            name, at, shape, order = _parse(reference)
            what, attributes = self._dataset(name)
            dtype = _checked_dtype(attributes, what.dtype, self._group.where(name))
            if shape is not None and at is not None:
                if len(what.shape) != 1 or at + math.prod(shape) > what.shape[0]:
                    raise ValueError("a piece reaches over the end")
                return ArrayPlace(path, owner, name, None, at, shape, order, dtype, what.chunk)
            order = str(attributes["order"])
            if order not in ("C", "F"):
                raise ValueError(f"order {order!r} is neither C nor F")
            if at is not None and (not what.shape or at >= what.shape[0]):
                raise ValueError("a row is out of range")
            stored = what.shape if at is None else what.shape[1:]
            shape = stored[::-1] if order == "F" else stored
            return ArrayPlace(path, owner, name, at, None, shape, order, dtype, what.chunk)
        except (ValueError, TypeError, KeyError) as error:
            raise FormatError(f"{self._group.where()}: array reference {reference!r} is not valid: {error}") from error

    def _dataset(self, name: str) -> tuple[DatasetShape, dict[str, AttributeValue]]:
        if name not in self._known:
            self._known[name] = self._group.describe(name), self._group.dataset_attributes(name)
        return self._known[name]


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


def as_dtype(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Stored values with the dtype that they have in memory: bytes as truth values, narrower numbers widened."""
    return values.view(dtype) if dtype.kind == "b" else values.astype(dtype, copy=False)


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

    def read(self, fd: int, watch: Watch | None = None) -> NDArray[Any]:
        """Reads the selection.

        Args:
            fd: The project file.
            watch: Sees the chunks go by.

        Raises:
            IntegrityError: The stored bytes are damaged.
        """
        place, values = self.place, self.plan.read(fd, watch)
        if self.wanted is not None:
            order: Any = place.order
            whole = np.asarray(values.reshape(place.shape, order=order), order=order)
            box = tuple(slice(axis.start, axis.stop, axis.step) for axis in self.wanted.axes)
            values = whole[box][self.wanted.finish]
        elif place.order == "F":
            values = values.T
        return as_dtype(values, np.dtype(place.dtype))


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
