"""A stored matrix: its rows in pieces, whichever way round it is stored."""

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
        source: Its rows; its columns, if it is transposed.
        is_transposed: Whether the stored rows are the columns of the matrix.
    """

    source: Source
    is_transposed: bool

    @property
    def dim(self) -> int:
        """Number of rows."""
        return self.source.shape[0]

    def pieces(self) -> list[slice]:
        """The stored rows in pieces of whole chunks."""
        return cut(self.dim, self.source.chunk[0])

    def read(self, rows: slice) -> NDArray[Any] | None:
        """Some stored rows, whole; ``None`` if they are zero because nothing is stored for them."""
        return self.source.read(rows, slice(0, self.dim))

    def like(self, other: Matrix) -> Source:
        """This matrix, the way round that another one is stored."""
        if self.is_transposed == other.is_transposed:
            return self.source
        return InMemory(self.source.values.T) if isinstance(self.source, InMemory) else Transposed(self.source)


def in_memory(values: NDArray[Any]) -> Matrix:
    """A matrix in memory, stored as it lies there."""
    if values.flags.f_contiguous and not values.flags.c_contiguous:
        return Matrix(InMemory(values.T), is_transposed=True)
    return Matrix(InMemory(np.ascontiguousarray(values)), is_transposed=False)
