"""Writes and reads ordinary zlib streams (RFC 1950), as HDF5's deflate filter uses them, with fast libraries.

igzip is used where speed is important. zlib-ng is used with its Huffman coder alone, or with Huffman codes and runs, if
the values of bytes are unevenly distributed but do not repeat, and with all its methods if they repeat. libdeflate is
used for whole chunks and for expanding. `Deflater` gives pieces of one stream. Each piece ends at a byte and refers to
nothing before it, so pieces of different libraries may follow each other (RFC 1951, 3.2).
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
from aerchive.lazy import cached_property

Buffer = bytes | bytearray | memoryview

_RAW_DEFLATE = -15
HEAD = b"\x78\x01"
"""The first bytes of the streams that `join` makes."""
END = b"\x03\x00"
"""An empty last block with fixed codes."""
_FLUSHED = b"\x00\x00\xff\xff"
"""The last bytes of a piece that is compressed: an empty stored block."""
SUM_BYTES = 4
"""The size of the checksum at the end of a stream."""
STORED_HEAD = 5
"""The size of what precedes the bytes of a stored block that begins at a byte."""
_MAX_STORED = 65535
_BEST_OF_IGZIP = 3
_RECORDS_LEVEL = 2
"""The level of igzip for records: as fast as level 1 if whole elements repeat, and up to 4 % smaller."""

_MARGIN = 64
"""The number of bytes by which a piece may be longer than what it expands to."""
_HEAD_BYTES = 8
"""The number of bytes at the start of data that igzip compresses by themselves. At least 4 become a history."""


class Deflater:
    """Compresses pieces of zlib streams. An object may be used by one thread only.

    The compressors are made when they are first needed, and kept as long as this object, because making one costs as
    much as compressing a piece.
    """

    @cached_property
    def _igzip(self) -> Any:
        return isal_zlib.compressobj(layout.DEFLATE_LEVEL, isal_zlib.DEFLATED, _RAW_DEFLATE)

    @cached_property
    def _closer(self) -> Any:
        return isal_zlib.compressobj(_BEST_OF_IGZIP, isal_zlib.DEFLATED, _RAW_DEFLATE)

    @cached_property
    def _huffman(self) -> Any:
        return zlib_ng.compressobj(1, zlib_ng.DEFLATED, _RAW_DEFLATE, 9, zlib_ng.Z_HUFFMAN_ONLY)

    @cached_property
    def _runs(self) -> Any:
        return _runs_compressor()

    @cached_property
    def _thorough(self) -> Any:
        return zlib_ng.compressobj(4, zlib_ng.DEFLATED, _RAW_DEFLATE, 8)

    def quick(self, data: Buffer) -> bytes:
        """Returns a piece compressed by igzip."""
        return _by_igzip(self._igzip, data, isal_zlib.Z_FULL_FLUSH)

    def closer(self, data: Buffer) -> bytes:
        """Returns a piece by igzip at its best level: twice the time; for repeating bytes about as small as gzip -4."""
        return _piece(self._closer, data)

    def entropy(self, data: Buffer) -> bytes:
        """Returns a piece of Huffman codes only: the shortest for uneven, non-repeating bytes such as exponents."""
        return _piece(self._huffman, data)

    def runs(self, data: Buffer) -> bytes:
        """Returns a piece of Huffman codes and runs of one byte, for signs and exponents of a smooth state."""
        return _piece(self._runs, data)

    def thorough(self, data: Buffer) -> bytes:
        """Returns a piece in which repetitions are found as well as by gzip -4, or better."""
        return _piece(self._thorough, data)


def _piece(compressor: Any, data: Buffer) -> bytes:
    """Compresses some bytes with a compressor of either library. The piece ends at a byte."""
    return bytes(compressor.compress(data) + compressor.flush(zlib_ng.Z_FULL_FLUSH))


def _by_igzip(compressor: Any, data: Buffer, flush: int) -> bytes:
    """Compresses some bytes with level 1 or 2 of igzip, so that equal bytes give equal results.

    At these levels igzip hashes a part of the address of its own state instead of the third byte of data that has no
    history (``.write_first_byte`` in ``igzip_icf_body_h1_gr_bt.asm`` shifts a register that holds the pointer). The
    result is a valid stream, but about one in thousands depends on where the state lies in memory. So the first bytes
    are compressed by themselves, for which igzip uses another function; the rest then has a history.
    """
    view = memoryview(data)
    head = compressor.compress(view[:_HEAD_BYTES]), compressor.flush(isal_zlib.Z_SYNC_FLUSH)
    return b"".join([*head, compressor.compress(view[_HEAD_BYTES:]), compressor.flush(flush)])


@functools.lru_cache(maxsize=1024)
def constant(value: int, length: int) -> bytes:
    """Returns a piece for ``length`` bytes of the same value."""
    return _piece(_runs_compressor(), bytes([value]) * length)


def _runs_compressor() -> Any:
    return zlib_ng.compressobj(1, zlib_ng.DEFLATED, _RAW_DEFLATE, 9, zlib_ng.Z_RLE)


def stored(data: memoryview) -> list[Buffer]:
    """Returns a piece for incompressible bytes: the bytes themselves, with five bytes before each 64 KiB."""
    parts: list[Buffer] = []
    for at in range(0, len(data), _MAX_STORED):
        block = data[at : at + _MAX_STORED]
        parts += _head_of_stored(len(block)), block
    return parts


@functools.lru_cache(maxsize=1024)
def _head_of_stored(size: int) -> bytes:
    return b"\x00" + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little")


def join(pieces: Sequence[Buffer], data: Buffer) -> bytes:
    """Joins pieces to one zlib stream.

    Args:
        pieces: The pieces, in order.
        data: The whole uncompressed data, for the checksum of the stream.
    """
    return b"".join([HEAD, *pieces, END, int(zlib_ng.adler32(data)).to_bytes(SUM_BYTES, "big")])


def quick_stream(data: Buffer) -> bytes:
    """Returns one zlib stream compressed by igzip."""
    return _by_igzip(isal_zlib.compressobj(layout.DEFLATE_LEVEL), data, isal_zlib.Z_FINISH)


def records_stream(data: Buffer) -> bytes:
    """Returns one zlib stream compressed by igzip, for elements that are not shuffled."""
    return _by_igzip(isal_zlib.compressobj(_RECORDS_LEVEL), data, isal_zlib.Z_FINISH)


def thorough_stream(data: Buffer) -> Buffer:
    """Returns one zlib stream compressed by libdeflate at its fastest level, which finds what gzip -4 finds."""
    return deflate.zlib_compress(data, 1)


def text_stream(data: Buffer) -> Buffer:
    """Returns one zlib stream compressed by libdeflate at a level at which padding of rows takes little room."""
    return deflate.zlib_compress(data, 6)


def sparse_stream(data: Buffer) -> bytes:
    """Returns one zlib stream compressed by zlib-ng: as small as with libdeflate, and faster if most bytes repeat."""
    return bytes(zlib_ng.compress(data, 2))


def inflate_piece(stream: memoryview, at: int, size: int) -> tuple[bytes, int] | None:
    """Expands one piece of a zlib stream.

    The bytes that end a piece may also be in its middle, by chance. So the end counts only if the piece has given
    all its bytes there, and a block that is the last one can follow.

    Args:
        stream: The whole stream.
        at: The offset at which the piece begins.
        size: The size of the expanded piece in bytes.

    Returns:
        The expanded bytes and the offset behind the piece; ``None`` if there is no piece that expands to this size.
    """
    data = bytes(stream[at : at + size + _MARGIN])
    inflater = isal_zlib.decompressobj(_RAW_DEFLATE)
    parts: list[bytes] = []
    begin = found = 0
    try:
        while found < size:
            end = data.find(_FLUSHED, begin) + len(_FLUSHED)
            if end < len(_FLUSHED):
                return None
            parts.append(inflater.decompress(memoryview(data)[begin:end], size - found + 1))
            found += len(parts[-1])
            begin = end
        if found > size or inflater.eof or inflater.decompress(END) or not inflater.eof:
            return None
    except isal_zlib.error:
        return None
    return b"".join(parts), at + begin


def inflate(stream: Buffer, size: int) -> Buffer:
    """Expands one zlib stream, never to more bytes than expected.

    Args:
        stream: The stored bytes of a chunk.
        size: The size of the expanded chunk in bytes.

    Raises:
        IntegrityError: The bytes are not a complete zlib stream, or do not expand to that size.
    """
    try:
        data: Buffer = deflate.zlib_decompress(stream, max(1, size))
    except deflate.DeflateError as error:
        raise IntegrityError(f"a compressed chunk of {len(stream)} bytes cannot be expanded to {size}") from error
    if len(data) != size:
        raise IntegrityError(f"a compressed chunk expands to {len(data)} bytes instead of {size}")
    return data
