"""A pyramid of aggregated views of a stored square matrix, made in one pass in an order that refines the picture.

Level ``l`` has ``2**l x 2**l`` bins of equal size, and keeps of each the greatest magnitude of an element and the phase
of that element. Bit 0 of an index of a row or column is qubit 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.states.binned import MISSING, as_single, phases_of, weights_of
from aerchive.states.matrix import Matrix
from aerchive.states.pyramid import like
from aerchive.states.refining import LEAST_PIECE, power_from, refining_pieces
from aerchive.states.sums import exact_sum

TILE_SIDE = 32
"""The greatest number of rows and columns of bins in a tile."""
BASE_LEVEL = 9
"""The level of the base of a matrix of up to 4,096 rows: 512 x 512 bins, which take 2 MiB."""
LAST_BASE = 11
"""The greatest level of a base: 2,048 x 2,048 bins, which take 32 MiB."""
_LAST_LEVEL = 14
"""The greatest number of qubits with which levels above the base are read: a tile then reads at most 32 MiB."""


class MatrixPart(NamedTuple):
    """What is known of some consecutive stored rows.

    Attributes:
        rows: The rows.
        bins: Where their bins are in the base.
        greatest: The greatest magnitudes, shape ``(bins, bins of a row)``; ``None`` if all elements are zero.
        phases: The phases of these elements.
        diagonal: The elements of the diagonal.
        square: The sum of the squared magnitudes.
        strange: The number of elements that are not finite numbers.
    """

    rows: slice
    bins: slice
    greatest: NDArray[np.float32] | None = None
    phases: NDArray[np.float32] | None = None
    diagonal: NDArray[Any] | None = None
    square: float = 0.0
    strange: int = 0


class MatrixPyramid:
    """The aggregated views of a matrix of ``2**bits`` rows.

    `fold` and `add` are used as those of `aerchive.states.pyramid.VectorPyramid`. The base has so many bins that a tile
    of the next level needs few rows: a chunk has whole rows, so that a row is read as a whole.

    Args:
        dim: The number of rows, a power of two.
        chunk_rows: The number of stored rows that are read as a whole.
        is_transposed: Whether the stored rows are the columns of the matrix.
        base: The level of the base; by default 9, and more for matrices of more than 4,096 rows.
        least_piece: The least number of elements in a piece.

    Attributes:
        bits: The number of bits of an index of a row.
        base: The level of the base.
        levels: The greatest level that can be answered.
        pieces: The pieces in which the matrix is read, each a range of stored rows.
        done: The number of pieces that were added.
        strange: The number of elements so far that are not finite numbers.
        diagonal: The diagonal, shape ``(dim,)``, dtype complex128.
        is_read: Which elements of the diagonal are known, shape ``(dim,)``.
    """

    def __init__(
        self,
        dim: int,
        chunk_rows: int,
        *,
        is_transposed: bool = False,
        base: int | None = None,
        least_piece: int = LEAST_PIECE,
    ) -> None:
        self.bits = dim.bit_length() - 1
        wanted = max(BASE_LEVEL, min(LAST_BASE, 2 * self.bits - 16)) if base is None else base
        self.base = min(self.bits, wanted)
        self.levels = self.bits if self.bits <= _LAST_LEVEL else self.base
        self._is_transposed = is_transposed
        self._width = dim >> self.base
        self._piece = min(dim, max(power_from(chunk_rows), self._width, least_piece // dim))
        self.pieces = refining_pieces(dim, self._piece)
        self.done = 0
        self.strange = 0
        bins = 1 << self.base
        self._greatest = np.full((bins, bins), MISSING, np.float32)
        self._phases = np.zeros((bins, bins), np.float32)
        self.diagonal = np.zeros(dim, np.complex128)
        self.is_read = np.zeros(dim, bool)
        self._squares: list[float] = []

    @property
    def is_done(self) -> bool:
        """Whether the whole matrix was read."""
        return self.done == len(self.pieces)

    @property
    def nbytes(self) -> int:
        """The memory of the pyramid in bytes."""
        return self._greatest.nbytes + self._phases.nbytes + self.diagonal.nbytes

    @property
    def piece_bytes(self) -> int:
        """The memory for reading and folding a piece, in bytes."""
        return 2 * 16 * self._piece << self.bits

    # -- the pass

    def fold(self, source: Any, piece: slice) -> list[MatrixPart]:
        """Reads some stored rows and aggregates them."""
        values = Matrix(source, self._is_transposed).read(piece)
        bins = slice(piece.start // self._width, piece.stop // self._width)
        if values is None:
            return [MatrixPart(piece, bins)]
        greatest, phases, weights = _bins_of(values, bins.stop - bins.start, 1 << self.base)
        strange = 0
        with np.errstate(all="ignore"):
            square = float(weights.sum())
        if not math.isfinite(square):
            strange = weights.size - int(np.count_nonzero(np.isfinite(weights)))
        diagonal = values[np.arange(len(values)), np.arange(piece.start, piece.stop)]
        return [MatrixPart(piece, bins, greatest, phases, diagonal, square, strange)]

    def add(self, parts: list[MatrixPart]) -> None:
        """Adds what `fold` gave for the next piece."""
        for part in parts:
            self.is_read[part.rows] = True
            if part.greatest is None or part.phases is None:
                self._greatest[part.bins] = 0
                continue
            self._greatest[part.bins] = part.greatest
            self._phases[part.bins] = part.phases
            self.diagonal[part.rows] = part.diagonal
            self._squares.append(part.square)
            self.strange += part.strange
        self.done += 1

    # -- what the whole matrix gives

    @property
    def trace(self) -> complex | None:
        """The sum of the diagonal; ``None`` before the end, or if an element is not finite."""
        return exact_sum(self.diagonal) if self.is_done and not self.strange else None

    @property
    def purity(self) -> float | None:
        """The sum of the squared magnitudes, which is the purity of a density matrix; ``None`` as for `trace`."""
        return math.fsum(self._squares) if self.is_done and not self.strange else None

    # -- tiles

    def box(self, level: int, row_tile: int, column_tile: int) -> tuple[slice, slice]:
        """The rows and columns of the matrix in a tile of a level.

        Raises:
            IndexError: There is no such level or tile.
        """
        if not 0 <= level <= self.levels:
            raise IndexError(f"level {level}: there are levels 0 to {self.levels}")
        tiles = max(1, (1 << level) // TILE_SIDE)
        if not (0 <= row_tile < tiles and 0 <= column_tile < tiles):
            there = f"tiles 0-0 to {tiles - 1}-{tiles - 1}" if tiles > 1 else "tile 0-0 alone"
            raise IndexError(f"tile {row_tile}-{column_tile} of level {level}: there is {there}")
        length = (1 << self.bits) // tiles
        return (
            slice(row_tile * length, (row_tile + 1) * length),
            slice(column_tile * length, (column_tile + 1) * length),
        )

    def tile(self, level: int, row_tile: int, column_tile: int) -> bytes:
        """The tile of a level up to ``base``, from what is known so far; bins of which nothing was read are NaN.

        The numbers of a bin of which a part was read are those of that part.
        """
        rows, columns = (
            slice(one.start // self._width, one.stop // self._width) for one in self.box(level, row_tile, column_tile)
        )
        if self._is_transposed:
            greatest, phases = self._greatest.T[rows, columns], self._phases.T[rows, columns]
        else:
            greatest, phases = self._greatest[rows, columns], self._phases[rows, columns]
        side = min(1 << level, TILE_SIDE)
        best, places = _best_in(greatest, side, side)
        return _packed(best, phases.reshape(-1)[places])

    # -- files

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The complete pyramid as arrays, from which `fill` makes it again."""
        return {
            "greatest": self._greatest,
            "phases": self._phases,
            "diagonal": self.diagonal,
            "square": np.array(math.fsum(self._squares) if not self.strange else np.nan),
            "strange": np.array(self.strange),
        }

    def fill(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes over a complete pyramid of the same matrix.

        Raises:
            ValueError: The arrays are not those of such a pyramid; nothing was changed.
        """
        greatest, phases = like(arrays, "greatest", self._greatest), like(arrays, "phases", self._phases)
        diagonal = like(arrays, "diagonal", self.diagonal)
        square, strange = like(arrays, "square", np.array(0.0)), like(arrays, "strange", np.array(0))
        self._greatest, self._phases, self.diagonal = greatest, phases, diagonal
        self._squares, self.strange = [float(square)], int(strange)
        self.done = len(self.pieces)
        self.is_read[:] = True


def matrix_tile_of(values: NDArray[Any], side: int) -> bytes:
    """The tile of some elements that were read for it alone, in ``side x side`` bins."""
    return _packed(*_bins_of(values, side, side)[:2])


def _bins_of(
    values: NDArray[Any], rows: int, columns: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
    """The greatest magnitude in each bin, the phase of that element, and the squared magnitudes of all elements."""
    values = np.ascontiguousarray(values, np.complex128)
    weights = weights_of(values)
    is_finite = np.isfinite(weights)
    greatest, places = _best_in(weights if is_finite.all() else np.where(is_finite, weights, MISSING), rows, columns)
    phases = phases_of(values.reshape(-1)[places], greatest)
    magnitudes = np.where(greatest < 0, MISSING, np.sqrt(np.maximum(greatest, 0)))
    return as_single(magnitudes), phases, weights


def _best_in(weights: NDArray[Any], rows: int, columns: int) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The greatest number in each bin of an array, shape ``(rows, columns)``, and its place in the flat array."""
    height, width = weights.shape[0] // rows, weights.shape[1] // columns
    along = weights.reshape(rows, height, columns, width)
    at = along.argmax(axis=3)
    best = np.take_along_axis(along, at[..., np.newaxis], axis=3)[..., 0]
    down = best.argmax(axis=1)[:, np.newaxis, :]
    column = np.take_along_axis(at, down, axis=1)[:, 0, :] + np.arange(columns) * width
    row = down[:, 0, :] + (np.arange(rows) * height)[:, np.newaxis]
    return np.take_along_axis(best, down, axis=1)[:, 0, :], row * weights.shape[1] + column


def _packed(greatest: NDArray[Any], phases: NDArray[np.float32]) -> bytes:
    """The bytes of a tile: magnitudes and phases, each in row-major order as little-endian float32."""
    table = np.array([greatest, phases], "<f4")
    table[:, greatest < 0] = np.nan
    return table.tobytes()
