"""The interface of a stored array for the mathematics: any thread can read boxes of the array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_PIECE = 2**16
"""The number of elements in a piece of an array in memory."""
_TURNED = 2**20
"""The number of elements in a piece of a matrix that is read across its chunks: 16 MiB."""


class Source(Protocol):
    """An array that is read in boxes.

    Attributes:
        shape: The shape of the array.
        chunk: The shape of a chunk. A chunk is stored and read as a whole.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""

    @property
    def chunk(self) -> tuple[int, ...]:
        """The shape of a chunk. A chunk is stored and read as a whole."""

    def read(self, *box: slice) -> NDArray[Any] | None:
        """Returns the values in a box.

        Args:
            *box: One slice for each axis, with start and stop and without a step.

        Returns:
            The values, which must not be changed, or ``None`` if nothing is stored for the box, so that all of its
            values are zero.
        """


@dataclass(frozen=True)
class InMemory:
    """An array in memory that is used like a stored array.

    Attributes:
        values: The array.
    """

    values: NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.values.shape

    @property
    def chunk(self) -> tuple[int, ...]:
        """The shape of a piece: whole rows, together about 1 MiB of complex numbers."""
        row = max(1, int(np.prod(self.shape[1:])))
        return (max(1, _PIECE // row), *self.shape[1:])

    def read(self, *box: slice) -> NDArray[Any] | None:
        """Returns the values in a box."""
        values: NDArray[Any] = self.values[box]
        return values


@dataclass(frozen=True)
class Transposed:
    """The transpose of a stored matrix, for two matrices that are stored in different orders.

    Attributes:
        source: The stored matrix.
    """

    source: Source

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the transposed matrix."""
        return self.source.shape[::-1]

    @property
    def chunk(self) -> tuple[int, ...]:
        """The shape of a piece: many whole rows. Each piece reads all chunks of the source, so there are few pieces."""
        return max(self.source.chunk[0], _TURNED // self.source.shape[0]), self.source.shape[0]

    def read(self, *box: slice) -> NDArray[Any] | None:
        """Returns the values in a box."""
        values = self.source.read(*reversed(box))
        return None if values is None else values.T


@dataclass(frozen=True)
class Member:
    """One of several arrays that are stored as one array.

    Attributes:
        source: The stored array.
        number: The index of the array along the axis that counts them.
        is_last: Whether that is the last axis, and not the first.
    """

    source: Source
    number: int
    is_last: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.source.shape[:-1] if self.is_last else self.source.shape[1:]

    @property
    def chunk(self) -> tuple[int, ...]:
        """The shape of a piece."""
        return self.source.chunk[:-1] if self.is_last else self.source.chunk[1:]

    def read(self, *box: slice) -> NDArray[Any] | None:
        """Returns the values in a box."""
        one = slice(self.number, self.number + 1)
        values = self.source.read(*box, one) if self.is_last else self.source.read(one, *box)
        return None if values is None else values[..., 0] if self.is_last else values[0]


def read_all(source: Source) -> NDArray[Any]:
    """Returns all values of a source."""
    values = source.read(*(slice(0, length) for length in source.shape))
    return np.zeros(source.shape, np.complex128) if values is None else values


def cut(length: int, piece: int) -> list[slice]:
    """Divides an axis into pieces. The last piece may be shorter."""
    return [slice(start, min(start + piece, length)) for start in range(0, length, piece)]
