"""Looks for structure in a state, and encodes the state if that makes it much smaller."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aerchive.layout import LOW_RANK, VALUE_TABLE
from aerchive.states.predicted.choice import expected_rank, has_few_values
from aerchive.states.predicted.clusters import find_clusters
from aerchive.states.predicted.encoded import PIECE, Encoded
from aerchive.states.predicted.factors import find_factors
from aerchive.states.predicted.plain import Plain
from aerchive.states.predicted.prediction import AlignedArray, Columns, Prediction, UnfitError
from aerchive.states.predicted.residuals import smallest
from aerchive.states.predicted.sizes import default_size, packed, packed_whole, sampled_pieces, share_of
from aerchive.states.source import cut
from aerchive.threads import in_order

LEAST_GAIN = 1.5
"""A state is encoded only if this makes it smaller than usual by at least this factor."""
_KEPT = 2**24
"""The greatest number of amplitudes for which the aligned arrays are kept, in at most 320 MiB. Those of larger states
are computed again when they are read."""


def encode(state: NDArray[np.complex128]) -> Encoded | None:
    """Encodes a state as a prediction and a residual, if that makes it smaller by at least `LEAST_GAIN`.

    All of what is returned was decoded and compared with the state, bit for bit.

    Args:
        state: The amplitudes, shape ``(2**n,)``, dtype complex128, C-contiguous. They must not change while the result
            is used, because its aligned arrays may be computed when they are read.

    Returns:
        The encoded state, or ``None`` if the state has fewer than 65,536 amplitudes, a length that is no power of 2, or
        no structure that is worth it.
    """
    if state.ndim != 1 or state.dtype != np.complex128 or state.size < PIECE or state.size & (state.size - 1):
        return None
    plain = Plain.examined(np.ascontiguousarray(state))
    usual: int | None = None
    for find in (_with_factors, _with_table):
        try:
            found = find(plain)
            if found is None:
                continue
            usual = usual or default_size(plain)
            if _sampled_size(found) * LEAST_GAIN <= usual:
                encoded = _encoded(found, usual)
                if encoded.nbytes * LEAST_GAIN <= usual:
                    return encoded
        except UnfitError:
            continue
    return None


def _with_factors(plain: Plain) -> Prediction | None:
    rank = expected_rank(plain)
    factors = None if rank is None else find_factors(plain, rank)
    return None if factors is None else Prediction(plain, LOW_RANK, factors)


def _with_table(plain: Plain) -> Prediction | None:
    clusters = find_clusters(plain) if has_few_values(plain) else None
    return None if clusters is None else Prediction(plain, VALUE_TABLE, {"table": clusters.table}, clusters.numbers)


def _small_size(found: Prediction) -> int:
    return sum(map(packed_whole, found.arrays.values()))


def _sampled_size(found: Prediction) -> int:
    """Returns the estimated size in bytes of all arrays.

    Raises:
        UnfitError: The prediction cannot be used.
    """
    pieces = sampled_pieces(found.plain.state.size)
    chunks = [found.columns(piece.start, piece.stop) for piece in pieces]
    return int(share_of(pieces, found.plain.state.size) * _packed_columns(chunks)) + _small_size(found)


def _packed_columns(chunks: Sequence[Columns]) -> int:
    """Returns the size in bytes of some chunks of all aligned arrays after compression."""
    size = 0
    for name in chunks[0]:
        dtype = smallest(max(int(chunk[name].max()) for chunk in chunks))
        size += packed((chunk[name].astype(dtype) for chunk in chunks), int(dtype.itemsize))
    return size


def _encoded(found: Prediction, usual: int) -> Encoded:
    """Encodes all amplitudes.

    Raises:
        UnfitError: The prediction cannot be used for all amplitudes.
    """
    size = found.plain.state.size
    is_kept = size <= _KEPT
    kept: list[Columns] = []
    shapes: dict[str, tuple[int, ...]] = {}
    largest: dict[str, int] = {}

    def columns(piece: slice) -> Columns:
        return {name: _narrowed(values) for name, values in found.columns(piece.start, piece.stop).items()}

    for chunk in in_order(columns, cut(size, PIECE), size // PIECE):
        for name, values in chunk.items():
            shapes[name] = (*values.shape[:-1], size)
            largest[name] = max(largest.get(name, 0), int(values.max()))
        if is_kept:
            kept.append(chunk)

    def piece(number: int) -> Columns:
        return kept[number] if kept else found.columns(number * PIECE, (number + 1) * PIECE)

    aligned = {name: AlignedArray(name, shapes[name], smallest(largest[name]), piece) for name in shapes}
    nbytes = _small_size(found) + _packed_columns(kept) if is_kept else _sampled_size(found)
    return Encoded(found.form, found.arrays, aligned, found.attributes, nbytes, usual)


def _narrowed(values: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    return values.astype(smallest(int(values.max())), copy=False)
