"""Random outcomes of measurements of matrix products.

Each outcome is drawn qubit by qubit (A. J. Ferris and G. Vidal, *Perfect sampling with unitary tensor networks*, Phys.
Rev. B 85, 165146 (2012)). Here one uniform number decides all qubits of an outcome: it is looked up in the cumulative
sum of the probabilities, in the order of the basis states. At each qubit, the highest first, the number is compared
with the probability that the qubit is 0. If it is not smaller, the qubit is 1 and the probability is subtracted. So a
seed gives the same outcomes as `aerchive.states.sample`, except if a number is within rounding error of a border.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aerchive.states.matrix_product.canonical import right_canonical
from aerchive.states.matrix_product.kept_qubits import marginal
from aerchive.states.matrix_product.tensors import MatrixProduct, Tensor
from aerchive.states.sample import check_sum, sample_probabilities
from aerchive.states.sums import squares

MARGINAL_QUBITS = 20
"""Up to this number of qubits outcomes of some qubits are drawn from their probabilities, as for stored vectors."""
_TOGETHER = 2**20
"""The number of elements of the vectors of the outcomes that are drawn together: 16 MiB."""


def sample(
    product: MatrixProduct, shots: int, rng: np.random.Generator, qubits: Sequence[int] | None = None
) -> NDArray[np.int64]:
    """Draws outcomes with their probabilities.

    Args:
        product: The state.
        shots: The number of draws.
        rng: The random generator. It draws ``shots`` numbers.
        qubits: The numbers of the measured qubits. Bit ``j`` of an outcome belongs to ``qubits[j]``. ``None``: all.

    Returns:
        The outcomes in the order in which they were drawn, shape ``(shots,)``, int64.

    Raises:
        InvalidInputError: The state is not normalised.
    """
    is_whole = qubits is None or list(qubits) == list(range(product.num_qubits))
    if qubits is not None and not is_whole and len(qubits) <= MARGINAL_QUBITS:
        return sample_probabilities(marginal(product, qubits), shots, rng)
    tensors = right_canonical(product.tensors)
    total = float(np.square(np.abs(tensors[0])).sum())
    check_sum(total)
    numbers = rng.random(shots) * total
    outcomes = np.empty(shots, np.int64)
    step = max(1, _TOGETHER // max((1, *product.bonds)))
    for at in range(0, shots, step):
        outcomes[at : at + step] = _looked_up(tensors, numbers[at : at + step])
    if qubits is None or is_whole:
        return outcomes
    picked = np.zeros(shots, np.int64)
    for bit, qubit in enumerate(qubits):
        picked |= (outcomes >> qubit & 1) << bit
    return picked


def _looked_up(tensors: Sequence[Tensor], numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    vectors = np.ones((len(numbers), 1), tensors[0].dtype)
    left = numbers.copy()
    outcomes = np.zeros(len(numbers), np.int64)
    for tensor in tensors:
        both = (vectors @ tensor.reshape(len(tensor), -1)).reshape(len(numbers), 2, -1)
        weights = squares(both).sum(axis=2) if np.iscomplexobj(both) else np.square(both).sum(axis=2)
        is_one = (left >= weights[:, 0]) & (weights[:, 1] > 0)
        left -= np.where(is_one, weights[:, 0], 0.0)
        # a number above both weights, by rounding errors, stays within them
        chosen = np.where(is_one, weights[:, 1], weights[:, 0])
        np.minimum(left, np.nextafter(chosen, 0.0), out=left)
        outcomes = 2 * outcomes + is_one
        vectors = both[np.arange(len(numbers)), is_one.astype(np.intp)]
    return outcomes
