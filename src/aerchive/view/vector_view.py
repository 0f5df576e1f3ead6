"""The view of a stored vector: probabilities in bins, with the phase of the most probable basis state of each bin."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.states.pyramid import MOST_READ, VectorPyramid
from aerchive.states.tiles import TILE_BINS, tile_of
from aerchive.view.array_view import ArrayView, checked_position
from aerchive.view.pyramid_files import PyramidFiles
from aerchive.view.viewable import Viewable

_EXACT_INTEGER = 2**53


class VectorView(ArrayView):
    """The view of a vector.

    A tile that is not known yet, or lies above the base of the pyramid, is read for itself if it has at most
    `aerchive.states.pyramid.MOST_READ` values, so that what a user has zoomed into is complete at once.

    Args:
        of: The vector.
        files: The files of complete pyramids.
        profile: Sums of the probabilities in bins of equal width that are known already, shape ``(2**k,)``.
    """

    def __init__(self, of: Viewable, files: PyramidFiles | None, profile: NDArray[np.float64] | None = None) -> None:
        super().__init__(of, files)
        self._pyramid = VectorPyramid(1 << of.bits, of.chunk, are_probabilities=of.are_probabilities)
        self._profile = self._checked(profile)

    @property
    def pyramid(self) -> VectorPyramid:
        """The pyramid."""
        return self._pyramid

    def know(self, profile: NDArray[np.float64] | None) -> None:
        """Takes a profile, if there was none before."""
        if self._profile is None:
            self._profile = self._checked(profile)

    def _checked(self, profile: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        """A profile whose length fits; others are of another array, or rewritten by another program."""
        if profile is None or profile.ndim != 1 or profile.dtype.kind not in "fiu":
            return None
        length = len(profile)
        fits = 0 < length <= 1 << self.of.bits and length & (length - 1) == 0
        return np.ascontiguousarray(profile, np.float64) if fits else None

    def facts(self) -> dict[str, Any]:
        """The fields of ``info.json`` of a vector."""
        top = self._pyramid.top
        return {
            "levels": self._pyramid.bits,
            "tile": TILE_BINS,
            "norm": self._pyramid.norm,
            "top": None if top is None else [[_number(index), one.real, one.imag] for index, one in top],
            "marginals": self._pyramid.marginals,
        }

    def tile(self, level: int, position: tuple[int, ...]) -> bytes:
        """The bytes of a tile; see `aerchive.view.arrays.ArrayViews.tile`."""
        if self.of.view == "none":
            self.check()
        (index,) = checked_position(position, 1, "by one number, {index}")
        try:
            span = self._pyramid.span(level, index)
        except IndexError as error:
            raise InvalidInputError(str(error)) from error
        with self._lock:
            is_kept = level <= self._pyramid.base
            if is_kept and (self._pyramid.knows(span) or span.stop - span.start > MOST_READ):
                if not self._pyramid.knows(span):
                    self.check()
                return self._pyramid.tile(level, index, self._profile)
        number = min(1 << level, TILE_BINS)
        return self.kept((level, index), lambda: tile_of(self.of.read(span), number))


def _number(index: int) -> int | str:
    return index if index <= _EXACT_INTEGER else str(index)
