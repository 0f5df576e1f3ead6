"""Deflate by byte plane: one zlib stream in which each plane of a shuffled chunk has a suitable coder.

After the shuffle a chunk of doubles consists of eight planes, and a chunk of complex doubles of sixteen. The planes of
the low bits of the mantissa are noise and become stored blocks, which are copies. The planes of sign and exponent can
be compressed.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.deflate import Buffer, Deflater, constant, join, stored


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
