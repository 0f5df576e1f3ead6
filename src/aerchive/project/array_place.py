"""Where a saved array is in a project, and what must be read of it."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.codecs.base import is_reference
from aerchive.errors import FormatError
from aerchive.filters.narrow import narrower
from aerchive.states.workers import Watch
from aerchive.storage.arrays import DatasetShape, ReadPlan
from aerchive.storage.chunks import Selection, select
from aerchive.storage.nodes import AttributeValue
from aerchive.storage.reader import GroupReader

_FEWEST_TOGETHER = 4
"""Fewer small arrays than this are looked up one by one."""
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
    to = reference.get("to") if is_reference(reference) else None
    if not isinstance(to, list) or len(to) not in (2, 4):
        raise TypeError("a list of two or four is expected")
    name, at, *packed = to
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
            box = tuple(slice(axis.start, axis.stop, axis.step) for axis in self.wanted.axes)
            values = _unpacked(values, place)[box][self.wanted.finish]
        elif place.order == "F":
            values = values.T
        return as_dtype(values, np.dtype(place.dtype))


def _unpacked(values: NDArray[Any], place: ArrayPlace) -> NDArray[Any]:
    order: Any = place.order
    return np.asarray(values.reshape(place.shape, order=order), order=order)


class _Shared:
    """What several small arrays of one dataset are read from: a part of it at a time, the last one kept.

    Args:
        parts: What to read for each part.
    """

    def __init__(self, parts: list[ReadPlan]) -> None:
        self._parts = parts
        self._kept: tuple[int, NDArray[Any]] | None = None

    def read(self, part: int, fd: int) -> NDArray[Any]:
        if self._kept is None or self._kept[0] != part:
            self._kept = part, self._parts[part].read(fd)
        return self._kept[1]


@dataclass(frozen=True)
class SharedPlan:
    """All of a small array, resolved together with others of its dataset.

    Attributes:
        place: Where the array is.
        shared: What it is read from.
        part: Which part.
        begin: First row, or element of a packed array, in the part.
    """

    place: ArrayPlace
    shared: _Shared
    part: int
    begin: int

    def read(self, fd: int) -> NDArray[Any]:
        """Reads the array.

        Raises:
            IntegrityError: The stored bytes are damaged.
        """
        place, values = self.place, self.shared.read(self.part, fd)
        if place.row is None:
            values = _unpacked(values[self.begin : self.begin + math.prod(place.shape)], place)
        else:
            values = values[self.begin].T if place.order == "F" else values[self.begin]
        return np.array(as_dtype(values, np.dtype(place.dtype)), copy=True, order="K")


def plan_places(group: GroupReader, places: Sequence[ArrayPlace]) -> list[PlacePlan | SharedPlan]:
    """Resolves arrays of an open project, each wholly; many small ones of a dataset are read together."""
    plans: list[PlacePlan | SharedPlan | None] = [None] * len(places)
    small: dict[str, list[int]] = defaultdict(list)
    for number, place in enumerate(places):
        if (place.row is not None or place.offset is not None) and place.nbytes <= layout.MAX_PACKED_BYTES:
            small[place.name].append(number)
    for numbers in small.values():
        if len(numbers) >= _FEWEST_TOGETHER:
            for number, plan in _together(group, {number: places[number] for number in numbers}):
                plans[number] = plan
    return [plan or plan_place(group, place) for plan, place in zip(plans, places, strict=True)]


def _together(group: GroupReader, places: dict[int, ArrayPlace]) -> Iterator[tuple[int, SharedPlan]]:
    """Plans for arrays of one dataset, cut into parts of about a chunk."""
    bounds = {number: _bounds(place) for number, place in places.items()}
    parts: list[list[int]] = []
    limit = 0
    for number in sorted(places, key=lambda number: bounds[number]):
        place, (start, stop) = places[number], bounds[number]
        if not parts or stop > limit:
            parts.append([])
            limit = start + max(stop - start, layout.CHUNK_BYTES * (stop - start) // max(1, place.nbytes))
        parts[-1].append(number)
    spans = [(min(bounds[n][0] for n in part), max(bounds[n][1] for n in part)) for part in parts]
    name, owner = next((place.name, place.owner) for place in places.values())
    shared = _Shared([group.plan(name, owner, slice(*span)) for span in spans])
    for part, numbers in enumerate(parts):
        for number in numbers:
            yield number, SharedPlan(places[number], shared, part, bounds[number][0] - spans[part][0])


def _bounds(place: ArrayPlace) -> tuple[int, int]:
    """First and last of its rows in a stacked dataset, or of its elements in a packed one."""
    if place.row is not None:
        return place.row, place.row + 1
    start = place.offset or 0
    return start, start + math.prod(place.shape)


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
