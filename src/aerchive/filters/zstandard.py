"""Compresses chunks with Zstandard (HDF5 filter 32015), for the profiles that need a plugin."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import FormatError, IntegrityError
from aerchive.filters.deflate import Buffer
from aerchive.filters.pipeline import RAW, SKIP_SHUFFLE, WORTH
from aerchive.filters.shuffle import shuffle

FILTER = 32015
"""The number of the filter registered with The HDF Group. A chunk is one frame (RFC 8878)."""
HINT = "Chunks are compressed with Zstandard, HDF5 filter 32015: in Python, pip install hdf5plugin, then import it."
LEVELS = {"fast": 1, "small": 12}
"""The compression level of each profile."""


def is_available() -> bool:
    """Returns whether the package ``zstandard`` is installed, which compresses and expands."""
    return importlib.util.find_spec("zstandard") is not None


def _library() -> Any:
    try:
        return importlib.import_module("zstandard")
    except ImportError:
        raise FormatError(
            "compressed with Zstandard, which needs the package zstandard: pip install 'aerchive[plugins]'"
        ) from None


class ZstandardPacker:
    """Compresses chunks of one dataset. An object may be used by one thread only.

    Args:
        itemsize: The size of an element in bytes.
        profile: The profile: ``fast`` or ``small``. With ``small`` each chunk is compressed both shuffled and not
            shuffled, and the smaller result is used.
    """

    def __init__(self, itemsize: int, profile: str) -> None:
        self._itemsize = itemsize
        self._tries = (False, True) if profile == "small" and itemsize > 1 else (False,)
        self._compressor = _library().ZstdCompressor(level=LEVELS[profile])

    def pack(self, raw: NDArray[np.uint8]) -> tuple[Buffer, int]:
        """Returns the stored bytes of a chunk, and HDF5's filter mask."""
        frames = {skip: self._frame(raw, skip=skip) for skip in self._tries}
        skip = min(frames, key=lambda skip: len(frames[skip]))
        if len(frames[skip]) >= WORTH * raw.size:
            return raw.data, RAW
        return frames[skip], SKIP_SHUFFLE if skip else 0

    def _frame(self, raw: NDArray[np.uint8], *, skip: bool) -> bytes:
        data = raw if skip else shuffle(raw, self._itemsize)
        return bytes(self._compressor.compress(data.data))


def expand(frame: Buffer, size: int) -> bytes:
    """Expands one frame, never to more bytes than expected.

    Raises:
        IntegrityError: The bytes are not a complete frame, or do not expand to that size.
        FormatError: The package ``zstandard`` is not installed.
    """
    library = _library()
    try:
        if library.frame_content_size(frame) != size:
            raise IntegrityError(f"a compressed chunk does not expand to {size} bytes")
        data = bytes(library.ZstdDecompressor().decompress(frame, max_output_size=size))
    except library.ZstdError as error:
        raise IntegrityError(f"a compressed chunk cannot be expanded: {error}") from error
    if len(data) != size:
        raise IntegrityError(f"a compressed chunk expands to {len(data)} bytes instead of {size}")
    return data
