"""The two halves of a state: a matrix of low rank, found in few passes.

The state is the matrix ``M`` whose row number is made of the high qubits, and whose column number of the low qubits.
``M`` times a few random vectors spans, up to a small error, the space of its columns: N. Halko, P. G. Martinsson and
J. A. Tropp, *Finding structure with randomness*, SIAM Review 53, 217 (2011), algorithm 4.1 and, for the error, section
4.3. More random vectors, which do not contribute to the basis, measure the part of ``M`` that is outside of the space.
The number of vectors is doubled until that part is small enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.source import Source, cut

SEED = 2011
"""The seed of the random vectors. It is fixed, so that equal states give equal products."""
_BLOCK = 2**21
"""The number of amplitudes in a block of rows: 32 MiB."""
_PROBES = 8
"""The number of random vectors that measure the error."""
_FIRST = 24
"""The least number of random vectors in the first pass, without the probes."""
_SMALL = 64
"""Up to this number of rows all rows are the basis."""
_SPARE = 16
"""The number of random vectors that are used beyond an expected rank."""
_HALVES_BYTES = 2**27
"""The greatest size of one half. About six arrays of this size exist at the same time."""
_TOO_FULL = 4
"""Up to this fraction of the full rank a low rank is looked for."""
_SLOW = 0.75
"""If twice as many vectors leave more than this part of the error, no more vectors are tried."""


@dataclass(frozen=True)
class Halves:
    """A factorisation of the matrix of a state.

    Attributes:
        left: An orthonormal basis of columns, shape ``(2**high, rank)``.
        right: The projection of the matrix on it, shape ``(rank, 2**low)``.
    """

    left: NDArray[Any]
    right: NDArray[Any]


@dataclass(frozen=True)
class StateMatrix:
    """A state as a matrix that is read in blocks of rows.

    Attributes:
        source: The amplitudes.
        high: The number of highest qubits, which make the number of the row.
        low: The number of lowest qubits, which make the number of the column.
        is_real: Whether all imaginary parts are zero.
    """

    source: Source
    high: int
    low: int
    is_real: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the blocks."""
        return np.dtype(np.float64 if self.is_real else np.complex128)

    def blocks(self) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Yields the blocks of rows, and which rows they are."""
        for rows in cut(1 << self.high, max(1, _BLOCK >> self.low)):
            values = self.source.read(slice(rows.start << self.low, rows.stop << self.low))
            if values is None:
                continue
            block = np.asarray(values).reshape(-1, 1 << self.low)
            yield rows, np.ascontiguousarray(block.real if self.is_real else block, self.dtype)


def split(matrix: StateMatrix, aim: float, most: float, expected_rank: int = 0) -> Halves | None:
    """Returns the two halves of a state.

    Args:
        matrix: The state.
        aim: The squared norm of the difference of the matrix and the product of the halves that is good enough. The
            random vectors estimate it to about a factor of two.
        most: The greatest such squared norm, which is accepted if more vectors make it hardly smaller. This is so if
            the state has noise, as that of calculations in single precision.
        expected_rank: The rank that a sample has, so that the first pass has enough vectors.

    Returns:
        The halves, or ``None`` if the rank is too high.
    """
    basis = _basis(matrix, aim, most, expected_rank)
    return None if basis is None else Halves(basis, _projected(matrix, basis))


def _basis(matrix: StateMatrix, aim: float, most: float, expected_rank: int) -> NDArray[Any] | None:
    size = 1 << matrix.high
    longer = max(size, 1 << matrix.low)
    last = min(max(_FIRST, size // _TOO_FULL), max(_FIRST, _HALVES_BYTES // (16 * longer)))
    rng = np.random.default_rng(SEED)
    images = np.empty((size, 0), matrix.dtype)
    wanted, before = min(last, max(_FIRST, expected_rank + _SPARE)), math.inf
    while size > _SMALL and wanted < size:
        images = np.hstack([images, _images(matrix, rng, wanted + _PROBES - images.shape[1])])
        basis: NDArray[Any] = np.linalg.qr(images[:, :wanted]).Q
        probes = images[:, wanted:]
        outside = probes - basis @ (basis.conj().T @ probes)
        error = float(np.linalg.norm(outside)) ** 2 / _PROBES
        if error <= aim:
            return basis
        if wanted == last or error > _SLOW * before:
            return basis if error <= most else None
        wanted, before = min(2 * wanted, last), error
    return np.eye(size, dtype=matrix.dtype)


def _images(matrix: StateMatrix, rng: np.random.Generator, number: int) -> NDArray[Any]:
    """Returns the products of the matrix with random vectors whose elements have variance 1."""
    shape = 1 << matrix.low, number
    vectors: NDArray[Any] = rng.standard_normal(shape)
    if not matrix.is_real:
        vectors = (vectors + 1j * rng.standard_normal(shape)) * math.sqrt(0.5)
    found = np.zeros((1 << matrix.high, number), matrix.dtype)
    for rows, block in matrix.blocks():
        np.matmul(block, vectors, out=found[rows])
    return found


def _projected(matrix: StateMatrix, basis: NDArray[Any]) -> NDArray[Any]:
    turned = np.ascontiguousarray(basis.conj().T)
    found = np.zeros((len(turned), 1 << matrix.low), matrix.dtype)
    for rows, block in matrix.blocks():
        found += turned[:, rows] @ block
    return found
