"""Deflate by byte plane: one zlib stream in which each plane of a shuffled chunk is coded as it deserves.

After the shuffle a chunk of doubles is eight planes, of complex doubles sixteen. Those of the low mantissa are noise,
which becomes stored blocks, a copy; those of sign and exponent are not.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.deflate import Buffer, Deflater, constant, join, stored


class Coder(enum.Enum):
    """How a plane is coded; a plane of a single value is a tiny piece whatever stands here."""

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
    """Bytes of a plane; what is left over by whole elements is a last, shorter one."""
    return nbytes // itemsize


def split(planes: NDArray[np.uint8], itemsize: int) -> list[NDArray[np.uint8]]:
    """The planes of a shuffled chunk, and the remainder if there is one."""
    length = plane_length(planes.size, itemsize)
    parts = [planes[k * length : (k + 1) * length] for k in range(itemsize)]
    rest = planes[itemsize * length :]
    return [*parts, rest] if rest.size else parts


def is_constant(plane: NDArray[np.uint8]) -> bool:
    """Whether a plane has a single value; looks at three bytes first."""
    view = plane.data
    first: int = view[0]
    if first != view[-1] or first != view[plane.size // 2]:
        return False
    whole = plane.size - plane.size % 8
    words = plane[:whole].view(np.uint64)  # an eighth of the comparisons
    return bool((words == np.uint64(first * 0x0101010101010101)).all() and (plane[whole:] == first).all())


def pack_planes(planes: NDArray[np.uint8], itemsize: int, coders: Sequence[Coder], deflater: Deflater) -> bytes:
    """The zlib stream of a shuffled chunk.

    Args:
        planes: The shuffled chunk, C-contiguous.
        itemsize: Bytes of an element.
        coders: One a plane. A plane that its coder does not make smaller is stored.
        deflater: Of this thread.
    """
    pieces: list[Buffer] = []
    done = at = 0  # what is between is to be stored
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
    """A plane as its coder makes it; ``None`` if it is to be stored."""
    if is_constant(plane):
        return constant(plane.data[0], plane.size)
    if coder is Coder.STORED:
        return None
    piece = _MAKERS[coder](deflater, plane.data)
    return piece if len(piece) < plane.size else None
