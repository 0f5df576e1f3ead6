"""What a stored array shows in the state explorer: vectors, matrices, or nothing, and why."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.states.source import Member, Source
from aerchive.stored.array import StoredArray
from aerchive.stored.stack import StackedArray

_MATRICES = ("density_matrix", "operator", "superop")
_MOST_BITS = {"vector": 32, "matrix": 16}
"""The greatest number of bits of an index: 64 GiB of amplitudes. A file may claim any shape."""
_ELSE = "Read it in Python with run.array(...), or open the project in HDFView."


@dataclass(frozen=True)
class Viewable:
    """A vector or a matrix of a stored array.

    Attributes:
        array: The stored array.
        row: The index of the vector or matrix, if the array has several.
        kind: The kind of the saved value; ``probabilities`` for real vectors, and ``array`` for other plain arrays.
        view: How it is shown.
        rows: The number of vectors or matrices of the array.
        bits: The number of bits of an index; 0 if there is no view.
        qubits: The number of qubits; half of ``bits`` for a superoperator.
        note: What a reader should know, or why there is no view.
    """

    array: StoredArray
    row: int
    kind: str
    view: Literal["vector", "matrix", "none"]
    rows: int = 1
    bits: int = 0
    note: str | None = None

    @property
    def qubits(self) -> int:
        """The number of qubits."""
        return self.bits // 2 if self.kind == "superop" else self.bits

    @property
    def has_rows(self) -> bool:
        """Whether the array has an axis that counts vectors or matrices."""
        return self.array.ndim > (1 if self.view == "vector" else 2)

    @property
    def are_probabilities(self) -> bool:
        """Whether the values are probabilities, and not amplitudes."""
        return self.kind == "probabilities"

    @property
    def is_transposed(self) -> bool:
        """Whether the stored rows of a matrix are its columns."""
        return self._stored.memory_order == "F"

    @property
    def size(self) -> int:
        """The number of values of the vector or matrix."""
        return self.array.size // self.rows

    @property
    def identity(self) -> tuple[Any, ...]:
        """What tells it from all others."""
        return (*self.array.__dask_tokenize__(), self.row)

    @property
    def chunk(self) -> int:
        """The number of values of a vector, or of stored rows of a matrix, that are read as a whole."""
        chunk = self.array.chunks[1:] if self.has_rows else self.array.chunks
        return chunk[-1] if self.view == "matrix" and self.is_transposed else chunk[0]

    @property
    def _stored(self) -> StoredArray:
        return self.array.member(self.row) if isinstance(self.array, StackedArray) else self.array

    def fingerprint(self) -> str:
        """A digest of what tells its values from all others, also in other processes."""
        return f"{self._stored.fingerprint()}-{0 if isinstance(self.array, StackedArray) else self.row}"

    @contextlib.contextmanager
    def opened(self) -> Iterator[Source]:
        """Opens the vector or matrix, in the order in which it is stored, for a pass over it."""
        with self._stored.opened() as source:
            is_part = self.has_rows and not isinstance(self.array, StackedArray)
            yield Member(source, self.row, is_last=source.is_turned) if is_part else source

    def read(self, *box: slice) -> NDArray[Any]:
        """Reads a part of the vector or matrix."""
        values: NDArray[Any] = self.array[(self.row, *box) if self.has_rows else box]
        return values


def viewable(array: StoredArray, row: int = 0) -> Viewable:
    """Decides how an array is shown.

    A vector has ``2**n`` complex or real numbers, a matrix as many rows and columns. A further first axis counts them.

    Args:
        array: The stored array.
        row: The index of the vector or matrix.

    Raises:
        InvalidInputError: The array has no such row.
    """
    kind = str(getattr(array, "kind", "")) or "array"
    shape = array.shape
    if array.dtype.kind not in "fc" or array.dtype.itemsize > 16:
        return _none(
            array, row, kind, f"Its values are {_dtype(array)}, and views are made of real and complex numbers."
        )
    if kind in _MATRICES:
        view, axes = "matrix", 2
    elif kind == "statevector":
        view, axes = "vector", 1
    else:
        is_matrix = len(shape) >= 2 and shape[-1] == shape[-2]
        view, axes = ("matrix", 2) if is_matrix else ("vector", 1)
    sizes = set(shape[-axes:])
    if not axes <= len(shape) <= axes + 1 or len(sizes) != 1 or not _is_power(size := sizes.pop()):
        made_of = "views are made of vectors of 2^n numbers and of matrices of 2^n rows and columns"
        return _none(array, row, kind, f"Its shape is {_shape(shape)}, and {made_of}.")
    bits, most = size.bit_length() - 1, _MOST_BITS[view]
    if bits > most:
        return _none(array, row, kind, f"It has {_shape(shape)} values, and views are made of up to 2^{most} a side.")
    rows = shape[0] if len(shape) > axes else 1
    if not 0 <= row < rows:
        there = f"rows 0 to {rows - 1}" if rows > 1 else "row 0 alone" if rows else "no rows"
        raise InvalidInputError(f"row {row} of {array!r}: there are {there}")
    if view == "vector" and array.dtype.kind == "f":
        kind = "probabilities"
    note = None
    if getattr(array, "num_qubits", 0) is None:
        note = "Its subsystems are not qubits: what is shown as qubit j is bit j of the index."
    return Viewable(array, row, kind, "matrix" if view == "matrix" else "vector", rows, bits, note)


def _none(array: StoredArray, row: int, kind: str, why: str) -> Viewable:
    if row:
        raise InvalidInputError(f"row {row} of {array!r}, which has no view: {why}")
    return Viewable(array, row, kind, "none", note=f"There is no view of this array. {why} {_ELSE}")


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) if shape else "that of a single number"


def _dtype(array: StoredArray) -> str:
    return {"S": "texts", "b": "truth values", "i": "integers", "u": "integers"}.get(array.dtype.kind, str(array.dtype))


def _is_power(length: int) -> bool:
    return length > 0 and length & (length - 1) == 0


def without_view(one: Viewable, why: str) -> Viewable:
    """The same array without a view."""
    return Viewable(
        one.array, one.row, "array", "none", one.rows, note=f"There is no view of this array: {why}. {_ELSE}"
    )
