"""Codec of numbers: one table for a run, with a column for each parameter and each label of saved numbers.

The table has a row for each experiment or, if the run is one of a primitive, for each point of a pub, the points of one
pub in row-major order. A number that is absent is NaN; the documents of the run say which numbers there are. See
decision 0032.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.codecs.base import ArrayReference, Codec, Decoder, Encoder
from aerchive.errors import FormatError
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.storage.chunks.drafts import DatasetDraft

SCALAR = "scalar/1"
NUMBERS = "numbers"
MOST_PARAMETERS = 150
_MOST_LABELS = 96
_NAME_BYTES = 64
_INDEX = ("experiment", "circuit", "pub", "point")
"""Columns that say what a row is about; no other column has such a name."""
_MOST_EXACT = 2**53
"""The largest magnitude up to which each integer is a float64."""
_MOST_REPEATED = 16
"""Largest factor by which broadcasting may enlarge the parameter values of a pub."""
_FEW = 4096
_MOST_POINTS = 2**24
"""Largest number of points of a pub; the arrays of larger ones stay arrays."""


@dataclass
class _Column:
    name: str
    pieces: list[tuple[int, Any]] = field(default_factory=list)
    stop: int = 0


class NumbersTable:
    """Collects the numbers of a run in one table.

    Saved numbers are added before parameters, so that these do not affect the names of their columns.
    """

    def __init__(self) -> None:
        self._parameters: list[_Column] = []
        self._labels: list[_Column] = []
        self._by_name: dict[tuple[str, str], _Column] = {}
        self._taken = set(_INDEX)
        self._blocks: dict[int, tuple[int, tuple[int, ...]]] = {}
        self._circuits: list[int] = []
        self._rows = 0

    def set_experiments(self, number: int, circuits: Sequence[int] = ()) -> None:
        """Sets the number of experiments and, if it is known, the index of the circuit of each."""
        self._rows = max(self._rows, number)
        self._circuits = list(circuits)

    def set_points(self, pub: int, shape: Sequence[int]) -> None:
        """Sets the shape of a pub, unless it is known already."""
        if pub not in self._blocks:
            rows = math.prod(shape)
            self._blocks[pub] = self._rows, tuple(shape) if rows <= _MOST_POINTS else (0,)
            self._rows += rows if rows <= _MOST_POINTS else 0

    def add(self, value: Any, label: str, number: int) -> dict[str, Any] | None:
        """Adds a saved number, or the numbers of all points of a pub.

        Args:
            value: A ``float``; of a pub also a float64 array of the pub's shape.
            label: The label under which the value was saved.
            number: Index of the experiment or pub.

        Returns:
            The tagged object for the result, or ``None`` if the value is another or there are too many labels.
        """
        first, shape = self._blocks.get(number, (number, ()))
        if type(value) is float and not shape:
            name = self._put(self._labels, label, first, value, 1)
            return None if name is None else {TYPE_KEY: SCALAR, "column": name, "row": first}
        if type(value) is not np.ndarray or number not in self._blocks or value.shape != shape or not value.size:
            return None
        if value.dtype != np.dtype("<f8"):
            return None
        name = self._put(self._labels, label, first, value.reshape(-1), value.size)
        order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
        return None if name is None else {TYPE_KEY: "array/1", "data": _reference(name, first, shape, order)}

    def add_values(self, name: str, values: Any, first: int, number: int, wide: Encoder | None) -> Any:
        """Adds the values of a parameter in successive experiments.

        Args:
            name: Name of the parameter.
            values: A list, tuple, range or array.
            first: Index of the first experiment.
            number: Number of experiments.
            wide: Takes the numbers as an array if there are too many parameters for the table.

        Returns:
            The tagged object for the inputs, or ``None`` if numbers in a table would not give these values exactly.
        """
        found = _numbers(values, number)
        if found is None:
            return None
        numbers, form = found
        if wide is not None:
            return {TYPE_KEY: CODEC.tag, "data": wide.array(numbers, "parameters"), **form}
        column = self._put(self._parameters, name, first, numbers, number)
        return None if column is None else {TYPE_KEY: CODEC.tag, "data": _reference(column, first, (number,)), **form}

    def add_bindings(self, names: Sequence[str], values: NDArray[Any], pub: int) -> ArrayReference | None:
        """Adds parameter values of a pub, broadcast to its shape.

        Args:
            names: Names of the parameters.
            values: Array of shape ``(*shape, names)``.
            pub: Index of the pub.

        Returns:
            The reference to the broadcast array, or ``None`` if the values have no place in the table.
        """
        first, shape = self._blocks[pub]
        size = math.prod(shape)
        is_small = 0 < size * len(names) <= max(_FEW, _MOST_REPEATED * values.size)
        is_plain = values.dtype == np.dtype("<f8") and (values.flags.c_contiguous or not values.flags.f_contiguous)
        new = sum(("parameter", name) not in self._by_name for name in names)
        if not is_small or not is_plain or len(self._parameters) + new > MOST_PARAMETERS:
            return None
        try:
            points = np.broadcast_to(values, (*shape, len(names))).reshape(size, len(names))
        except ValueError:  # the result was edited
            return None
        columns = [self._put(self._parameters, name, first, points[:, at], size) for at, name in enumerate(names)]
        return None if None in columns else _reference(columns, first, (*shape, len(names)))

    def _put(self, columns: list[_Column], name: str, first: int, values: Any, number: int) -> str | None:
        """Puts values into the column of a parameter or label; ``None`` if there are too many columns."""
        kind, most = ("value", _MOST_LABELS) if columns is self._labels else ("parameter", MOST_PARAMETERS)
        column = self._by_name.get((kind, name))
        if column is None or column.stop > first:  # two parameters of one bind may have one name
            if len(columns) >= most:
                return None
            column = self._by_name[kind, name] = _Column(self._free_name(name, kind))
            columns.append(column)
        column.pieces.append((first, values))
        column.stop = first + number
        return column.name

    def _free_name(self, name: str, kind: str) -> str:
        is_name = (
            name.isprintable() and 0 < len(name.encode()) <= _NAME_BYTES and "/" not in name
        )  # PyTables refuses it
        number = 0
        while not is_name or name in self._taken:
            number += 1
            name, is_name = f"{kind}_{number}", True
        self._taken.add(name)
        return name

    def draft(self) -> DatasetDraft | None:
        """The table, or ``None`` if there were no numbers."""
        columns = [*self._parameters, *self._labels]
        if not columns:
            return None
        index: dict[str, Any] = {"experiment": np.arange(self._rows)}
        if self._blocks:
            sizes = [math.prod(shape) for _, shape in self._blocks.values()]
            index = {"pub": np.repeat(list(self._blocks), sizes), "point": np.concatenate([*map(np.arange, sizes)])}
        elif len(self._circuits) == self._rows:
            index["circuit"] = self._circuits
        dtype = [*((name, "<u4") for name in index), *((column.name, "<f8") for column in columns)]
        table = np.empty(self._rows, dtype)
        for name, values in index.items():
            table[name] = values
        for column in columns:
            target = table[column.name]
            target[:] = np.nan
            for first, piece in column.pieces:
                target[first : first + np.size(piece)] = piece
        return DatasetDraft([table], attributes={"encoding": "table", "encoding_version": 1})


def scalar_from_row(row: NDArray[Any], column: Any) -> float:
    """The number in one row of the table.

    Args:
        row: The row, an array of shape ``(1,)``.
        column: Name of the column, from the document.

    Raises:
        FormatError: There is no such column of numbers.
    """
    if type(column) is not str or column not in (row.dtype.names or ()) or row.dtype[column] != np.dtype("<f8"):
        raise FormatError(f"there is no column {column!r} of numbers")
    return float(row[column][0])


def _reference(columns: Any, first: int, shape: Sequence[int], order: str = "C") -> ArrayReference:
    return ArrayReference([layout.TABLE, columns, first, list(shape), order])


def _numbers(values: Any, number: int) -> tuple[NDArray[np.float64], dict[str, Any]] | None:
    """Values as float64, and how to make the values of them again; ``None`` if that is not exact."""
    kind = type(values)
    form: dict[str, Any] = {"as": kind.__name__}
    if kind not in (list, tuple, range, np.ndarray) or not number or len(values) != number:
        return None
    if kind is range:
        form |= {"of": "int", "start": values.start, "stop": values.stop, "step": values.step}
    elif kind is np.ndarray:
        form["of"] = values.dtype.str
    else:
        kinds = set(map(type, values))
        one: Any = kinds.pop()
        if kinds or not (
            one in (int, float) or (issubclass(one, np.generic) and np.dtype(np.dtype(one).str).type is one)
        ):
            return None
        form["of"] = one.__name__ if one in (int, float) else np.dtype(one).str
    try:
        given = np.array(values)
    except (ValueError, OverflowError):
        return None
    kinds_of_numbers = "iu" if form["of"] == "int" else "iuf"
    if given.dtype.kind not in kinds_of_numbers or given.dtype.itemsize > 8 or not given.dtype.isnative:
        return None
    if given.dtype.kind in "iu" and not (given.min() >= -_MOST_EXACT and given.max() <= _MOST_EXACT):
        return None
    with np.errstate(all="ignore"):  # a signalling NaN of single precision does not come back
        numbers = given.astype("<f8")
        is_exact = given.ndim == 1 and numbers.astype(given.dtype).tobytes() == given.tobytes()
    return (numbers, form) if is_exact else None


def typed(numbers: NDArray[Any], of: Any) -> NDArray[Any]:
    """Numbers from the table with the dtype that the document names.

    Raises:
        FormatError: The document names no dtype of real numbers, or the numbers do not fit it.
    """
    try:
        dtype = np.dtype({"float": "<f8", "int": "<i8"}.get(of, of))
    except (TypeError, ValueError) as error:
        raise FormatError(f"{of!r} is no type of numbers") from error
    if dtype.kind not in "iuf" or (dtype.kind in "iu" and not (np.abs(numbers) <= _MOST_EXACT).all()):
        raise FormatError(f"the numbers of a parameter are not of type {of!r}")
    with np.errstate(all="ignore"):
        return numbers.astype(dtype)


def _decode(body: dict[str, Any], decoder: Decoder) -> Any:
    numbers = typed(decoder.array(body["data"]), body["of"])
    if body["as"] == "ndarray":
        return numbers
    if body["as"] == "range":
        values = range(body["start"], body["stop"], body["step"])
        if len(values) != len(numbers):
            raise FormatError(f"{len(numbers)} numbers for {values!r}")
        return values
    items = numbers.tolist() if body["of"] in ("float", "int") else list(numbers)
    return {"list": list, "tuple": tuple}[body["as"]](items)


CODEC = Codec(NUMBERS, 1, (), lambda _value, _encoder: None, _decode)
