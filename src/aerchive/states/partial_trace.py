"""The partial trace of a stored density matrix."""

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
    """Returns the density matrix of some qubits. The other qubits are traced out.

    Args:
        rho: The density matrix of all qubits, with ``2**n`` rows.
        qargs: The indices of the qubits that stay, in any order. Bit ``j`` of an index of the result belongs to qubit
            ``qargs[j]``.
        workers: The threads that do the work.

    Returns:
        The density matrix, shape ``(2**len(qargs), 2**len(qargs))``, dtype complex128.

    Raises:
        InvalidInputError: More than `aerchive.states.reduced.MAX_QUBITS` qubits stay.
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
        # In each row only those columns are needed whose other qubits have the same values as in the row.
        wanted = values[np.arange(len(numbers))[:, np.newaxis], (numbers & ~mask)[:, np.newaxis] | kept]
        share = np.zeros((size, size), np.complex128)
        np.add.at(share, np.searchsorted(kept, numbers & mask), wanted)
        return share

    for share in workers.map(part, rho.pieces(), nbytes=16 * size**2):
        if share is not None:
            total.add(share)
    reduced = in_order_of(total.value, qargs)
    return np.ascontiguousarray(reduced.T) if rho.is_transposed else reduced
