"""A stored square matrix whose rows are read in pieces. It may be stored transposed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.source import InMemory, Source, Transposed, cut


@dataclass(frozen=True)
class Matrix:
    """A square matrix as it is stored.

    Attributes:
        source: The stored array, shape ``(dim, dim)``.
        is_transposed: Whether the rows of the stored array are the columns of the matrix.
    """

    source: Source
    is_transposed: bool

    @property
    def dim(self) -> int:
        """The number of rows."""
        return self.source.shape[0]

    def pieces(self) -> list[slice]:
        """Returns the ranges of stored rows, in pieces of whole chunks."""
        return cut(self.dim, self.source.chunk[0])

    def read(self, rows: slice) -> NDArray[Any] | None:
        """Returns some whole stored rows, or ``None`` if nothing is stored for them, so that they are zero."""
        return self.source.read(rows, slice(0, self.dim))

    def like(self, other: Matrix) -> Source:
        """Returns this matrix with the orientation in which another matrix is stored."""
        if self.is_transposed == other.is_transposed:
            return self.source
        return InMemory(self.source.values.T) if isinstance(self.source, InMemory) else Transposed(self.source)


def in_memory(values: NDArray[Any]) -> Matrix:
    """Returns an array in memory as a `Matrix`. An array in Fortran order counts as stored transposed."""
    if values.flags.f_contiguous and not values.flags.c_contiguous:
        return Matrix(InMemory(values.T), is_transposed=True)
    return Matrix(InMemory(np.ascontiguousarray(values)), is_transposed=False)
