"""Certified matrix products: the smallest that is found for a state within a limit of the infidelity, and its proof."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.matrix_product.certify import measured_infidelity
from aerchive.states.matrix_product.digits import distance_of, rounded
from aerchive.states.matrix_product.environments import environments
from aerchive.states.matrix_product.range_finder import StateMatrix, split
from aerchive.states.matrix_product.ranks import chosen_ranks
from aerchive.states.matrix_product.sweep import Chain, balanced, chain_of, shortened, within
from aerchive.states.matrix_product.tensors import MatrixProduct, Tensor
from aerchive.states.source import InMemory, Source, cut, read_all
from aerchive.states.sums import inner_parts
from aerchive.states.workers import Workers

_BLOCK = 2**20
_SMALLEST, _LARGEST = 2.0**-480, 2.0**480
"""The limits of norms. States beyond them, near the range of doubles, are not factorised."""
_PREPARATION = 1 / 32
"""The share of the limit that the first factorisation may use. The rest decides the sizes of the bonds."""
_NOISE = 0.25
"""The share of the limit that the noise of a state may use at the middle cut."""
_PRECISION = 2.0**-48
"""A margin for the rounding errors of the sum of the discarded weights, relative to the squared norm: 3.6e-15."""
_BONDS_SHARE = 0.75
"""The share of the distance that smaller bonds may cause, where digits are dropped too."""
_ROUNDED_BYTES = 2**13
"""Products from this size on have digits dropped. Smaller ones take hardly more space than their descriptions."""


@dataclass(frozen=True)
class Certified:
    """A matrix product that stands for a state, and how well.

    Attributes:
        product: The product. It has the norm of the state, and its global phase.
        infidelity: The measured ``1 - F`` of the rebuilt state.
        bound: The proven upper bound of ``1 - F``.
    """

    product: MatrixProduct
    infidelity: float
    bound: float

    @property
    def bonds(self) -> tuple[int, ...]:
        """The sizes of the bonds, the highest qubits first."""
        return self.product.bonds


def factorise(
    state: Source | NDArray[Any], max_infidelity: float, *, least_ratio: float = 2.0, expected_rank: int = 0
) -> Certified | None:
    """Finds a small matrix product for a state, and measures its infidelity by rebuilding the state.

    The state is read about four times from the beginning to the end. Besides it, up to 1 GiB of memory is used.

    The proof of the bound: the product without dropped digits is a projection of the state, at the distance ``d₁``
    whose square is the sum of the discarded weights (see `aerchive.states.matrix_product.sweep`). Dropped digits move
    it by the distance ``d₂``, which is computed. So ``1 - F ≤ (d₁ + d₂)² / |ψ|²``, as in
    ``docs/explanation/compression.md``.

    Args:
        state: The amplitudes, shape ``(2**n,)``, as a stored vector or in memory.
        max_infidelity: The greatest allowed value of ``1 - F``. Below about 1e-14 the rounding errors of the bound
            itself are too large, so that nothing is found.
        least_ratio: The least ratio of the bytes of the state to those of the product.
        expected_rank: The rank of the middle cut, from `aerchive.states.matrix_product.promising.middle_rank`. It saves
            passes over the state if the rank is above 24.

    Returns:
        The product, its measured infidelity and its bound. ``None`` if there is no product that is small enough, if the
        state is zero, is not finite or has a norm near the limits of double precision, or if the number of amplitudes
        is not a power of two from 2 on.
    """
    source: Source = InMemory(np.asarray(state).reshape(-1)) if isinstance(state, np.ndarray) else state
    length = source.shape[0]
    qubits = length.bit_length() - 1
    if qubits < 1 or length != 1 << qubits or not max_infidelity > 0:
        return None
    norm, is_real = _looked_through(source)
    if not _SMALLEST < norm < _LARGEST:
        return None
    found = _found(source, qubits, norm, is_real, max_infidelity, expected_rank)
    if found is None:
        return None
    product, bound = found
    if product.nbytes * least_ratio > 16 * length and qubits > 1:
        return None
    with Workers() as workers:
        infidelity = measured_infidelity(source, product, norm, workers)
    if not max(infidelity, bound) <= max_infidelity:
        return None
    return Certified(product, infidelity, max(bound, infidelity))


def _looked_through(source: Source) -> tuple[float, bool]:
    """Returns the norm of a state, and whether all imaginary parts are zero."""
    square, is_real = 0.0, True
    with np.errstate(all="ignore"):
        for piece in cut(source.shape[0], _BLOCK):
            values = source.read(piece)
            if values is None:
                continue
            values = np.asarray(values, np.complex128)
            square += inner_parts(values, values).real
            is_real = is_real and not values.imag.any()
    return math.sqrt(square) if square >= 0 else math.nan, is_real


def _found(
    source: Source, qubits: int, norm: float, is_real: bool, max_infidelity: float, expected_rank: int
) -> tuple[MatrixProduct, float] | None:
    """Returns a product and the proven bound of its infidelity."""
    if qubits == 1:
        values = read_all(source).reshape(1, 2, 1)
        return MatrixProduct((values.real.astype(np.float64) if is_real else values.astype(np.complex128),)), 0.0
    limit = max_infidelity * norm**2
    high = qubits // 2
    matrix = StateMatrix(source, high, qubits - high, is_real)
    halves = split(matrix, _PREPARATION / 8 * limit, _NOISE * limit, expected_rank)
    if halves is None:
        return None
    within_basis = halves.right.reshape(-1)
    outside = max(0.0, norm**2 - inner_parts(within_basis, within_basis).real)
    chain = chain_of(halves, within(_PREPARATION / 2 * limit / qubits))
    del halves, within_basis
    return _smallest(chain, outside + chain.discarded, norm, max_infidelity)


def _smallest(chain: Chain, lost: float, norm: float, max_infidelity: float) -> tuple[MatrixProduct, float] | None:
    """Makes a product smaller within the limit. Returns the product and the bound of its infidelity."""
    is_large = sum(tensor.nbytes for tensor in chain.tensors) >= _ROUNDED_BYTES
    share = _BONDS_SHARE**2 if is_large else 1.0
    left = share * (max_infidelity - _PRECISION) * norm**2 - lost
    if left <= 0:
        return None
    ranks = chosen_ranks(chain.coefficients, left)
    smaller = shortened(chain.tensors, lambda cut, _values: ranks[cut - 1])
    lost += smaller.discarded
    even = balanced([smaller.tensors[0] / norm, *smaller.tensors[1:]])
    tensors = even.tensors
    distance = math.sqrt(lost / norm**2 + _PRECISION)
    if is_large:
        dropped = rounded(even, math.sqrt(max_infidelity) - distance)
        if dropped is not None:
            distance += distance_of(tensors, dropped)
            tensors = dropped
    return MatrixProduct((_scaled(tensors, even.tensors, norm), *tensors[1:])), distance**2


def _scaled(tensors: list[Tensor], original: list[Tensor], norm: float) -> Tensor:
    """Returns the first tensor, multiplied by what gives the product the norm of the state and its global phase."""
    own = float(environments(tensors, tensors)[-1][0, 0].real)
    overlap = environments(tensors, original)[-1][0, 0]
    scaled: Tensor = tensors[0] * (norm / math.sqrt(own) * overlap / abs(overlap))
    return scaled
