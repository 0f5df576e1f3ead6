"""A pyramid of aggregated views of a stored vector, made in one pass in an order that refines the picture.

Level ``l`` has ``2**l`` bins of equal width; bin 0 begins with the basis state 0. Qubit 0 is the lowest bit of the
index of a basis state. The *base* is the greatest level that is kept: 18, or as many as there are qubits. Levels below
it are made from it, and those above it are read from the vector: a tile there has at most `MOST_READ` amplitudes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.states.binned import MISSING, Bins, bins_of, merged, packed, weights_of
from aerchive.states.largest import best_of
from aerchive.states.probabilities import ones_of
from aerchive.states.refining import LEAST_PIECE, power_from, refining_pieces
from aerchive.states.source import Source, cut
from aerchive.states.sums import Total
from aerchive.states.tiles import TILE_BINS, span_of

BASE_LEVEL = 18
"""The level of the base of a vector of up to 29 qubits: 262,144 bins, which take 4.5 MiB."""
MOST_READ = 2**20
"""The greatest number of values that are read for a tile: 16 MiB of amplitudes."""
TOP = 64
"""The greatest number of basis states in a list of the most probable ones."""
_BLOCK = 2**16
"""The number of values that are aggregated at a time, so that they stay in the cache of the processor."""
_NEARLY = 1e-8
"""A rounding error that a probability may have."""


class NotProbabilities(ValueError):
    """Real numbers of which one is below 0 or above 1, so that they are no probabilities."""


class Part(NamedTuple):
    """What is known of some consecutive values.

    Attributes:
        place: Where their bins are in the base.
        bins: Their bins; ``None`` if all values are zero.
        ones: For each qubit the probability that it is 1, then the sum of all probabilities, shape ``(qubits + 1,)``.
        strange: The number of values that are not finite numbers; they are in none of the sums in ``ones``.
        indices: The indices of those that may be among the most probable basis states.
        values: Their amplitudes.
    """

    place: slice
    bins: Bins | None
    ones: NDArray[np.float64] | None = None
    strange: int = 0
    indices: NDArray[np.int64] | None = None
    values: NDArray[Any] | None = None


class VectorPyramid:
    """The aggregated views of a vector of ``2**bits`` amplitudes, or of as many real probabilities.

    `fold` reads and aggregates a piece in any thread. `add` adds it to the pyramid, in one thread at a time, and in the
    order of ``pieces``; while it runs nothing else may be asked.

    Args:
        length: The number of values, a power of two.
        chunk: The number of values that are stored, and read, as a whole.
        are_probabilities: Whether the values are probabilities, and not amplitudes.
        base: The level of the base, by default as above.
        least_piece: The least number of values in a piece.

    Attributes:
        bits: The number of qubits.
        base: The level of the base.
        pieces: The pieces in which the vector is read, each a range of indices.
        done: The number of pieces that were added.
        strange: The number of values so far that are not finite numbers.
    """

    def __init__(
        self,
        length: int,
        chunk: int,
        *,
        are_probabilities: bool = False,
        base: int | None = None,
        least_piece: int = LEAST_PIECE,
    ) -> None:
        self.bits = length.bit_length() - 1
        self.base = min(self.bits, max(BASE_LEVEL, self.bits - 11) if base is None else base)
        self._width = length >> self.base
        self._piece = min(length, max(power_from(chunk), least_piece, self._width))
        self.pieces = refining_pieces(length, self._piece)
        self.done = 0
        self.strange = 0
        self._are_probabilities = are_probabilities
        self._is_added = np.zeros(len(self.pieces), bool)
        bins = 1 << self.base
        self._bins = Bins(
            np.zeros(bins), np.full(bins, MISSING, np.float32), np.zeros(bins, np.float32), np.zeros(bins, np.uint16)
        )
        self._ones = Total((self.bits + 1,))
        self._top = np.empty(0, np.int64), np.empty(0, np.complex128)
        self._border = 0.0, length

    @property
    def is_done(self) -> bool:
        """Whether the whole vector was read."""
        return self.done == len(self.pieces)

    @property
    def nbytes(self) -> int:
        """The memory of the pyramid in bytes."""
        return sum(one.nbytes for one in self._bins)

    @property
    def piece_bytes(self) -> int:
        """The memory for reading and folding a piece, in bytes."""
        return 2 * 16 * self._piece

    # -- the pass

    def fold(self, source: Source, piece: slice) -> list[Part]:
        """Reads a piece of the vector and aggregates it.

        Raises:
            NotProbabilities: The values are real numbers and no probabilities.
        """
        values = source.read(piece)
        if values is None:
            return [Part(slice(piece.start // self._width, piece.stop // self._width), None)]
        block = max(_BLOCK, self._width)
        return [self._fold(values[one], piece.start + one.start) for one in cut(len(values), block)]

    def _fold(self, values: NDArray[Any], start: int) -> Part:
        if values.dtype.kind != "c":
            _check_probabilities(values)
        weights = weights_of(values)
        number = max(1, len(values) // self._width)
        bins = bins_of(values, weights, number)
        first = start // self._width
        strange = 0
        if np.isnan(bins.sums).any():
            is_finite = np.isfinite(weights)
            strange = len(weights) - int(np.count_nonzero(is_finite))
            weights = np.where(is_finite, weights, 0.0)
        most, (border, last) = weights.max(), self._border
        place = slice(first, first + number)
        ones = ones_of(weights, start, self.bits)
        if most > border or (most == border > 0 and start < last):
            found = best_of(weights, TOP)
            return Part(place, bins, ones, strange, found + start, values[found])
        return Part(place, bins, ones, strange)

    def add(self, parts: list[Part]) -> None:
        """Adds what `fold` gave for the next piece."""
        for part in parts:
            if part.bins is None:
                self._bins.greatest[part.place] = 0
                continue
            own, new = self._bins, part.bins
            own.sums[part.place], own.greatest[part.place] = new.sums, new.greatest
            own.phases[part.place], own.offsets[part.place] = new.phases, new.offsets
            self.strange += part.strange
            if part.ones is not None:
                self._ones.add(part.ones)
            if part.indices is not None and part.values is not None:
                self._add_top(part.indices, part.values)
        self._is_added[self.pieces[self.done].start // self._piece] = True
        self.done += 1

    def _add_top(self, indices: NDArray[np.int64], values: NDArray[Any]) -> None:
        indices, values = np.concatenate([self._top[0], indices]), np.concatenate([self._top[1], values])
        weights = weights_of(values.real if self._are_probabilities else values)
        order = np.lexsort((indices, -weights))[:TOP]
        self._top = indices[order], values[order]
        if len(order) == TOP:
            self._border = float(weights[order[-1]]), int(indices[order[-1]])

    # -- what the whole vector gives

    @property
    def norm(self) -> float | None:
        """The square root of the sum of all probabilities; ``None`` before the end, or if a value is not finite."""
        total = float(self._ones.value[-1])
        return math.sqrt(total) if self.is_done and not self.strange and math.isfinite(total) else None

    @property
    def marginals(self) -> list[float] | None:
        """The probability of 1 of each qubit, qubit 0 first; ``None`` as for `norm`."""
        return None if self.norm is None else self._ones.value[:-1].tolist()

    @property
    def top(self) -> list[tuple[int, complex]] | None:
        """At most 64 basis states with their amplitudes, the most probable first; ``None`` before the end.

        Among equally probable ones the lowest index is first. Those that are zero or not finite are left out.
        """
        if not self.is_done:
            return None
        return list(zip(self._top[0].tolist(), self._top[1].tolist(), strict=True))

    # -- tiles

    def span(self, level: int, index: int) -> slice:
        """The values in a tile of a level.

        Raises:
            IndexError: There is no such level or tile.
        """
        return span_of(self.bits, level, index)

    def knows(self, span: slice) -> bool:
        """Whether all pieces with these values were added."""
        return bool(self._is_added[span.start // self._piece : -(-span.stop // self._piece)].all())

    def tile(self, level: int, index: int, profile: NDArray[np.float64] | None = None) -> bytes:
        """The tile of a level up to ``base``, from what is known so far.

        A bin of which nothing was read is NaN. The numbers of a bin of which a part was read are those of that part.

        Args:
            level: The level.
            index: The number of the tile.
            profile: The sums of as many bins of equal width as this array has, a power of two. Levels with at most so
                many bins take their sums from it, as long as the tile is not known.
        """
        span = self.span(level, index)
        number = min(1 << level, TILE_BINS)
        bins = merged(self._bins.part(slice(span.start // self._width, span.stop // self._width)), number, self._width)
        sums = None
        if profile is not None and len(profile) >= 1 << level and not self.knows(span):
            sums = profile.reshape(1 << level, -1).sum(axis=1)[index * number : (index + 1) * number]
        return packed(bins, sums)

    # -- files

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The complete pyramid as arrays, from which `fill` makes it again."""
        return {
            **self._bins._asdict(),
            "ones": self._ones.value,
            "top_indices": self._top[0],
            "top_values": self._top[1],
            "strange": np.array(self.strange),
        }

    def fill(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes over a complete pyramid of the same vector.

        Raises:
            ValueError: The arrays are not those of such a pyramid; nothing was changed.
        """
        bins = Bins(*(like(arrays, name, getattr(self._bins, name)) for name in Bins._fields))
        ones = like(arrays, "ones", self._ones.value)
        names = ("top_indices", "top_values", "strange")
        indices, values, strange = (arrays.get(name, np.empty(0)) for name in names)
        is_whole = (
            indices.dtype == np.int64
            and values.dtype == np.complex128
            and indices.shape == values.shape
            and indices.ndim == 1
            and len(indices) <= TOP
            and (indices >= 0).all()
            and (indices < 1 << self.bits).all()
            and strange.shape == ()
            and strange.dtype == np.int64
            and (bins.offsets < self._width).all()
        )
        if not is_whole:
            raise ValueError("these are not the arrays of a pyramid of this vector")
        self._bins = bins
        self._ones = Total(ones.shape)
        self._ones.add(ones)
        self._top, self.strange = (indices, values), int(strange)
        self.done = len(self.pieces)
        self._is_added[:] = True


def like(arrays: Mapping[str, NDArray[Any]], name: str, own: NDArray[Any]) -> NDArray[Any]:
    """The array of a name, if it has the shape and dtype of another one.

    Raises:
        ValueError: It has not, or there is none.
    """
    found = arrays.get(name)
    if found is None or found.shape != own.shape or found.dtype != own.dtype:
        raise ValueError(f"there is no array {name!r} of shape {own.shape} and dtype {own.dtype}")
    return found


def _check_probabilities(values: NDArray[Any]) -> None:
    is_wrong = (values < -_NEARLY) | (values > 1 + _NEARLY)
    if is_wrong.any():
        raise NotProbabilities(f"one of the numbers is {values[is_wrong.argmax()]!s}, which is no probability")
