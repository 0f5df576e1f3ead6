"""What the mathematics asks of a stored array: boxes of it, from any thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_PIECE = 2**16
"""Elements that are taken at once of an array in memory."""
_TURNED = 2**20
"""Elements that are taken at once of a matrix that is read across its chunks: 16 MiB."""


class Source(Protocol):
    """An array that is read in boxes.

    Attributes:
        shape: Of the array.
        chunk: Shape of the pieces that are stored, and read, whole.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""

    @property
    def chunk(self) -> tuple[int, ...]:
        """Shape of the pieces that are stored, and read, whole."""

    def read(self, *box: slice) -> NDArray[Any] | None:
        """The values in a box.

        Args:
            *box: For each axis from where to where, both given, without a step.

        Returns:
            The values, not to be changed; ``None`` if all of them are zero because nothing is stored for them.
        """


@dataclass(frozen=True)
class InMemory:
    """An array in memory in the place of a stored one.

    Attributes:
        values: The array.
    """

    values: NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return self.values.shape

    @property
    def chunk(self) -> tuple[int, ...]:
        """Rows of about a mebibyte."""
        row = max(1, int(np.prod(self.shape[1:])))
        return (max(1, _PIECE // row), *self.shape[1:])

    def read(self, *box: slice) -> NDArray[Any] | None:
        """The values in a box."""
        values: NDArray[Any] = self.values[box]
        return values


@dataclass(frozen=True)
class Transposed:
    """A matrix read by columns: for two matrices that are stored in different orders.

    Attributes:
        source: The matrix.
    """

    source: Source

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the transposed matrix."""
        return self.source.shape[::-1]

    @property
    def chunk(self) -> tuple[int, ...]:
        """Many whole rows: each piece touches all chunks of the source, so there had better be few."""
        return max(self.source.chunk[0], _TURNED // self.source.shape[0]), self.source.shape[0]

    def read(self, *box: slice) -> NDArray[Any] | None:
        """The values in a box."""
        values = self.source.read(*reversed(box))
        return None if values is None else values.T


def read_all(source: Source) -> NDArray[Any]:
    """All values of a source."""
    values = source.read(*(slice(0, length) for length in source.shape))
    return np.zeros(source.shape, np.complex128) if values is None else values


def cut(length: int, piece: int) -> list[slice]:
    """An axis in pieces, the last of which may be shorter."""
    return [slice(start, min(start + piece, length)) for start in range(0, length, piece)]
