"""The values of runs that are columns beside the catalogue: parameters, circuits in numbers, and saved numbers.

A column is a table with a row for each row of the catalogue. Its rows have one type, so values of several types under
one name are in several columns of this name. A value that no column can hold is noted as one that only the run has.
"""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import FormatError
from aerchive.models.base import as_stored
from aerchive.models.catalogue import BOUND_LEFT_OUT, CELLS_LEFT_OUT
from aerchive.models.run import RunRecord
from aerchive.models.shown import own_names
from aerchive.row_checksums import row_crc, wrong_rows
from aerchive.text import decode_text, encode_text, json_text

PARAMS: Final = "params."
METADATA: Final = "metadata."
BOUND: Final = "bound."
SAVED: Final = "saved."
OPERATIONS: Final = "circuit.ops."
CIRCUIT_NAME: Final = "circuit.name"
ABSENT: Final = 0
"""The number in ``given`` of a run that has no value of this name, or one of another type."""
GIVEN: Final = 1
"""The number in ``given`` of a run whose value is in the column."""
IN_RUN: Final = 2
"""The number in ``given`` of a run that has a value, which only its documents hold."""
ONLY_IN_RUN: Any = object()
"""A value that no column holds."""
MOST_OF_RUN: Final = 64
"""The greatest number of values of a run that are put into columns."""
COUNTS: Final = "counts"
"""The name of the counts of a run, which are JSON by bit string."""
MOST_OUTCOMES: Final = 24
"""The greatest number of outcomes whose counts are in a column."""
_MOST_BOUND = 8
"""The greatest number of bound parameters of a run that are put into columns."""
_TEXT_WIDTHS = (16, 32, 64, 128, 256)
_MOST_ITEMS = 128
_CRC_BYTES = 4
_VECTORS: dict[str, type] = {"list": list, "tuple": tuple}
_SCALARS: dict[type, tuple[str, str]] = {float: ("float", "<f8"), int: ("int", "<i8"), bool: ("bool", "u1")}
_NUMPY = {"<f8": np.float64, "<i8": np.int64}


class Form(NamedTuple):
    """The type of the values in a column.

    Attributes:
        type: The type in Python: ``float``, ``int``, ``bool``, ``str``, ``none``, ``list``, ``tuple``, ``ndarray``,
            ``numpy`` for a number of NumPy; or ``run`` if the column only notes which runs have a value.
        dtype: The dtype of a number or text, in the notation of NumPy.
        shape: The shape of a list or array; ``()`` for a single value.
    """

    type: str
    dtype: str
    shape: tuple[int, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of the fields that hold the value: ``value``, or the index of each number of a list or array."""
        return [str(number) for number in range(math.prod(self.shape))] if self.shape else ["value"]

    @property
    def row_dtype(self) -> np.dtype[Any]:
        """The dtype of a row: the value, ``given`` and the checksum."""
        return _row_dtype(self)


@functools.lru_cache(maxsize=256)
def _row_dtype(form: Form) -> np.dtype[Any]:
    return np.dtype([*((name, form.dtype) for name in form.names), ("given", "u1"), ("crc32", "<u4")])


_FORM_OF_NONE = Form("none", "u1")
IN_RUN_FORM: Final = Form("run", "u1")
"""The form of a column that only notes which runs have a value."""


def form_of(value: Any) -> Form:
    """Returns the form of the column that holds a value; `IN_RUN_FORM` if none can."""
    kind = type(value)
    if kind in _SCALARS and (kind is not int or -(2**63) <= value < 2**63):
        return Form(*_SCALARS[kind])
    if kind is str:
        length = len(encode_text(value))
        return next((Form("str", f"S{width}") for width in _TEXT_WIDTHS if length <= width), IN_RUN_FORM)
    if value is None:
        return _FORM_OF_NONE
    if kind in (list, tuple) and 0 < len(value) <= _MOST_ITEMS:
        if set(map(type, value)) == {float}:
            return Form(kind.__name__, "<f8", (len(value),))
        is_integers = set(map(type, value)) == {int} and all(-(2**63) <= one < 2**63 for one in value)
        return Form(kind.__name__, "<i8", (len(value),)) if is_integers else IN_RUN_FORM
    if kind is np.ndarray and value.dtype.str in _NUMPY and value.flags.c_contiguous and 0 < value.size <= _MOST_ITEMS:
        return Form("ndarray", value.dtype.str, value.shape) if value.ndim else IN_RUN_FORM
    if kind in (np.float64, np.int64):
        return Form("numpy", value.dtype.str)
    return IN_RUN_FORM


def make_cell(form: Form, value: Any, number: int) -> NDArray[Any]:
    """Makes the row of a column.

    Args:
        form: The form of the column, which is that of the value unless this is `ONLY_IN_RUN`.
        value: The value.
        number: The number of the row.

    Returns:
        The row, shape ``(1,)``, dtype ``form.row_dtype``.
    """
    row = np.zeros(1, form.row_dtype)
    if value is ONLY_IN_RUN or form == IN_RUN_FORM:
        row["given"] = IN_RUN
    else:
        row["given"] = GIVEN
        if form.shape:
            row.view(np.uint8)[: math.prod(form.shape) * 8] = np.asarray(value, form.dtype).reshape(-1).view(np.uint8)
        elif value is not None:
            row["value"] = encode_text(value) if form.type == "str" else value
    return seal_cell(row, number)


def seal_cell(row: NDArray[Any], number: int) -> NDArray[Any]:
    """Sets the checksum of a row that will be row ``number`` of its column, and returns the row."""
    row["crc32"] = row_crc(row.tobytes()[:-_CRC_BYTES], number)
    return row


def damaged_cells(rows: NDArray[Any], first: int) -> list[int]:
    """Returns the numbers of the rows whose checksum is wrong; a row that was never written is all zero.

    Args:
        rows: Rows of a column, shape ``(n,)``, contiguous.
        first: The number of the first of these rows.
    """
    is_written = (rows["given"] != ABSENT) | (rows["crc32"] != 0)
    content = rows.view(np.uint8).reshape(len(rows), rows.dtype.itemsize)
    if not is_written.all():
        is_written |= content.any(axis=1)
    written = np.flatnonzero(is_written)
    checked = content if len(written) == len(rows) else content[written]
    return wrong_rows(checked[:, :-_CRC_BYTES], rows["crc32"][written], first + written)


def empty_cell(form: Form, number: int) -> NDArray[Any]:
    """Makes the row of a run that has no value of this name, or one of another type."""
    return seal_cell(np.zeros(1, form.row_dtype), number)


def values_of(form: Form, rows: NDArray[Any]) -> NDArray[Any]:
    """Returns the values of rows of a column whose ``given`` is `GIVEN`.

    Args:
        form: The form of the column.
        rows: The rows, shape ``(n,)``.

    Returns:
        Shape ``(n,)``: float64 or int64 for Python's ``float`` and ``int``, otherwise objects, each as it was given.

    Raises:
        FormatError: A text is not one.
    """
    if form.type in ("float", "int"):
        return np.ascontiguousarray(rows["value"])
    objects = np.empty(len(rows), object)
    if form.shape:
        for at, one in enumerate(numbers_of_vectors(form, rows)):
            objects[at] = one.copy() if form.type == "ndarray" else _VECTORS[form.type](one.tolist())
    elif form.type == "numpy":
        for at, number in enumerate(rows["value"]):
            objects[at] = _NUMPY[form.dtype](number)
    elif form.type == "str":
        known = {raw: decode_text(raw) for raw in dict.fromkeys(rows["value"].tolist())}
        objects[:] = [known[raw] for raw in rows["value"].tolist()]
    elif form.type == "bool":
        objects[:] = [value != 0 for value in rows["value"].tolist()]
    return objects


def numbers_of_vectors(form: Form, rows: NDArray[Any]) -> NDArray[Any]:
    """Returns the numbers of lists or arrays.

    Args:
        form: The form of the column.
        rows: Rows of the column, shape ``(n,)``.

    Returns:
        Shape ``(n, *form.shape)``, float64 or int64.
    """
    raw = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)[:, : math.prod(form.shape) * 8]
    return np.ascontiguousarray(raw).view(form.dtype).reshape(len(rows), *form.shape)


def form_from(attributes: Mapping[str, Any], dtype: np.dtype[Any], where: str) -> Form:
    """Returns the form of a stored column.

    Args:
        attributes: The attributes of the column.
        dtype: The dtype of its rows.
        where: File and path of the column, for the error message.

    Raises:
        FormatError: The attributes do not describe the rows.
    """
    shape, kind, names = attributes.get("shape", ""), attributes.get("type"), dtype.names or ()
    try:
        extent = tuple(map(int, str(shape).split()))
        form = Form(str(kind), dtype[names[0]].str.replace("|u1", "u1").replace("|S", "S"), extent)
        is_right = 0 < math.prod(extent) <= _MOST_ITEMS and form.row_dtype == dtype and form in _known_forms(form)
    except (ValueError, TypeError, KeyError, IndexError):
        is_right = False
    if not is_right or not isinstance(attributes.get("name"), str):
        raise FormatError(f"{where}: is not a column of values of type {kind!r} and shape {shape!r}")
    return form


def _known_forms(form: Form) -> Sequence[Form]:
    """Returns the forms that there are of the type of a form."""
    numbers, alone = ("<f8", "<i8"), (*(Form(*one) for one in _SCALARS.values()), _FORM_OF_NONE, IN_RUN_FORM)
    if form.shape:
        kinds = ("list", "tuple", "ndarray") if len(form.shape) == 1 else ("ndarray",)
        return [Form(kind, dtype, form.shape) for kind in kinds for dtype in numbers]
    texts = [Form("str", f"S{width}") for width in _TEXT_WIDTHS]
    return [*alone, *texts, *(Form("numpy", dtype) for dtype in numbers)]


def cells_of(record: RunRecord) -> dict[str, Any]:
    """Returns the values of a run that belong into columns, by name.

    Args:
        record: The documents of the run.

    Returns:
        ``params.NAME``: parameters that were given with the run; ``metadata.NAME``: metadata of the circuit, and
        `ONLY_IN_RUN` if circuits differ in it; ``circuit.name``: name of the first circuit that has one which Qiskit
        did not make up; ``circuit.ops.NAME``: number of operations, of several circuits the greatest; ``counts``, as
        JSON, ``saved.NAME`` and ``bound.NAME``: saved numbers and bound parameters, and `ONLY_IN_RUN` if the run has
        several points.
    """
    facts = record.config.circuit_facts or []
    cells: dict[str, Any] = {PARAMS + name: _as_stored(value) for name, value in record.labels.params.items()}
    if (first := next(filter(None, own_names(record.config.circuit_names)), None)) is not None:
        cells[CIRCUIT_NAME] = first
    for fact in facts:
        for name, count in fact.get("ops", {}).items():
            cells[OPERATIONS + name] = max(count, cells.get(OPERATIONS + name, 0))
    for name in dict.fromkeys(name for fact in facts for name in fact.get("metadata", {})):
        values = [fact.get("metadata", {}).get(name) for fact in facts]
        cells[METADATA + name] = values[0] if len(facts) == 1 else ONLY_IN_RUN
    if (counts := record.status.counts) is not None:
        text = json_text(counts, separators=(",", ":"))
        cells[COUNTS] = text if counts and len(text) <= _TEXT_WIDTHS[-1] else ONLY_IN_RUN
    for prefix, numbers in (SAVED, record.status.saved), (BOUND, record.config.bound):
        cells |= {prefix + name: ONLY_IN_RUN if one is None else one for name, one in (numbers or {}).items()}
    return cells


def _as_stored(value: Any) -> Any:
    """Returns a value as its document gives it back, but as it is if no column holds it anyway."""
    if isinstance(value, list | tuple | np.ndarray):  # a document has no order of axes, and no members of an ``Enum``
        number = value.size if isinstance(value, np.ndarray) else len(value)
        is_changed = 0 < number <= _MOST_ITEMS and form_of(value) == IN_RUN_FORM
    else:
        is_changed = isinstance(value, enum.Enum)
    return as_stored(value) if is_changed else value


def left_out_bit(name: str) -> int:
    """The bit of ``overflow`` that is set in the row of a run if its value under a name is left out of the columns."""
    return BOUND_LEFT_OUT if name.startswith(BOUND) else CELLS_LEFT_OUT


def in_columns(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those of the values of a run that are put into columns: no run makes very many."""
    bound = [name for name in cells if name.startswith(BOUND)]
    left_out = bound if len(bound) > _MOST_BOUND else ()
    kept = [name for name in cells if name not in left_out]
    return {name: cells[name] for name in kept[:MOST_OF_RUN]}
