"""Deflate by byte plane: one zlib stream in which each plane of a shuffled chunk has a suitable coder.

After the shuffle a chunk of doubles consists of eight planes, and a chunk of complex doubles of sixteen. The planes of
the low bits of the mantissa are noise and become stored blocks, which are copies. The planes of sign and exponent can
be compressed.

An element has one byte in each plane. If only a few elements are read, their bytes in stored blocks are taken from the
stream, and only compressed planes are expanded (`pick_planes`).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.deflate import (
    END,
    HEAD,
    STORED_HEAD,
    SUM_BYTES,
    Buffer,
    Deflater,
    constant,
    inflate_piece,
    join,
    stored,
)


class Coder(enum.Enum):
    """The coders of a plane. A plane of a single value becomes a tiny piece with every coder."""

    STORED = "as it is"
    QUICK = "igzip"
    CLOSER = "igzip at its best"
    ENTROPY = "Huffman codes"
    RUNS = "Huffman codes and runs"
    THOROUGH = "zlib-ng"


_MAKERS = {
    Coder.QUICK: Deflater.quick,
    Coder.CLOSER: Deflater.closer,
    Coder.ENTROPY: Deflater.entropy,
    Coder.RUNS: Deflater.runs,
    Coder.THOROUGH: Deflater.thorough,
}


def plane_length(nbytes: int, itemsize: int) -> int:
    """Returns the size of a plane in bytes. Bytes after the last whole element form a further, shorter plane."""
    return nbytes // itemsize


def split(planes: NDArray[np.uint8], itemsize: int) -> list[NDArray[np.uint8]]:
    """Returns the planes of a shuffled chunk, and the remainder if there is one."""
    length = plane_length(planes.size, itemsize)
    parts = [planes[k * length : (k + 1) * length] for k in range(itemsize)]
    rest = planes[itemsize * length :]
    return [*parts, rest] if rest.size else parts


def is_constant(plane: NDArray[np.uint8]) -> bool:
    """Returns whether all bytes of a plane are equal. Three bytes are compared first."""
    view = plane.data
    first: int = view[0]
    if first != view[-1] or first != view[plane.size // 2]:
        return False
    whole = plane.size - plane.size % 8
    words = plane[:whole].view(np.uint64)  # words of eight bytes need an eighth of the comparisons
    return bool((words == np.uint64(first * 0x0101010101010101)).all() and (plane[whole:] == first).all())


def pack_planes(planes: NDArray[np.uint8], itemsize: int, coders: Sequence[Coder], deflater: Deflater) -> bytes:
    """Returns the zlib stream of a shuffled chunk.

    Args:
        planes: The bytes of the shuffled chunk, shape ``(n,)``, C-contiguous.
        itemsize: The size of an element in bytes.
        coders: One coder for each plane. A plane that its coder does not make smaller is stored.
        deflater: The compressor of this thread.
    """
    pieces: list[Buffer] = []
    done = at = 0  # the bytes between ``done`` and ``at`` are still to be stored
    for number, plane in enumerate(split(planes, itemsize)):
        piece = _piece(plane, coders[number] if number < len(coders) else Coder.STORED, deflater)
        if piece is not None:
            pieces += stored(planes.data[done:at])
            pieces.append(piece)
            done = at + plane.size
        at += plane.size
    pieces += stored(planes.data[done:])
    return join(pieces, planes.data)


def _piece(plane: NDArray[np.uint8], coder: Coder, deflater: Deflater) -> Buffer | None:
    """Returns the coded plane, or ``None`` if the plane is to be stored."""
    if is_constant(plane):
        return constant(plane.data[0], plane.size)
    if coder is Coder.STORED:
        return None
    piece = _MAKERS[coder](deflater, plane.data)
    return piece if len(piece) < plane.size else None


def pick_planes(
    stream: memoryview, nbytes: int, itemsize: int, elements: NDArray[np.integer]
) -> NDArray[np.uint8] | None:
    """Reads some elements of a chunk from its zlib stream, without expanding all of it.

    Args:
        stream: The zlib stream of the shuffled chunk. Its checksum is not verified, for it needs the whole chunk.
        nbytes: The size of the chunk in bytes.
        itemsize: The size of an element in bytes.
        elements: The numbers of the elements in the chunk, shape ``(n,)``.

    Returns:
        The bytes of the elements, shape ``(n, itemsize)``; ``None`` if the stream does not consist of stored blocks and
        of pieces that end where a plane ends, as those of `pack_planes` do.
    """
    length = plane_length(nbytes, itemsize)
    found = _parts(stream, nbytes, length)
    if found is None:
        return None
    starts, offsets, expanded = found
    picked = np.empty((itemsize, elements.size), np.uint8)
    if starts:
        wanted = np.arange(itemsize)[:, np.newaxis] * length + elements
        block = np.searchsorted(starts, wanted, "right") - 1
        shift = np.subtract(offsets, starts)
        np.take(np.frombuffer(stream, np.uint8), wanted + shift[block], mode="clip", out=picked)
    for plane, values in expanded.items():  # here nothing was picked yet, or a byte of another plane
        picked[plane] = np.frombuffer(values, np.uint8)[elements]
    return np.ascontiguousarray(picked.T)


def _parts(stream: memoryview, nbytes: int, length: int) -> tuple[list[int], list[int], dict[int, bytes]] | None:
    """The parts of a stream: for stored blocks their starts in the chunk and their offsets in the stream, and planes.

    Returns:
        The starts, the offsets, and the bytes of the expanded planes; ``None`` as for `pick_planes`.
    """
    starts: list[int] = []
    offsets: list[int] = []
    expanded: dict[int, bytes] = {}
    if nbytes % length or bytes(stream[: len(HEAD)]) != HEAD:
        return None
    at, done = len(HEAD), 0
    while done < nbytes and at + STORED_HEAD <= len(stream):
        if stream[at] == 0:  # a stored block, which is not the last one
            size = stream[at + 1] | stream[at + 2] << 8
            if size ^ 0xFFFF != stream[at + 3] | stream[at + 4] << 8:
                return None
            starts.append(done)
            offsets.append(at + STORED_HEAD)
            at += STORED_HEAD + size
            done += size
            continue
        piece = None if done % length else inflate_piece(stream, at, length)
        if piece is None:
            return None
        expanded[done // length], at = piece
        done += length
    is_whole = done == nbytes and bytes(stream[at : at + len(END)]) == END and at + len(END) + SUM_BYTES == len(stream)
    return (starts, offsets, expanded) if is_whole else None
