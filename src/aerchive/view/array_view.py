"""The view of one vector or matrix: its pyramid, and the pass that makes it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from aerchive.errors import AerchiveError, InvalidInputError
from aerchive.states.pyramid import NotProbabilities
from aerchive.states.workers import Workers
from aerchive.view.pyramid_files import PyramidFiles
from aerchive.view.viewable import Viewable, without_view

AT_ONCE = 2**18
"""Up to this number of values an array is read when it is first asked for: 4 MiB of amplitudes."""
_THREADS = 2
_MOST_TILES = 512
"""The greatest number of tiles that are kept of those that were read for themselves."""
_TILE_BYTES = 16 * 1024
"""The size of the largest tile."""


class Pyramid(Protocol):
    """What the pyramids of vectors and matrices have in common; see `aerchive.states.pyramid.VectorPyramid`."""

    pieces: list[slice]
    done: int
    strange: int

    @property
    def is_done(self) -> bool:
        """Whether the whole array was read."""

    @property
    def nbytes(self) -> int:
        """The memory of the pyramid in bytes."""

    @property
    def piece_bytes(self) -> int:
        """The memory for reading and folding a piece, in bytes."""

    def fold(self, source: Any, piece: slice) -> list[Any]:
        """Reads a piece and aggregates it."""

    def add(self, parts: list[Any]) -> None:
        """Adds what `fold` gave for the next piece."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The complete pyramid as arrays."""

    def fill(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes over a complete pyramid."""


class ArrayView(ABC):
    """The view of a vector or matrix, and a `aerchive.view.passes.Pass`. Any thread may ask for tiles.

    Args:
        of: The vector or matrix.
        files: The files of complete pyramids.

    Attributes:
        of: The vector or matrix. It has no view any more if the pass has found that it is none.
        error: What the pass has met, such as damage.
    """

    def __init__(self, of: Viewable, files: PyramidFiles | None) -> None:
        self.of = of
        self.error: Exception | None = None
        self._lock = threading.Lock()
        self._begin_lock = threading.Lock()
        self._is_begun = False
        self._files = files
        self._name: str | None = None
        self._tiles: OrderedDict[tuple[int, ...], bytes] = OrderedDict()

    @property
    @abstractmethod
    def pyramid(self) -> Pyramid:
        """The pyramid."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """The fields of ``info.json`` that depend on the kind of view."""

    @abstractmethod
    def tile(self, level: int, position: tuple[int, ...]) -> bytes:
        """The bytes of a tile; see `aerchive.view.arrays.ArrayViews.tile`."""

    @property
    def nbytes(self) -> int:
        """The memory of the view in bytes."""
        return self.pyramid.nbytes + len(self._tiles) * _TILE_BYTES

    @property
    def progress(self) -> float:
        """The part of the array that was read, from 0 to 1."""
        return 1.0 if self.of.view == "none" else self.pyramid.done / len(self.pyramid.pieces)

    @property
    def is_done(self) -> bool:
        """Whether the pass is complete, or has ended early."""
        return self.progress == 1 or self.error is not None

    def begin(self) -> None:
        """Takes the pyramid from its file, or makes it now if the array is small. Later calls do nothing."""
        with self._begin_lock:
            if not self._is_begun:
                self._is_begun = True
                if self.of.size <= AT_ONCE:
                    self.advance(lambda: False)
                else:
                    self._take_from_file()

    def _take_from_file(self) -> None:
        if self._files is None:
            return
        try:
            self._name = self.of.fingerprint()
        except AerchiveError:
            return  # the pass meets the same damage, and says so
        arrays = self._files.read(self._name)
        if arrays is not None:
            try:
                self.pyramid.fill(arrays)
            except ValueError:
                return  # the pass makes the file again

    def advance(self, should_stop: Callable[[], bool]) -> bool:
        """Continues the pass; see `aerchive.view.passes.Pass`."""
        pyramid = self.pyramid
        try:
            with self.of.opened() as source, Workers(_THREADS) as workers:
                left = pyramid.pieces[pyramid.done :]
                for parts in workers.map(lambda piece: pyramid.fold(source, piece), left, pyramid.piece_bytes):
                    with self._lock:
                        pyramid.add(parts)
                    if should_stop():
                        break
        except NotProbabilities as error:
            self.of = without_view(self.of, str(error))
        except Exception as error:  # noqa: BLE001  (the next question for this view raises it)
            self.error = error
        if pyramid.is_done and self._files is not None and self._name is not None:
            self._files.write(self._name, pyramid.arrays())
        return self.is_done

    def info(self) -> dict[str, Any]:
        """The fields of ``info.json``."""
        of = self.of
        fields = described(of)
        if of.view == "none":
            return fields
        fields["progress"] = self.progress
        with self._lock:
            fields |= self.facts()
            strange = self.pyramid.strange
        notes = [of.note, self.limits, _of_strange(strange) if strange else None]
        fields["note"] = " ".join(filter(None, notes)) or None
        return fields

    @property
    def limits(self) -> str | None:
        """What the view does not show; ``None`` if it shows all."""
        return None

    def check(self) -> None:
        """Raises an error if there is no view.

        Raises:
            InvalidInputError: There is none; the message says why.
            AerchiveError: What the pass has met.
        """
        if self.of.view == "none":
            raise InvalidInputError(str(self.of.note))
        if self.error is not None:
            raise self.error

    def kept(self, key: tuple[int, ...], make: Callable[[], bytes]) -> bytes:
        """A tile that was read for itself; it is read once, for the values never change."""
        with self._lock:
            found = self._tiles.get(key)
            if found is not None:
                self._tiles.move_to_end(key)
                return found
        found = make()
        with self._lock:
            self._tiles[key] = found
            while len(self._tiles) > _MOST_TILES:
                self._tiles.popitem(last=False)
        return found


def _of_strange(number: int) -> str:
    """What a reader should know if values are not finite numbers."""
    which = (
        "1 of its values is not a finite number" if number == 1 else f"{number:,} of its values are not finite numbers"
    )
    return f"{which}. A bin with such a value has no sum, and the array has no norm, trace and marginals."


def described(of: Viewable) -> dict[str, Any]:
    """The fields of ``info.json`` that are known without reading the array."""
    array = of.array
    return {
        "label": getattr(array, "label", None),
        "kind": of.kind,
        "shape": list(array.shape),
        "dtype": array.dtype.name,
        "nbytes": array.nbytes,
        "view": of.view,
        "qubits": None if of.view == "none" else of.qubits,
        "rows": of.rows,
        "progress": 1.0,
        **dict.fromkeys(("levels", "tile", "norm", "top", "marginals", "trace", "purity")),
        "note": of.note,
    }


def checked_position(position: tuple[int, ...], axes: int, template: str) -> tuple[int, ...]:
    """Checks the number of indices of a tile.

    Args:
        position: The indices.
        axes: Their number in this view.
        template: How a tile is named there, for the message.

    Raises:
        InvalidInputError: There are more or fewer.
    """
    if len(position) != axes:
        raise InvalidInputError(f"tile {'-'.join(map(str, position))}: a tile of this view is named {template}")
    return position
