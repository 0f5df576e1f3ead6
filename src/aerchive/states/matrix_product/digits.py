"""The digits of the tensors that matter: the others become zero, so that the tensors compress well.

All elements become multiples of a power of two, the grid (see `aerchive.filters.rounding`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from aerchive.filters.rounding import to_grid
from aerchive.states.matrix_product.sweep import Chain
from aerchive.states.matrix_product.tensors import Tensor

_SMALLEST = 2.0**-60
"""A grid below this leaves all digits of most elements."""


def rounded(chain: Chain, distance: float) -> list[Tensor] | None:
    """Rounds the elements of a balanced product of norm 1.

    Args:
        chain: The product, from `aerchive.states.matrix_product.sweep.balanced`.
        distance: The greatest Euclidean distance of the rounded state from the state.

    Returns:
        The rounded tensors, or ``None`` if there is no grid that is worth it.
    """
    sums = [1.0, *(float(values.sum()) for values in chain.coefficients), 1.0]
    parts = 2 if np.iscomplexobj(chain.tensors[0]) else 1
    number = sum(2 * parts * left * right for left, right in itertools.pairwise(sums))
    grid = math.ldexp(1.0, math.frexp(distance * math.sqrt(12 / number))[1])  # errors are uniform within the grid
    while grid >= _SMALLEST:
        tensors = [_to_grid(tensor, grid) for tensor in chain.tensors]
        if distance_of(chain.tensors, tensors) <= distance:
            return tensors
        grid /= 2
    return None


def distance_of(tensors: Sequence[Tensor], changed: Sequence[Tensor]) -> float:
    """Returns the Euclidean distance of two products whose tensors have equal shapes and differ only a little.

    With ``A`` and ``A'`` the products of the first tensors, ``A' - A`` follows from the tensors before and the
    difference of the next tensors. So no digits are lost, as they would be in a difference of large products.
    """
    plain = apart = mixed = np.zeros((1, 1))
    plain = plain + 1.0
    for one, other in zip(tensors, changed, strict=True):
        step = other - one

        def joined(environment: Tensor, left: Tensor, right: Tensor) -> Tensor:
            longer = (environment @ right.reshape(len(right), -1)).reshape(-1, right.shape[2])
            product: Tensor = left.reshape(-1, left.shape[2]).conj().T @ longer
            return product

        # with A' the changed vectors and D the difference: A'⁺A', A'⁺D and D⁺D, where the next D is D·one + A'·step
        crossed = joined(mixed, step, one)
        apart = joined(apart, one, one) + crossed + crossed.conj().T + joined(plain, step, step)
        mixed = joined(mixed, other, one) + joined(plain, other, step)
        plain = joined(plain, other, other)
    return math.sqrt(max(0.0, float(apart[0, 0].real)))


def _to_grid(tensor: Tensor, grid: float) -> Tensor:
    whole = np.ascontiguousarray(tensor)
    return to_grid(whole.view(np.float64), grid).view(whole.dtype)
