"""The aggregated views of stored arrays that the state explorer shows: never more than a few thousand numbers at once.

``docs/reference/data-interface.md``, section *Arrays*, describes what the tiles and descriptions contain.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.stored.array import StoredArray
from aerchive.view.array_view import ArrayView, described
from aerchive.view.matrix_view import MatrixView
from aerchive.view.passes import Passes
from aerchive.view.pyramid_files import PyramidFiles
from aerchive.view.vector_view import VectorView
from aerchive.view.viewable import Viewable, viewable

_MOST_BYTES = 96 * 1024 * 1024
"""The greatest size of all views in memory, but for one view, which may be larger."""
_MOST_VIEWS = 64


class ArrayViews:
    """The views of stored arrays, for any number of threads that ask for them.

    The first question for a large array begins a pass over it, in at most two threads in the background. Until it is
    complete, tiles answer what is known so far. One pass is in progress at a time; that of an array that is asked for
    meanwhile goes first. The pass over 28 qubits needs about 30 MiB of memory, of which what it makes takes 5 MiB.

    Args:
        cache: The folder in which what the passes made is kept for other processes, see
            `aerchive.settings.default_views`. It is made if it does not exist. ``None``: only in memory.
    """

    def __init__(self, cache: Path | None) -> None:
        self._files = None if cache is None else PyramidFiles(cache)
        self._passes = Passes()
        self._lock = threading.Lock()
        self._views: OrderedDict[tuple[Any, ...], ArrayView] = OrderedDict()

    def info(self, array: StoredArray, row: int = 0, profile: NDArray[np.float64] | None = None) -> dict[str, Any]:
        """Describes the view of an array, as ``info.json`` does, without the addresses.

        Args:
            array: The array: a vector or matrix, or several along the first axis.
            row: The index of the vector or matrix, if there are several.
            profile: The probabilities of the same vector in ``2**k`` bins of equal width, if they are known, such as
                those that were stored when the run was archived. Tiles of up to level ``k`` have these sums until the
                pass knows better.

        Returns:
            ``label``, ``kind``, ``shape``, ``dtype``, ``nbytes``, ``view`` (``vector``, ``matrix`` or ``none``),
            ``qubits``, ``rows``, ``levels``, ``tile``, ``progress``, ``norm``, ``top``, ``marginals``, ``trace``,
            ``purity`` and ``note``, and of a density matrix ``diagonal`` with its ``levels`` and ``tile``. All are
            values of JSON; what is not known, or does not exist for this kind of view, is ``None``. ``label`` is
            ``None`` for plain arrays, which do not know theirs. The norm of probabilities is the root of their sum.

        Raises:
            InvalidInputError: There is no such row.
            IntegrityError: The stored bytes are damaged.
            NotFoundError: The run or the file does not exist any more.
        """
        one = viewable(array, row)
        view = self._view(one, profile)
        if view is None:
            return described(one)
        if view.error is not None:
            self._drop(one)
            raise view.error
        return view.info()

    def tile(self, array: StoredArray, row: int, level: int, position: tuple[int, ...]) -> bytes:
        """The bytes of a tile.

        Args:
            array: The array.
            row: The index of the vector or matrix, if there are several.
            level: The level.
            position: The number of the tile: ``(index,)`` of a vector, ``(row_tile, column_tile)`` of a matrix.

        Returns:
            Little-endian float32. Of a vector: sums of probabilities, greatest probabilities, phases in radians from
            -pi to pi, offsets. Of a matrix: greatest magnitudes, phases, each in row-major order. A bin of which
            nothing was read yet is NaN; the numbers of a bin of which a part was read are those of that part.

        Raises:
            InvalidInputError: There is no such row, level or tile, or no view; the message says what there is.
            IntegrityError: The stored bytes are damaged.
            NotFoundError: The run or the file does not exist any more.
        """
        return self._existing(array, row).tile(level, position)

    def diagonal_tile(self, array: StoredArray, row: int, level: int, index: int) -> bytes:
        """The bytes of a tile of the diagonal of a density matrix: those of a vector of real probabilities.

        Args:
            array: The array.
            row: The index of the matrix, if there are several.
            level: The level.
            index: The number of the tile.

        Raises:
            InvalidInputError: There is no such row, level or tile, or the array is no density matrix.
            IntegrityError: The stored bytes are damaged.
            NotFoundError: The run or the file does not exist any more.
        """
        view = self._existing(array, row)
        if not isinstance(view, MatrixView):
            raise InvalidInputError("a vector has no diagonal; density matrices have")
        return view.diagonal_tile(level, index)

    def close(self) -> None:
        """Ends the pass in progress and all threads, within the time that a piece of an array takes."""
        self._passes.close()

    # -- views

    def _existing(self, array: StoredArray, row: int) -> ArrayView:
        one = viewable(array, row)
        view = self._view(one, None)
        if view is None:
            raise InvalidInputError(str(one.note))
        return view

    def _view(self, one: Viewable, profile: NDArray[np.float64] | None) -> ArrayView | None:
        if one.view == "none":
            return None
        with self._lock:
            view = self._views.get(one.identity)
            if view is None:
                view = MatrixView(one, self._files) if one.view == "matrix" else VectorView(one, self._files)
                self._views[one.identity] = view
            self._views.move_to_end(one.identity)
            self._forget_old()
        if isinstance(view, VectorView):
            view.know(profile)
        view.begin()
        if not view.is_done:
            self._passes.ask(view)
        return view

    def _forget_old(self) -> None:
        while len(self._views) > 1:
            total = sum(one.nbytes for one in self._views.values())
            if total <= _MOST_BYTES and len(self._views) <= _MOST_VIEWS:
                return
            _, old = self._views.popitem(last=False)
            self._passes.forget(old)

    def _drop(self, one: Viewable) -> None:
        """Forgets a view whose pass has failed, so that the next question begins again."""
        with self._lock:
            self._views.pop(one.identity, None)
