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
from aerchive.filters.planes import split
from aerchive.filters.shuffle import shuffle

FILTER = 32015
"""The number of the filter registered with The HDF Group. A chunk is one frame (RFC 8878)."""
HINT = "Chunks are compressed with Zstandard, HDF5 filter 32015: in Python, pip install hdf5plugin, then import it."
LEVELS = {"fast": 1, "small": 12}
"""The compression level of each profile. From level 12 on a match may be as far away as a chunk is long."""


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
    """Compresses chunks of one dataset with one level. An object may be used by one thread only.

    Args:
        itemsize: The size of an element in bytes.
        level: The level.
    """

    def __init__(self, itemsize: int, level: int) -> None:
        self._itemsize = itemsize
        self._library = _library()
        self._compressor = self._library.ZstdCompressor(level=level)

    def pack(self, raw: NDArray[np.uint8]) -> tuple[Buffer, int]:
        """Returns the stored bytes of a chunk, shuffled unless it is stored as it is, and HDF5's filter mask."""
        frame = bytes(self._compressor.compress(shuffle(raw, self._itemsize).data))
        return (frame, 0) if len(frame) < WORTH * raw.size else (raw.data, RAW)

    def smallest(self, raw: NDArray[np.uint8]) -> tuple[Buffer, int]:
        """Returns the smallest frame of a chunk and HDF5's filter mask, whether or not it is worth it.

        A chunk is compressed by record, not shuffled, and by plane, shuffled. By plane each plane ends a block, so that
        it has Huffman codes of its own; the planes are still one frame, and refer to each other.
        """
        by_record = bytes(self._compressor.compress(raw.data))
        if self._itemsize == 1:
            return by_record, SKIP_SHUFFLE
        by_plane = self._by_plane(shuffle(raw, self._itemsize))
        return (by_plane, 0) if len(by_plane) < len(by_record) else (by_record, SKIP_SHUFFLE)

    def _by_plane(self, planes: NDArray[np.uint8]) -> bytes:
        stream = self._compressor.compressobj(size=planes.size)
        blocks: list[bytes] = []
        for plane in split(planes, self._itemsize):
            blocks += stream.compress(plane.data), stream.flush(self._library.COMPRESSOBJ_FLUSH_BLOCK)
        return b"".join([*blocks, stream.flush(self._library.COMPRESSOBJ_FLUSH_FINISH)])


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
