"""Singular value decompositions from cut to cut: halves become tensors, and tensors become smaller.

Each step replaces the state by a projection of it, and the later steps stay within that projection. So the errors of
all steps are orthogonal to each other and to the result: the squared distance is the sum of the discarded weights, and
for normalised states this sum is ``1 - F``. The weight that a step discards is not larger than the weight of the
discarded Schmidt coefficients of the original state at that cut: I. V. Oseledets, *Tensor-train decomposition*, SIAM J.
Sci. Comput. 33, 2295 (2011), theorem 2.2; F. Verstraete and J. I. Cirac, Phys. Rev. B 73, 094423 (2006), lemma 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.matrix_product.canonical import left_canonical
from aerchive.states.matrix_product.range_finder import Halves
from aerchive.states.matrix_product.tensors import Tensor

Choice = Callable[[int, NDArray[np.float64]], int]
"""A function that gives the number of singular values to keep, from the cut and all singular values."""


@dataclass(frozen=True)
class Chain:
    """A matrix product and what is known of its cuts.

    Attributes:
        tensors: The tensors.
        coefficients: The singular values of each cut that were kept.
        discarded: The sum of the squares of all singular values that were not kept.
    """

    tensors: list[Tensor]
    coefficients: list[NDArray[np.float64]]
    discarded: float


def within(weight: float) -> Choice:
    """Returns the choice that discards at most a given sum of squares at each cut."""

    def choose(_cut: int, values: NDArray[np.float64]) -> int:
        tail = np.cumsum(np.square(values[::-1]))  # the weight of the last 1, 2, ... values
        return max(1, len(values) - int(np.searchsorted(tail, weight, side="right")))

    return choose


def chain_of(halves: Halves, choose: Choice) -> Chain:
    """Factorises the halves of a state, from the middle to both ends.

    Args:
        halves: The halves; the left one is orthonormal.
        choose: The choice of the number of singular values at each cut. The cut ``k`` is between the highest ``k``
            qubits and the others.

    Returns:
        The chain. All tensors but the last are an isometry from right to left (left-canonical).
    """
    high = len(halves.left).bit_length() - 1
    low = halves.right.shape[1].bit_length() - 1
    cuts: dict[int, NDArray[np.float64]] = {}
    lost = 0.0

    def shortened(cut: int, matrix: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[Any]]:
        nonlocal lost
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        rank = choose(cut, values)
        lost += float(np.square(values[rank:]).sum())
        cuts[cut] = values[:rank]
        return left[:, :rank], values[:rank], right[:rank]

    left, values, rest = shortened(high, halves.right)
    centre = halves.left @ (left * values)
    tensors: list[Tensor] = []
    for cut in range(high - 1, 0, -1):
        bond = centre.shape[1]
        left, values, right = shortened(cut, centre.reshape(1 << cut, -1))
        tensors.insert(0, right.reshape(-1, 2, bond))
        centre = left * values
    tensors.insert(0, centre.reshape(1, 2, -1))
    tensors, middle = left_canonical(tensors)
    rest = middle @ rest
    for cut in range(high + 1, high + low):
        bond = len(rest)
        left, values, right = shortened(cut, rest.reshape(2 * bond, -1))
        tensors.append(left.reshape(bond, 2, -1))
        rest = values[:, np.newaxis] * right
    tensors.append(rest.reshape(-1, 2, 1))
    return Chain(tensors, [cuts[cut] for cut in sorted(cuts)], lost)


def shortened(tensors: Sequence[Tensor], choose: Choice) -> Chain:
    """Makes the bonds of a left-canonical product smaller, from the last cut to the first.

    Returns:
        The chain. All tensors but the first are an isometry from left to right (right-canonical).
    """
    found: list[Tensor] = []
    kept: list[NDArray[np.float64]] = []
    lost = 0.0
    centre = tensors[-1]
    for cut in range(len(tensors) - 1, 0, -1):
        left, values, right = np.linalg.svd(centre.reshape(len(centre), -1), full_matrices=False)
        rank = choose(cut, values)
        lost += float(np.square(values[rank:]).sum())
        kept.append(values[:rank])
        found.append(right[:rank].reshape(rank, 2, -1))
        before = tensors[cut - 1]
        centre = (before.reshape(-1, before.shape[2]) @ (left[:, :rank] * values[:rank])).reshape(-1, 2, rank)
    found.append(centre)
    return Chain(found[::-1], kept[::-1], lost)


def balanced(tensors: Sequence[Tensor]) -> Chain:
    """Divides the Schmidt coefficients of each cut of a right-canonical product evenly between its two tensors.

    In this form an error of an element changes the amplitudes by as much as the element matters: with the coefficients
    ``a`` and ``b`` of its two bonds, by ``sqrt(a b)`` times the error.
    """
    found: list[Tensor] = []
    kept: list[NDArray[np.float64]] = []
    centre = tensors[0]
    weights = np.ones(1)
    for tensor in tensors[1:]:
        left, values, right = np.linalg.svd(centre.reshape(-1, centre.shape[2]), full_matrices=False)
        rank = max(1, int(np.count_nonzero(values)))
        values, root = values[:rank], np.sqrt(values[:rank])
        found.append((left[:, :rank].reshape(-1, 2, rank) * root) / np.sqrt(weights)[:, np.newaxis, np.newaxis])
        kept.append(values)
        weights = values
        centre = np.tensordot(values[:, np.newaxis] * right[:rank], tensor, 1)
    found.append(centre / np.sqrt(weights)[:, np.newaxis, np.newaxis])
    return Chain(found, kept, 0.0)
