"""Ordinary zlib streams (RFC 1950), as HDF5's deflate filter reads and writes them, at the speed of igzip."""

from __future__ import annotations

from isal import isal_zlib

from aerchive import layout
from aerchive.errors import IntegrityError


def deflate(data: bytes | memoryview) -> bytes:
    """Compresses to one zlib stream."""
    return bytes(isal_zlib.compress(data, layout.DEFLATE_LEVEL))


def inflate(stream: bytes | memoryview, size: int) -> bytes:
    """Expands one zlib stream, never to more than was announced.

    Args:
        stream: What the file holds for a chunk.
        size: Bytes of the expanded chunk.

    Raises:
        IntegrityError: It is not a whole zlib stream, or not of that size.
    """
    expander = isal_zlib.decompressobj()
    try:
        data = expander.decompress(stream, size + 1)
    except isal_zlib.error as error:
        raise IntegrityError(f"a compressed chunk cannot be expanded: {error}") from error
    if len(data) != size or not expander.eof:
        raise IntegrityError(f"a compressed chunk expands to {len(data)} bytes or more instead of {size}")
    return bytes(data)
