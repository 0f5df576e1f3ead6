"""Amplitudes of matrix products: single ones, slices, and the whole vector in pieces.

The index of an amplitude is divided into a high and a low part. The matrices of the high qubits give a row vector for
each high part, and those of the low qubits a table with a column for each low part. The amplitudes are the products of
the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.lazy import cached_property
from aerchive.states.matrix_product.tensors import MatrixProduct, Tensor

_CHUNK_BITS = 16
"""The logarithm of the number of amplitudes in a piece of an expansion: 1 MiB."""
_TABLE = 2**12
"""The greatest number of elements of the table of an expansion: 64 KiB, so that it stays in the cache."""
_SINGLE = 2**15
"""Up to this number of complex multiplications BLAS starts no threads (measured). The callers have threads."""
_TOGETHER = 2**20
"""The number of elements of row vectors that are computed at once for a list of indices: 16 MiB."""


def columns(tensors: Sequence[Tensor]) -> NDArray[Any]:
    """Returns the table of the last qubits of a product.

    Args:
        tensors: The last tensors of a product.

    Returns:
        The products of their matrices, shape ``(left, 2**len(tensors))``.
    """
    table: NDArray[Any] = np.ones((1, 1))
    for tensor in reversed(tensors):
        table = (tensor.reshape(-1, tensor.shape[2]) @ table).reshape(tensor.shape[0], -1)
    return table


def rows(tensors: Sequence[Tensor], start: int, stop: int) -> NDArray[Any]:
    """Returns the row vectors of the first qubits of a product for consecutive values of their bits.

    Args:
        tensors: The first tensors of a product.
        start: The first value, at least 0.
        stop: The value after the last, at most ``2**len(tensors)``.

    Returns:
        The products of their matrices, shape ``(stop - start, right)``.
    """
    found: NDArray[Any] = np.ones((1, 1))
    first = 0
    for at, tensor in enumerate(tensors):
        below = len(tensors) - 1 - at
        found = (found @ tensor.reshape(tensor.shape[0], -1)).reshape(-1, tensor.shape[2])
        low, high = start >> below, ((stop - 1) >> below) + 1  # the bits so far, of all values
        found = found[low - 2 * first : high - 2 * first]
        first = low
    return found


def amplitudes(product: MatrixProduct, indices: NDArray[np.integer[Any]]) -> NDArray[np.complex128]:
    """Returns the amplitudes of basis states.

    Args:
        product: The state.
        indices: The numbers of the basis states, in any order, also several times; shape ``(k,)``.

    Returns:
        The amplitudes, shape ``(k,)``, dtype complex128.
    """
    found = np.empty(len(indices), np.complex128)
    step = max(1, _TOGETHER // max((1, *product.bonds)))
    for at in range(0, len(indices), step):
        some = np.asarray(indices[at : at + step])
        vectors: NDArray[Any] = np.ones((len(some), 1), product.dtype)
        for position, tensor in enumerate(product.tensors):
            is_one = (some >> (product.num_qubits - 1 - position) & 1).astype(bool)
            longer = np.empty((len(some), tensor.shape[2]), product.dtype)
            for bit, chosen in enumerate((~is_one, is_one)):
                longer[chosen] = vectors[chosen] @ tensor[:, bit]
            vectors = longer
        found[at : at + step] = vectors[:, 0]
    return found


@dataclass(frozen=True)
class Expansion:
    """A matrix product that is read like a stored vector: the `Source` of the other modules in `aerchive.states`.

    It holds a table of at most 64 KiB (more only for bonds above 2,048). A read needs about twice the memory of its
    result.

    Attributes:
        product: The state.
    """

    product: MatrixProduct

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the vector, ``(2**num_qubits,)``."""
        return (1 << self.product.num_qubits,)

    @property
    def chunk(self) -> tuple[int, ...]:
        """The shape of a piece: 1 MiB of complex numbers."""
        return (1 << min(_CHUNK_BITS, self.product.num_qubits),)

    def read(self, *box: slice) -> NDArray[np.complex128]:
        """Returns the amplitudes in a slice, dtype complex128."""
        (piece,) = box
        low = self._low
        return _joined(self.product.tensors[: self.product.num_qubits - low], self._table, low, piece.start, piece.stop)

    @cached_property
    def _low(self) -> int:
        """The number of lowest qubits that the table is for."""
        tensors = self.product.tensors
        low = 0
        while low < min(len(tensors), _CHUNK_BITS) and tensors[-1 - low].shape[0] << (low + 1) <= _TABLE:
            low += 1
        return low

    @cached_property
    def _table(self) -> NDArray[Any]:
        return columns(self.product.tensors[self.product.num_qubits - self._low :])


def _joined(high: Sequence[Tensor], table: NDArray[Any], low: int, start: int, stop: int) -> NDArray[np.complex128]:
    first, last = start >> low, ((stop - 1) >> low) + 1
    vectors = rows(high, first, last)
    values = np.empty((last - first, 1 << low), np.result_type(vectors, table))
    step = max(1, _SINGLE // table.size)
    for at in range(0, last - first, step):
        np.matmul(vectors[at : at + step], table, out=values[at : at + step])
    return np.asarray(values.reshape(-1)[start - (first << low) : stop - (first << low)], np.complex128)
