"""The measured infidelity of a product: the state is rebuilt in blocks and compared with the original."""

from __future__ import annotations

import math

import numpy as np

from aerchive.states.matrix_product.expand import columns, rows
from aerchive.states.matrix_product.tensors import MatrixProduct
from aerchive.states.source import Source, cut

_BLOCK = 2**17
"""The number of amplitudes that are rebuilt at once: 2 MiB."""


def measured_infidelity(source: Source, product: MatrixProduct, norm: float) -> float:
    """Returns ``1 - F`` of a state ``ψ`` and a product ``φ``.

    The result is ``(|d|² - |<φ|d>|² / |φ|²) / |ψ|²`` with ``d = ψ - φ``, as in `aerchive.filters.rounding`.

    Args:
        source: The amplitudes of the state.
        product: The product.
        norm: The norm of the state, to which all amplitudes are scaled.
    """
    high = product.num_qubits // 2
    low = product.num_qubits - high
    left, table = rows(product.tensors[:high], 0, 1 << high), columns(product.tensors[high:])
    scale = math.ldexp(1.0, -math.frexp(norm)[1])  # makes the norm nearly one: no over- or underflow
    whole = rebuilt_norm = error = 0.0
    overlap = 0j
    for piece in cut(1 << high, max(1, _BLOCK >> low)):
        rebuilt = (left[piece] @ table).astype(np.complex128, copy=False).reshape(-1)
        values = source.read(slice(piece.start << low, piece.stop << low))
        if scale != 1:
            rebuilt *= scale
            values = None if values is None else values * scale
        apart = -rebuilt if values is None else np.subtract(values, rebuilt, dtype=np.complex128)
        parts, differences = rebuilt.view(np.float64), apart.view(np.float64)
        rebuilt_norm += float(np.dot(parts, parts))
        error += float(np.dot(differences, differences))
        overlap += complex(np.vdot(rebuilt, apart))
        if values is not None:
            whole += float(np.vdot(values, values).real)
    if not rebuilt_norm or not whole:
        return math.inf
    return max(0.0, (error - abs(overlap) ** 2 / rebuilt_norm) / whole)
