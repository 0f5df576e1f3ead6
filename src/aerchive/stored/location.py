"""Where a saved array is in a project, as its reference in a document and its dataset say."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.codecs.base import is_reference
from aerchive.errors import FormatError, NotFoundError
from aerchive.filters.narrow import narrower
from aerchive.storage.chunks.drafts import AttributeValue
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.read_plan import DatasetShape
from aerchive.storage.medium.opening import Stamp, stamp_of
from aerchive.stored import forms
from aerchive.stored.block_cache import MAX_BLOCK_BYTES
from aerchive.stored.forms import Form
from aerchive.stored.opener import RunOpener

_KINDS = frozenset("biufcS")
_ATTRIBUTES = ("encoding_version", "dtype", "order", *forms.ATTRIBUTES)
_COMPOSED = "<c16"
"""The dtype of arrays that are not stored element by element: they are state vectors."""
_NAME = re.compile(r"[A-Za-z0-9_]+\Z")


@dataclass(frozen=True)
class ArrayLocation:
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
        columns: Columns of the table that hold the array, as its last axis if there are several; ``offset`` is then the
            first row. Empty for arrays in other datasets.
        form: What is stored of the array instead of its elements; ``None`` if these are stored.
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
    columns: tuple[str, ...] = ()
    form: Form | None = None

    @property
    def datasets(self) -> tuple[str, ...]:
        """The names of the datasets that hold the array."""
        return (self.name,) if self.form is None else self.form.datasets(self.name)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of the pieces that are always read as a whole, in the order of the axes of the array."""
        if self.form is not None:
            return self.form.chunk
        if self.chunk is None or self.offset is not None:
            return self.shape
        chunk = self.chunk if self.row is None else self.chunk[1:]
        return chunk[::-1] if self.order == "F" else chunk

    @property
    def identity(self) -> tuple[Any, ...]:
        """What tells this array from all others, in any project: the data of a run never change."""
        return self.owner, self.name, self.row, self.offset, self.shape, self.order, self.dtype

    @property
    def nbytes(self) -> int:
        """Size of all values in bytes, before compression."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def bounds(self) -> tuple[int, int]:
        """The first row (stack, table) or element (packed dataset) of the array, and the one after the last."""
        if self.row is not None:
            return self.row, self.row + 1
        start = self.offset or 0
        return start, start + math.prod(self.shape) // max(1, len(self.columns))

    @property
    def has_neighbours(self) -> bool:
        """Whether the chunks that are read for this array may hold other arrays, which are then kept in memory."""
        if self.form is not None:
            return False
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
        return as_dtype(unpacked(rows, self) if self.row is None else stored, np.dtype(self.dtype))


class Locator:
    """Finds the arrays of a run; the head of each dataset is read once, until the file changes.

    Args:
        owner: UUID of the run.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._heads: _Heads | None = None

    def known(self, references: Collection[Any], opener: RunOpener) -> list[ArrayLocation] | None:
        """The locations of arrays if all are known without opening the file; else ``None``.

        Args:
            references: The references to the arrays.
            opener: Opens the group of the run.
        """
        heads = self._heads
        if heads is None or heads.stamp != opener.stamp():
            return None
        return heads.locate(references, self._owner) if heads.datasets.keys() >= _names(references) else None

    def locate(self, group: GroupReader, references: Collection[Any]) -> list[ArrayLocation]:
        """Finds the locations of arrays.

        Args:
            group: The group of the run, in its open project.
            references: The references to the arrays.

        Raises:
            FormatError: A reference is not valid, or does not fit the dataset.
        """
        stamp, heads = stamp_of(os.fstat(group.fd)), self._heads
        if heads is None or heads.stamp != stamp:
            heads = _Heads(stamp, group.path, group.where(), {})
        for name in _names(references) - heads.datasets.keys():
            with contextlib.suppress(NotFoundError):  # `_Heads.locate` raises an error that names the reference
                heads.datasets[name] = group.describe(name), group.dataset_attributes(name, _ATTRIBUTES)
        self._heads = heads
        return heads.locate(references, self._owner)


@dataclass(frozen=True)
class _Heads:
    """What is known of the datasets of a run, in one state of the file."""

    stamp: Stamp
    path: str
    where: str
    datasets: dict[str, tuple[DatasetShape, dict[str, AttributeValue]]]

    def locate(self, references: Collection[Any], owner: str) -> list[ArrayLocation]:
        return [self._locate(reference, owner) for reference in references]

    def _locate(self, reference: Any, owner: str) -> ArrayLocation:
        path = self.path
        try:
            name, at, shape, order, columns = _parse(reference)
            if name not in self.datasets:
                raise ValueError(f"the run has no dataset {name!r}")
            what, attributes = self.datasets[name]
            if columns:
                return self._in_table(
                    ArrayLocation(path, owner, name, None, at, shape or (), order, "<f8", what.chunk, columns)
                )
            dtype = _checked_dtype(attributes, what.dtype, f"{self.where}/{name}")
            if shape is not None and at is not None:
                if len(what.shape) != 1 or at + math.prod(shape) > what.shape[0]:
                    raise ValueError("a piece reaches over the end")
                return ArrayLocation(path, owner, name, None, at, shape, order, dtype, what.chunk)
            order = str(attributes["order"])
            if (form := forms.form_of(attributes, what, at)) is not None:
                return ArrayLocation(path, owner, name, at, None, form.shape, "C", _COMPOSED, what.chunk, (), form)
            if order not in ("C", "F"):
                raise ValueError(f"order {order!r} is neither C nor F")
            if at is not None and (not what.shape or at >= what.shape[0]):
                raise ValueError("a row is out of range")
            stored = what.shape if at is None else what.shape[1:]
            shape = stored[::-1] if order == "F" else stored
            return ArrayLocation(path, owner, name, at, None, shape, order, dtype, what.chunk)
        except (ValueError, TypeError, KeyError) as error:
            raise FormatError(f"{self.where}: array reference {reference!r} is not valid: {error}") from error

    def _in_table(self, location: ArrayLocation) -> ArrayLocation:
        """Checks that a table has the columns and rows of an array."""
        what, columns = self.datasets[location.name][0], location.columns
        if len(what.shape) != 1 or not set(columns) <= set(what.dtype.names or ()):
            raise ValueError(f"there is no table with columns {columns!r:.200}")
        if any(what.dtype[column] != np.dtype("<f8") for column in columns) or len(set(columns)) < len(columns):
            raise ValueError("its columns are not numbers, or the same ones")
        if location.bounds[1] > what.shape[0]:
            raise ValueError("rows are out of range")
        return location


def _names(references: Collection[Any]) -> set[str]:
    """The names of the datasets of the references that can be parsed."""
    names = set()
    for reference in references:
        with contextlib.suppress(ValueError, TypeError):
            names.add(_parse(reference)[0])
    return names


def _parse(reference: Any) -> tuple[str, int | None, tuple[int, ...] | None, str, tuple[str, ...]]:
    """Name of the dataset, row or offset, shape of a packed array or ``None``, its order, and columns of a table."""
    to = reference.get("to") if is_reference(reference) else None
    if not isinstance(to, list) or len(to) not in (2, 4, 5):
        raise TypeError("a list of two, four or five is expected")
    columns: list[Any] = []
    if len(to) == 5:
        columns = to[1] if to[1] and isinstance(to[1], list) else [to[1]]
        to = [to[0], *to[2:]]
    name, at, *packed = to
    if type(name) is not str or not _NAME.match(name):
        raise TypeError("the name of a dataset is expected")
    if not (at is None and not packed) and (type(at) is not int or at < 0):
        raise TypeError("a number is expected")
    if not packed:
        return name, at, None, "", ()
    shape, order = packed
    if not isinstance(shape, list) or not all(type(length) is int and length >= 0 for length in shape):
        raise TypeError("a shape is expected")
    if order not in ("C", "F"):
        raise ValueError(f"order {order!r} is neither C nor F")
    if not all(type(column) is str for column in columns) or (len(columns) > 1 and shape[-1:] != [len(columns)]):
        raise ValueError(f"columns {columns!r:.200} do not fit the shape {shape}")
    return name, at, tuple(shape), order, tuple(columns)


def _checked_dtype(attributes: Mapping[str, Any], stored: np.dtype[Any], where: str) -> str:
    version = attributes["encoding_version"]
    if type(version) is not int or version > layout.ARRAY_VERSION:
        raise FormatError(
            f"{where}: array encoding {version} is newer than this aerchive reads ({layout.ARRAY_VERSION}); upgrade it "
            "with: pip install --upgrade aerchive"
        )
    dtype = np.dtype(str(attributes["dtype"]))
    usual = np.dtype("u1") if dtype.kind == "b" else dtype
    narrow = narrower(usual)
    if dtype.kind not in _KINDS or (stored != usual and (narrow is None or stored != narrow)):  # to numpy, None is <f8
        raise ValueError(f"values of dtype {dtype.str!r} cannot be stored as {stored}")
    return dtype.str


def as_dtype(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Stored values with the dtype of the array: bytes become booleans, numbers stored narrower are widened."""
    return values.view(dtype) if dtype.kind == "b" else values.astype(dtype, copy=False)


def unpacked(values: NDArray[Any], location: ArrayLocation) -> NDArray[Any]:
    """The array from the elements of a packed dataset, or from the rows of a table."""
    order: Any = location.order
    if location.columns:
        columns = np.stack([values[column] for column in location.columns], axis=-1)
        return np.asarray(columns.reshape(location.shape), order=order)
    return np.asarray(values.reshape(location.shape, order=order), order=order)
