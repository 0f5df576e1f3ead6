"""Density matrices of some qubits of a stored density matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.matrix import Matrix
from aerchive.states.reduced import check_size, in_order_of, spread
from aerchive.states.sums import Total
from aerchive.states.workers import Workers


def partial_trace(rho: Matrix, qargs: Sequence[int], workers: Workers) -> NDArray[np.complex128]:
    """The density matrix of some qubits; the others are traced out.

    Args:
        rho: Of ``2**n`` rows.
        qargs: The qubits that stay, in any order; bit ``j`` of an index of the result is qubit ``qargs[j]``.
        workers: Do the work.

    Returns:
        Shape ``(2**len(qargs), 2**len(qargs))``.

    Raises:
        InvalidInputError: More qubits than `aerchive.states.reduced.MAX_QUBITS`.
    """
    check_size(qargs)
    kept = np.array(spread(sorted(qargs)), np.int64)
    mask = int(kept[-1])
    size = len(kept)
    total = Total((size, size), np.complex128)

    def part(rows: slice) -> NDArray[Any] | None:
        values = rho.read(rows)
        if values is None:
            return None
        numbers = np.arange(rows.start, rows.stop)
        # Of each row only the columns count whose other qubits are those of the row.
        wanted = values[np.arange(len(numbers))[:, np.newaxis], (numbers & ~mask)[:, np.newaxis] | kept]
        share = np.zeros((size, size), np.complex128)
        np.add.at(share, np.searchsorted(kept, numbers & mask), wanted)
        return share

    for share in workers.map(part, rho.pieces(), nbytes=16 * size**2):
        if share is not None:
            total.add(share)
    reduced = in_order_of(total.value, qargs)
    return np.ascontiguousarray(reduced.T) if rho.is_transposed else reduced
