"""Ordinary zlib streams (RFC 1950), as HDF5's deflate filter reads and writes them, from the fastest kernels.

igzip where speed counts; of zlib-ng the Huffman coder alone, or with runs, where bytes are skew and do not repeat, and
the whole of it where they repeat; libdeflate for whole chunks, and for expanding. `Deflater` gives pieces of one
stream: each ends at a byte and refers to nothing before it, so that pieces of different kernels may follow each other
(RFC 1951, 3.2).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import deflate
from isal import isal_zlib
from zlib_ng import zlib_ng

from aerchive import layout
from aerchive.errors import IntegrityError

Buffer = bytes | bytearray | memoryview

_RAW_DEFLATE = -15
_HEAD = b"\x78\x01"
_END = b"\x03\x00"
"""A last block of nothing, with fixed codes."""
_MAX_STORED = 65535
_BEST_OF_IGZIP = 3
_RECORDS_LEVEL = 2
"""Of igzip: as fast as level 1 where whole elements repeat, and up to 4 % smaller."""


class Deflater:
    """Compresses pieces of zlib streams; for one thread.

    The compressors live as long as this object, for making one costs as much as a piece.
    """

    def __init__(self) -> None:
        self._igzip = isal_zlib.compressobj(layout.DEFLATE_LEVEL, isal_zlib.DEFLATED, _RAW_DEFLATE)
        self._closer = isal_zlib.compressobj(_BEST_OF_IGZIP, isal_zlib.DEFLATED, _RAW_DEFLATE)
        self._huffman = zlib_ng.compressobj(1, zlib_ng.DEFLATED, _RAW_DEFLATE, 9, zlib_ng.Z_HUFFMAN_ONLY)
        self._runs = zlib_ng.compressobj(1, zlib_ng.DEFLATED, _RAW_DEFLATE, 9, zlib_ng.Z_RLE)
        self._thorough = zlib_ng.compressobj(4, zlib_ng.DEFLATED, _RAW_DEFLATE, 8)

    def quick(self, data: Buffer) -> bytes:
        """A piece made by igzip."""
        return _piece(self._igzip, data)

    def closer(self, data: Buffer) -> bytes:
        """A piece made by igzip at its best: twice the time, and where bytes repeat, about what gzip -4 gives."""
        return _piece(self._closer, data)

    def entropy(self, data: Buffer) -> bytes:
        """A piece of Huffman codes only: the shortest where bytes are skew but do not repeat, as exponents are."""
        return _piece(self._huffman, data)

    def runs(self, data: Buffer) -> bytes:
        """A piece of Huffman codes and runs of a byte, as signs and exponents have them where a state is smooth."""
        return _piece(self._runs, data)

    def thorough(self, data: Buffer) -> bytes:
        """A piece in which repetitions are looked for as well as gzip -4 does, or better."""
        return _piece(self._thorough, data)


def _piece(compressor: Any, data: Buffer) -> bytes:
    """What a compressor of either library makes of some bytes, up to the end of a byte."""
    return bytes(compressor.compress(data) + compressor.flush(zlib_ng.Z_FULL_FLUSH))


@functools.lru_cache(maxsize=1024)
def constant(value: int, length: int) -> bytes:
    """A piece for ``length`` bytes of the same value."""
    return _piece(zlib_ng.compressobj(9, zlib_ng.DEFLATED, _RAW_DEFLATE, 9), bytes([value]) * length)


def stored(data: memoryview) -> list[Buffer]:
    """A piece for bytes that nothing makes fewer: themselves, with five bytes before each 64 KiB."""
    parts: list[Buffer] = []
    for at in range(0, len(data), _MAX_STORED):
        block = data[at : at + _MAX_STORED]
        parts += _head_of_stored(len(block)), block
    return parts


@functools.lru_cache(maxsize=1024)
def _head_of_stored(size: int) -> bytes:
    return b"\x00" + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little")


def join(pieces: Sequence[Buffer], data: Buffer) -> bytes:
    """The zlib stream of pieces.

    Args:
        pieces: In order.
        data: All that they expand to.
    """
    return b"".join([_HEAD, *pieces, _END, int(zlib_ng.adler32(data)).to_bytes(4, "big")])


def quick_stream(data: Buffer) -> bytes:
    """One zlib stream made by igzip."""
    return bytes(isal_zlib.compress(data, layout.DEFLATE_LEVEL))


def records_stream(data: Buffer) -> bytes:
    """One zlib stream made by igzip for elements that are not shuffled."""
    return bytes(isal_zlib.compress(data, _RECORDS_LEVEL))


def thorough_stream(data: Buffer) -> Buffer:
    """One zlib stream made by libdeflate at its quickest, which finds what gzip -4 finds."""
    return deflate.zlib_compress(data, 1)


def sparse_stream(data: Buffer) -> bytes:
    """One zlib stream made by zlib-ng: as small as libdeflate's, and faster where most of it repeats."""
    return bytes(zlib_ng.compress(data, 2))


def inflate(stream: Buffer, size: int) -> Buffer:
    """Expands one zlib stream, never to more than was announced.

    Args:
        stream: What the file holds for a chunk.
        size: Bytes of the expanded chunk.

    Raises:
        IntegrityError: It is not a whole zlib stream, or not of that size.
    """
    try:
        data: Buffer = deflate.zlib_decompress(stream, max(1, size))
    except deflate.DeflateError as error:
        raise IntegrityError(f"a compressed chunk of {len(stream)} bytes cannot be expanded to {size}") from error
    if len(data) != size:
        raise IntegrityError(f"a compressed chunk expands to {len(data)} bytes instead of {size}")
    return data
