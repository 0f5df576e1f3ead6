"""Sizes of arrays as they are stored: byte shuffle and deflate, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.narrow import to_narrow
from aerchive.filters.profiles import PORTABLE
from aerchive.states.predicted.encoded import PIECE
from aerchive.states.predicted.plain import Plain
from aerchive.states.source import cut

_CHUNK_BYTES = 2**20
_MOST = 16
"""The number of chunks of a sample."""
_EACH = 64
"""At least one chunk in this number belongs to a sample."""


def sampled_pieces(size: int) -> list[slice]:
    """Returns chunks that are spread over a state, and the first and the last one."""
    pieces = cut(size, PIECE)
    number = min(len(pieces), max(_MOST, len(pieces) // _EACH))
    return [pieces[at] for at in np.unique(np.linspace(0, len(pieces) - 1, number).astype(int))]


def packed(chunks: Iterable[NDArray[Any]], itemsize: int) -> int:
    """Returns the size in bytes of some chunks of a dataset after compression."""
    packing = PORTABLE.packing(itemsize)
    raws = (np.ascontiguousarray(chunk).reshape(-1).view(np.uint8) for chunk in chunks)
    return sum(len(packing.begin(raw, lambda same: same)()[0]) for raw in raws if raw.any())


def packed_whole(array: NDArray[Any]) -> int:
    """Returns the size in bytes of a small array after compression."""
    flat, itemsize = array.reshape(-1), int(array.itemsize)
    return packed((flat[piece] for piece in cut(flat.size, _CHUNK_BYTES // itemsize)), itemsize)


def default_size(plain: Plain) -> int:
    """Returns the estimated size in bytes of a state as it is usually stored."""
    pieces = sampled_pieces(plain.state.size)
    chunks = (plain.state[piece].view(np.uint8) for piece in pieces)
    if plain.is_single:
        chunks = (narrow for chunk in chunks if (narrow := to_narrow(chunk)) is not None)
    size = packed(chunks, 8 if plain.is_single else 16)
    return int(size * share_of(pieces, plain.state.size))


def share_of(pieces: list[slice], size: int) -> float:
    """Returns the number of amplitudes of a state for each amplitude of a sample."""
    return float(size / sum(piece.stop - piece.start for piece in pieces))
