"""The measured infidelity of a product: the state is rebuilt in blocks and compared with the original."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aerchive.states.matrix_product.expand import Expansion
from aerchive.states.matrix_product.tensors import MatrixProduct
from aerchive.states.source import Source, cut
from aerchive.states.sums import inner_parts
from aerchive.states.workers import Workers

_BLOCK = 2**16
"""The least number of amplitudes that a thread rebuilds at once: 1 MiB."""


def measured_infidelity(source: Source, product: MatrixProduct, norm: float, workers: Workers) -> float:
    """Returns ``1 - F`` of a state ``ψ`` and a product ``φ``.

    The result is ``(|d|² - |<φ|d>|² / |φ|²) / |ψ|²`` with ``d = ψ - φ``, as in `aerchive.filters.rounding`.

    Args:
        source: The amplitudes of the state.
        product: The product.
        norm: The norm of the state. All amplitudes are scaled by a power of two near its inverse.
        workers: The threads that rebuild and compare.
    """
    expansion = Expansion(product)
    scale = math.ldexp(1.0, -math.frexp(norm)[1])  # no over- or underflow

    def compared(piece: slice) -> NDArray[np.complex128]:
        """Returns ``|d|²``, ``<φ|d>``, ``|φ|²`` and ``|ψ|²`` of a piece."""
        rebuilt = expansion.read(piece)
        values = source.read(piece)
        values = np.zeros(len(rebuilt), np.complex128) if values is None else values.astype(np.complex128, copy=False)
        if scale != 1:
            rebuilt, values = rebuilt * scale, values * scale
        apart = values - rebuilt
        pairs = (apart, apart), (rebuilt, apart), (rebuilt, rebuilt), (values, values)
        return np.array([inner_parts(*pair) for pair in pairs])

    pieces = cut(source.shape[0], max(_BLOCK, source.chunk[0]))
    error, overlap, rebuilt_norm, whole = np.sum(list(workers.map(compared, pieces, nbytes=64 * _BLOCK)), axis=0)
    if not rebuilt_norm or not whole:
        return math.inf
    return max(0.0, float((error.real - abs(overlap) ** 2 / rebuilt_norm.real) / whole.real))
