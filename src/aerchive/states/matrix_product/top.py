"""The largest amplitudes of matrix products, found without rebuilding the whole state where that is possible.

The probability of the first bits of an outcome is an upper bound of the probabilities of all outcomes that begin with
them. A first descent keeps only the most probable beginnings, and gives outcomes that may not be the largest: the
smallest of their probabilities is a limit that the largest outcomes reach. A second descent keeps all beginnings that
reach the limit. If these are too many, the state is expanded in pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.largest import best_of
from aerchive.states.largest import largest as largest_of_vector
from aerchive.states.matrix_product.canonical import right_canonical
from aerchive.states.matrix_product.expand import Expansion, amplitudes
from aerchive.states.matrix_product.tensors import MatrixProduct, Tensor
from aerchive.states.sums import squares
from aerchive.states.workers import Workers

_LEAST = 256
"""The least number of beginnings that the first descent keeps."""
_ELEMENTS = 2**21
"""The greatest number of elements of the vectors of all beginnings: 32 MiB."""
_FRACTION = 64
"""More beginnings than this part of the amplitudes take longer than all amplitudes in pieces."""
_SLACK = 1 - 1e-9
"""A margin for rounding errors of the probabilities."""


def largest(product: MatrixProduct, count: int, workers: Workers) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Returns the amplitudes with the largest absolute values. Amplitudes that are zero are left out.

    Args:
        product: The state.
        count: The greatest number of amplitudes in the result.
        workers: The threads that expand the state where that is needed.

    Returns:
        The indices and the amplitudes, the largest absolute value first. Among equal values the lowest index is first.
    """
    found = _above(product, count)
    if found is None:
        return largest_of_vector(Expansion(product), count, workers)
    indices, weights = found
    indices = indices[best_of(weights, count)]
    values = amplitudes(product, indices)
    order = np.lexsort((indices, -squares(values)))
    return indices[order], values[order]


def _above(product: MatrixProduct, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """Returns the sorted indices of all amplitudes that may be among the largest, and the squares of their values.

    Returns:
        ``None`` if they are too many.
    """
    most = min(_ELEMENTS // max((1, *product.bonds)), max(_LEAST, (1 << product.num_qubits) // _FRACTION))
    if 4 * count > most:
        return None
    tensors = right_canonical(product.tensors)

    def probable(weights: NDArray[np.float64]) -> NDArray[np.intp]:
        return best_of(weights, max(4 * count, _LEAST))

    first = _descent(tensors, probable, most)
    if first is None or len(first[1]) == 0:
        return None
    limit = np.sort(first[1])[-count] * _SLACK if len(first[1]) >= count > 0 else 0.0
    return _descent(tensors, lambda weights: np.flatnonzero((weights >= limit) & (weights > 0)), most)


def _descent(
    tensors: Sequence[Tensor], choose: Callable[[NDArray[np.float64]], NDArray[np.intp]], most: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """Extends beginnings of outcomes qubit by qubit, and keeps some of them each time.

    Returns:
        The outcomes and their probabilities, or ``None`` if there were more beginnings than allowed.
    """
    outcomes = np.zeros(1, np.int64)
    vectors = np.ones((1, 1), tensors[0].dtype)
    weights = np.ones(1)
    for tensor in tensors:
        vectors = (vectors @ tensor.reshape(len(tensor), -1)).reshape(-1, tensor.shape[2])
        weights = np.square(np.abs(vectors)).sum(axis=1)
        kept = choose(weights)
        if len(kept) > most:
            return None
        outcomes = (2 * outcomes[:, np.newaxis] + np.arange(2)).reshape(-1)[kept]
        vectors, weights = vectors[kept], weights[kept]
    return outcomes, weights
