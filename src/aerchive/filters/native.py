"""The kernels of the package ``aerchive-native``, which do whole chunks in C without the interpreter's lock.

The package is optional. It gives the same bytes as the other modules of this folder, which do everything without it,
and decide what is right: at its first use, the pieces of all coders are compared with theirs, because they depend on
the versions of the libraries that are installed. The setting ``native`` turns it off. The reasons and the figures are
in ``docs/decisions/0045-native.md``.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.deflate import Buffer, Deflater, constant
from aerchive.filters.planes import Coder, is_constant, split
from aerchive.lazy import cached_property
from aerchive.settings import load_settings

INTERFACE: Final = 1
"""The version of the functions that are called here. The package has the same number."""
MAX_ITEMSIZE: Final = 255
"""The greatest element size in bytes that the kernels take."""
_NUMBERS = {coder: number for number, coder in enumerate(Coder)}
_BY_IGZIP = frozenset({Coder.QUICK, Coder.CLOSER})
_SAMPLE_BYTES = 70_000
"""The size of the planes that are compared: more than two blocks of zlib-ng."""


class Kernels(Protocol):
    """The functions of the package. All of them let other threads run.

    Attributes:
        INTERFACE: The version of the functions.
        HAS_IGZIP: Whether igzip was compiled in.
        HAS_LIBDEFLATE: Whether libdeflate was compiled in.
    """

    INTERFACE: int
    HAS_IGZIP: bool
    HAS_LIBDEFLATE: bool

    def shuffle(self, raw: Buffer, planes: Buffer, itemsize: int, /) -> None:
        """Groups the bytes of the elements by their position in the element."""

    def unshuffle(self, planes: Buffer, raw: Buffer, itemsize: int, /) -> None:
        """Reverses `shuffle`."""

    def entropy(self, data: Buffer, /) -> bytes:
        """Returns what `Deflater.entropy` returns."""

    def runs(self, data: Buffer, /) -> bytes:
        """Returns what `Deflater.runs` returns."""

    def igzip(self, level: int, /) -> object:
        """Returns a compressor for `igzip_piece` and `pack`, for one thread at a time."""

    def igzip_piece(self, compressor: object, data: Buffer, /) -> bytes:
        """Returns what `Deflater.quick` returns with level 1, and `Deflater.closer` with level 3."""

    def pack(
        self,
        raw: Buffer | None,
        planes: Buffer,
        itemsize: int,
        coders: bytes,
        pieces: tuple[bytes | None, ...],
        quick: object,
        closer: object,
        /,
    ) -> bytes:
        """Shuffles ``raw`` to ``planes`` unless it is ``None``, and returns the stream of the planes."""

    def unpack(self, stream: Buffer, raw: Buffer, itemsize: int, /) -> bool:
        """Expands a stream, and reverses the shuffle. Returns ``False`` if another library has to say what it is."""


def kernels() -> Kernels | None:
    """Returns the kernels, or ``None`` if they are not installed, made for another version, or turned off."""
    return _installed() if load_settings().native else None


def coding_kernels() -> Kernels | None:
    """Returns the kernels as `kernels` does, if they give the bytes that the other libraries give here."""
    found = kernels()
    return found if found is not None and _agree() else None


@functools.cache
def _installed() -> Kernels | None:
    try:
        found: Kernels = importlib.import_module("aerchive_native").kernels
    except ImportError:
        return None
    if found.INTERFACE != INTERFACE:
        warnings.warn(
            f"the installed aerchive-native has interface {found.INTERFACE}, and this aerchive needs {INTERFACE}; "
            "chunks are made without it, and more slowly: install the two packages in the same version",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return found


@functools.cache
def _agree() -> bool:
    found = _installed()
    differing = [] if found is None else differences(found)
    if differing:
        warnings.warn(
            f"aerchive-native gives other bytes than the installed compression libraries ({', '.join(differing)}); "
            "chunks are compressed without it, and more slowly: build it for these versions of isal and zlib-ng",
            RuntimeWarning,
            stacklevel=2,
        )
    return not differing


def differences(found: Kernels) -> list[str]:
    """Compares the pieces of all coders for planes of several kinds. Returns the names of the coders that differ."""
    random = np.random.default_rng(0)
    normal = random.normal(size=_SAMPLE_BYTES)
    planes = [
        normal.view(np.uint8)[7::8],
        normal.view(np.uint8)[6::8],
        np.where(normal > 2, random.integers(0, 256, normal.size), 63).astype(np.uint8),
        np.tile(random.integers(0, 256, 1000), 70)[:_SAMPLE_BYTES].astype(np.uint8),
        random.integers(0, 256, 65_511).astype(np.uint8),
        np.full(_SAMPLE_BYTES, 5, np.uint8),
        normal.view(np.uint8)[7:80:8],
    ]
    ours, theirs = NativeDeflater(found), Deflater()
    names = ["entropy", "runs", *(("quick", "closer") if found.HAS_IGZIP else ())]
    data = [plane.tobytes() for plane in planes]
    differing = [name for name in names if any(getattr(ours, name)(one) != getattr(theirs, name)(one) for one in data)]
    if any(found.runs(bytes([7]) * length) != constant(7, length) for length in (1, 9, 4096, 65_536, _SAMPLE_BYTES)):
        differing.append("constant")
    return differing


class NativeDeflater(Deflater):
    """A `Deflater` that makes pieces with the kernels. An object may be used by one thread only.

    Args:
        found: The kernels.
    """

    def __init__(self, found: Kernels) -> None:
        super().__init__()
        self._kernels = found

    @cached_property
    def _compressors(self) -> tuple[object, object]:
        return (self._kernels.igzip(1), self._kernels.igzip(3)) if self._kernels.HAS_IGZIP else (None, None)

    def quick(self, data: Buffer) -> bytes:
        """See `Deflater.quick`."""
        has_igzip = self._kernels.HAS_IGZIP
        return self._kernels.igzip_piece(self._compressors[0], data) if has_igzip else super().quick(data)

    def closer(self, data: Buffer) -> bytes:
        """See `Deflater.closer`."""
        has_igzip = self._kernels.HAS_IGZIP
        return self._kernels.igzip_piece(self._compressors[1], data) if has_igzip else super().closer(data)

    def entropy(self, data: Buffer) -> bytes:
        """See `Deflater.entropy`."""
        return self._kernels.entropy(data)

    def runs(self, data: Buffer) -> bytes:
        """See `Deflater.runs`."""
        return self._kernels.runs(data)

    def pack_planes(
        self, raw: NDArray[np.uint8], planes: NDArray[np.uint8], itemsize: int, coders: Sequence[Coder]
    ) -> bytes:
        """Shuffles a chunk, and returns what `aerchive.filters.planes.pack_planes` returns for it.

        Args:
            raw: The bytes of the chunk, shape ``(n,)``, C-contiguous.
            planes: An array of the same shape for the shuffled bytes; ``raw`` if an element has one byte.
            itemsize: The size of an element in bytes.
            coders: One coder for each plane.
        """
        padded = [*coders, *(Coder.STORED,) * itemsize][:itemsize]
        source: Buffer | None = None if raw is planes else raw.data
        pieces: list[bytes | None] = [None] * itemsize
        elsewhere = [number for number, coder in enumerate(padded) if self._is_elsewhere(coder)]
        if elsewhere:
            if source is not None:
                self._kernels.shuffle(source, planes.data, itemsize)
                source = None
            parts = split(planes, itemsize)
            for number in elsewhere:
                if not is_constant(parts[number]):
                    pieces[number] = self._elsewhere(padded[number], parts[number].data)
        numbers = bytes(map(_NUMBERS.__getitem__, padded))
        return self._kernels.pack(source, planes.data, itemsize, numbers, tuple(pieces), *self._compressors)

    def _is_elsewhere(self, coder: Coder) -> bool:
        """Returns whether the kernels have no such coder."""
        return coder is Coder.THOROUGH or (coder in _BY_IGZIP and not self._kernels.HAS_IGZIP)

    def _elsewhere(self, coder: Coder, data: Buffer) -> bytes:
        if coder is Coder.THOROUGH:
            return self.thorough(data)
        return self.quick(data) if coder is Coder.QUICK else self.closer(data)


def deflater() -> Deflater:
    """Returns a compressor for pieces, with kernels where possible. It may be used by one thread only."""
    found = coding_kernels()
    return Deflater() if found is None else NativeDeflater(found)


def unpack(stream: Any, raw: NDArray[np.uint8], itemsize: int) -> bool:
    """Expands a zlib stream, and reverses the shuffle, with the kernels.

    Args:
        stream: The stored bytes of a chunk.
        raw: An array for the bytes of the chunk, shape ``(n,)``.
        itemsize: The size of an element in bytes; 1 if the stream is not shuffled.

    Returns:
        Whether ``raw`` now has the bytes. If not, there are no kernels, or the stream is one that they do not expand;
        the content of ``raw`` is then undefined.
    """
    if itemsize > MAX_ITEMSIZE or not (raw.flags.c_contiguous and raw.flags.writeable):
        return False
    found = kernels()
    return found is not None and found.HAS_LIBDEFLATE and found.unpack(stream, raw.data, itemsize)
