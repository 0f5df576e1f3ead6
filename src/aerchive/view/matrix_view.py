"""The view of a stored matrix: the greatest magnitudes in bins, with the phases of these elements, and its diagonal."""

from __future__ import annotations

from typing import Any

import numpy as np

from aerchive.errors import InvalidInputError
from aerchive.states.binned import MISSING, bins_of, packed, weights_of
from aerchive.states.matrix_pyramid import TILE_SIDE, MatrixPyramid, matrix_tile_of
from aerchive.states.tiles import TILE_BINS, span_of
from aerchive.view.array_view import ArrayView, checked_position
from aerchive.view.pyramid_files import PyramidFiles
from aerchive.view.viewable import Viewable


class MatrixView(ArrayView):
    """The view of a matrix.

    Args:
        of: The matrix.
        files: The files of complete pyramids.
    """

    def __init__(self, of: Viewable, files: PyramidFiles | None) -> None:
        super().__init__(of, files)
        self._pyramid = MatrixPyramid(1 << of.bits, of.chunk, is_transposed=of.is_transposed)

    @property
    def pyramid(self) -> MatrixPyramid:
        """The pyramid."""
        return self._pyramid

    def facts(self) -> dict[str, Any]:
        """The fields of ``info.json`` of a matrix."""
        pyramid, trace = self._pyramid, self._pyramid.trace
        found: dict[str, Any] = {
            "levels": pyramid.levels,
            "tile": TILE_SIDE,
            "trace": None if trace is None else [trace.real, trace.imag],
        }
        if self.of.kind == "density_matrix":
            found["purity"] = pyramid.purity
            found["diagonal"] = {"levels": pyramid.bits, "tile": TILE_BINS}
        return found

    @property
    def limits(self) -> str | None:
        """What the view does not show; ``None`` if it shows all."""
        pyramid = self._pyramid
        if pyramid.levels == pyramid.bits:
            return None
        return (
            f"A matrix of {1 << pyramid.bits:,} rows is shown in at most {1 << pyramid.levels:,} bins a side. Read its "
            "elements in Python with run.array(...)[rows, columns]."
        )

    def tile(self, level: int, position: tuple[int, ...]) -> bytes:
        """The bytes of a tile; see `aerchive.view.arrays.ArrayViews.tile`."""
        row, column = checked_position(position, 2, "by two numbers, {row_tile}-{column_tile}")
        try:
            box = self._pyramid.box(level, row, column)
        except IndexError as error:
            raise InvalidInputError(str(error)) from error
        if level <= self._pyramid.base:
            with self._lock:
                self.check()
                return self._pyramid.tile(level, row, column)
        side = min(1 << level, TILE_SIDE)
        return self.kept((level, row, column), lambda: matrix_tile_of(self.of.read(*box), side))

    def diagonal_tile(self, level: int, index: int) -> bytes:
        """The bytes of a tile of the diagonal; see `aerchive.view.arrays.ArrayViews.diagonal_tile`."""
        if self.of.kind != "density_matrix":
            raise InvalidInputError(f"a {self.of.kind} has no probabilities on its diagonal; density matrices have")
        try:
            span = span_of(self._pyramid.bits, level, index)
        except IndexError as error:
            raise InvalidInputError(str(error)) from error
        with self._lock:
            self.check()
            values = self._pyramid.diagonal[span].real.copy()  # zero where nothing was read
            unread = ~self._pyramid.is_read[span]
        number = min(1 << level, TILE_BINS)
        bins = bins_of(values, weights_of(values), number)
        is_missing = unread.reshape(number, -1).all(axis=1)
        return packed(bins._replace(greatest=np.where(is_missing, np.float32(MISSING), bins.greatest)))
