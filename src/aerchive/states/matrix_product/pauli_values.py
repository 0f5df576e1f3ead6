"""Expectation values of Pauli operators in matrix products, without rebuilding the state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aerchive.states.matrix_product.environments import environments_behind, extended
from aerchive.states.matrix_product.tensors import MatrixProduct
from aerchive.states.pauli import PauliSum

_PAULIS = [None, np.array([[0, 1], [1, 0]]), np.array([[1, 0], [0, -1]]), np.array([[0, -1j], [1j, 0]])]
"""I, X, Z and Y, so that the index is ``x + 2 z``."""


def pauli_expectations(product: MatrixProduct, paulis: PauliSum) -> NDArray[np.float64]:
    """Returns ``<psi|P|psi>`` for each Pauli operator ``P`` without its coefficient.

    The operators are sorted by their factors, the highest qubit first. Operators that agree in the factors of the first
    qubits share the environments of these qubits, and all share the environments of the qubits behind their last
    factor.

    Args:
        product: The state. It need not be normalised.
        paulis: The operators; their number is ``k``.

    Returns:
        The expectation values, shape ``(k,)``, float64.
    """
    width = product.num_qubits
    qubits = np.arange(width - 1, -1, -1)
    factors = (paulis.x[:, np.newaxis] >> qubits & 1) + 2 * (paulis.z[:, np.newaxis] >> qubits & 1)
    values = np.empty(len(paulis))
    behind = environments_behind(product.tensors)
    shared = [np.ones((1, 1))]  # the environments of the first 0, 1, ... qubits of the last operator
    last = np.zeros(width, np.int64)
    for term in np.lexsort(factors.T[::-1]):
        own = factors[term]
        differing = np.flatnonzero(own != last)
        del shared[int(differing[0]) + 1 if len(differing) else width + 1 :]
        needed = int(np.flatnonzero(own)[-1]) + 1 if own.any() else 0
        while len(shared) <= needed:
            tensor = product.tensors[len(shared) - 1]
            shared.append(extended(shared[-1], tensor, tensor, _PAULIS[own[len(shared) - 1]]))
        values[term] = float(np.sum(shared[needed] * behind[needed]).real)
        last = own
    return values
