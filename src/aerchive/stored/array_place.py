"""Where a saved array is in a project, and which part of the file must be read for it."""

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
from aerchive.storage.chunks.drafts import AttributeValue
from aerchive.storage.chunks.grid import Selection, select
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.read_plan import DatasetShape, ReadPlan
from aerchive.stored.block_cache import MAX_BLOCK_BYTES, BlockPlan, kept_rows, plan_rows
from aerchive.stored.opener import RunOpener

_FEWEST_TOGETHER = 4
"""Smallest number of small arrays of a dataset that are planned together; fewer are planned one by one."""
_KINDS = frozenset("biufcS")
_NAME = re.compile(r"[A-Za-z0-9_]+\Z")


@dataclass(frozen=True)
class ArrayPlace:
    """Where an array is in a project, as its reference in the result document says.

    Attributes:
        group: Path of the run's group when the array was looked up, for display.
        owner: UUID of the run.
        name: Name of the dataset.
        row: Index of the array along the first axis of a stacked dataset; ``None`` for other datasets.
        offset: Index of the first element of the array in a packed dataset; ``None`` for other datasets.
        shape: Shape of the array.
        order: ``C``, or ``F`` if the array is stored transposed.
        dtype: Dtype of the array, in numpy's notation.
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
        """Shape of the pieces that are always read as a whole, in the order of the axes of the array."""
        if self.chunk is None or self.offset is not None:
            return self.shape
        chunk = self.chunk if self.row is None else self.chunk[1:]
        return chunk[::-1] if self.order == "F" else chunk

    @property
    def nbytes(self) -> int:
        """Size of all values in bytes, before compression."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def bounds(self) -> tuple[int, int]:
        """The first row (stacked dataset) or element (packed dataset) of the array, and the one after the last."""
        if self.row is not None:
            return self.row, self.row + 1
        start = self.offset or 0
        return start, start + math.prod(self.shape)

    @property
    def has_neighbours(self) -> bool:
        """Whether the chunks that are read for this array may hold other arrays, which are then kept in memory."""
        if self.row is None or self.chunk is None:
            return self.row is not None or self.offset is not None
        return 1 < self.chunk[0] <= MAX_BLOCK_BYTES / max(1, self.nbytes)

    def taken_from(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Takes the array out of rows of its dataset.

        Args:
            rows: The rows, or elements of a packed dataset, from ``bounds[0]`` up to but without ``bounds[1]``.

        Returns:
            The array, which may share the memory of the rows.
        """
        stored = rows[0].T if self.order == "F" else rows[0]
        return as_dtype(_unpacked(rows, self) if self.row is None else stored, np.dtype(self.dtype))


class Locator:
    """Finds the arrays of a run in its open project; the head of each dataset is read once.

    Args:
        group: The group of the run.
        owner: UUID of the run.
        before: An earlier locator of the same run, whose datasets need not be looked at again.
    """

    def __init__(self, group: GroupReader, owner: str, before: Locator | None = None) -> None:
        self._group: GroupReader | None = group
        self._path = group.path
        self._where = group.where()
        self._owner = owner
        self._known: dict[str, tuple[DatasetShape, dict[str, AttributeValue]]] = dict(before._known) if before else {}

    def close(self) -> None:
        """Releases the project: from now on only arrays in datasets that were looked at before are found."""
        self._group = None

    def knows(self, reference: Any) -> bool:
        """Whether the dataset of a reference was looked at before."""
        to = reference.get("to") if is_reference(reference) else None
        return isinstance(to, list) and bool(to) and str(to[0]) in self._known

    def find(self, reference: Any) -> ArrayPlace:
        """Finds the place that an array reference names.

        Raises:
            FormatError: The reference does not fit the dataset.
        """
        path, owner = self._path, self._owner
        try:
            name, at, shape, order = _parse(reference)
            what, attributes = self._dataset(name)
            dtype = _checked_dtype(attributes, what.dtype, f"{self._where}/{name}")
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
            raise FormatError(f"{self._where}: array reference {reference!r} is not valid: {error}") from error

    def _dataset(self, name: str) -> tuple[DatasetShape, dict[str, AttributeValue]]:
        if name not in self._known and self._group is not None:
            self._known[name] = self._group.describe(name), self._group.dataset_attributes(name)
        return self._known[name]


def _parse(reference: Any) -> tuple[str, int | None, tuple[int, ...] | None, str]:
    """Name of the dataset, row or offset, shape of a packed array or ``None``, and its order."""
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
    """Stored values with the dtype of the array: bytes become booleans, numbers stored narrower are widened."""
    return values.view(dtype) if dtype.kind == "b" else values.astype(dtype, copy=False)


@dataclass(frozen=True)
class PlacePlan:
    """A resolved selection of an array: it can be read without HDF5 and without a lock.

    Attributes:
        place: Where the array is.
        plan: Plan of the part of the dataset that is read.
        wanted: The selection in a packed array, which is read as a whole; ``None`` for other arrays.
    """

    place: ArrayPlace
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
        place, values = self.place, self.plan.read(fd, watch)
        if self.wanted is not None:
            values = self.wanted.taken_from(_unpacked(values, place))
        elif place.order == "F":
            values = values.T
        return as_dtype(values, np.dtype(place.dtype))


def _unpacked(values: NDArray[Any], place: ArrayPlace) -> NDArray[Any]:
    order: Any = place.order
    return np.asarray(values.reshape(place.shape, order=order), order=order)


class _Shared:
    """The parts of a dataset in which several small arrays lie; the part read last is kept.

    Args:
        parts: Plan of the rows that are read, for each part.
    """

    def __init__(self, parts: list[BlockPlan]) -> None:
        self._parts = parts
        self._kept: tuple[int, NDArray[Any]] | None = None

    def read(self, part: int, fd: int) -> NDArray[Any]:
        if self._kept is None or self._kept[0] != part:
            self._kept = part, self._parts[part].read(fd)
        return self._kept[1]


@dataclass(frozen=True)
class SharedPlan:
    """A small array that is read as a whole, resolved together with others of its dataset.

    Attributes:
        place: Where the array is.
        shared: The parts of the dataset, among them the one with this array.
        part: Index of the part with this array.
        begin: Index of the first row (element if packed) of the array, counted from the begin of the part.
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
        start, stop = self.place.bounds
        rows = self.shared.read(self.part, fd)[self.begin : self.begin + stop - start]
        return np.array(self.place.taken_from(rows), copy=True, order="K")


@dataclass(frozen=True)
class NeighbourPlan:
    """An array that is read as a whole together with those in the same chunks, which are kept for the next reads.

    Attributes:
        place: Where the array is.
        rows: Plan of the rows that are read.
    """

    place: ArrayPlace
    rows: BlockPlan

    def read(self, fd: int) -> NDArray[Any]:
        """Reads the array.

        Raises:
            IntegrityError: The stored bytes are damaged.
        """
        return np.array(self.place.taken_from(self.rows.read(fd)), copy=True, order="K")


ArrayPlan = PlacePlan | SharedPlan | NeighbourPlan
"""The kinds of plans that `plan_places` returns."""


def kept_array(run: RunOpener, place: ArrayPlace) -> NDArray[Any] | None:
    """The whole array, which must not be changed, if its chunks are still in memory and the file has not changed."""
    rows = kept_rows(run, place.name, place.owner, *place.bounds) if place.has_neighbours else None
    return None if rows is None else place.taken_from(rows)


def plan_places(group: GroupReader, places: Sequence[ArrayPlace]) -> list[ArrayPlan]:
    """Plans the reading of whole arrays of an open project; many small ones of a dataset are read together."""
    plans: list[PlacePlan | SharedPlan | None] = [None] * len(places)
    small: dict[str, list[int]] = defaultdict(list)
    for number, place in enumerate(places):
        if (place.row is not None or place.offset is not None) and place.nbytes <= layout.MAX_PACKED_BYTES:
            small[place.name].append(number)
    for numbers in small.values():
        if len(numbers) >= _FEWEST_TOGETHER:
            for number, plan in _together(group, {number: places[number] for number in numbers}):
                plans[number] = plan
    return [plan or _plan_alone(group, place) for plan, place in zip(plans, places, strict=True)]


def _plan_alone(group: GroupReader, place: ArrayPlace) -> PlacePlan | NeighbourPlan:
    if place.has_neighbours:
        return NeighbourPlan(place, plan_rows(group, place.name, place.owner, *place.bounds))
    return plan_place(group, place)


def _together(group: GroupReader, places: dict[int, ArrayPlace]) -> Iterator[tuple[int, SharedPlan]]:
    """Plans for small arrays of one dataset, which is read in parts of about one chunk each."""
    bounds = {number: place.bounds for number, place in places.items()}
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
    shared = _Shared([plan_rows(group, name, owner, *span) for span in spans])
    for part, numbers in enumerate(parts):
        for number in numbers:
            yield number, SharedPlan(places[number], shared, part, bounds[number][0] - spans[part][0])


def plan_place(group: GroupReader, place: ArrayPlace, key: object = ...) -> PlacePlan:
    """Resolves a selection of an array of an open project.

    Raises:
        InvalidInputError: The index is of a kind that stored arrays do not support.
        IndexError: The index is out of range.
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
