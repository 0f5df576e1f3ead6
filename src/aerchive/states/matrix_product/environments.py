"""Contractions of two matrix products, qubit by qubit.

The environment of the first qubits is the matrix ``E[a, b]`` of the inner products of the vectors that the first
tensors of two products give for bond ``a`` of the one, conjugated, and bond ``b`` of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.matrix_product.canonical import mirrored
from aerchive.states.matrix_product.tensors import Tensor


def extended(environment: NDArray[Any], bra: Tensor, ket: Tensor, matrix: NDArray[Any] | None = None) -> NDArray[Any]:
    """Returns the environment with one qubit more.

    Args:
        environment: The environment so far, shape ``(left of bra, left of ket)``.
        bra: The tensor of the product that is conjugated.
        ket: The tensor of the other product.
        matrix: An operator on the qubit, shape ``(2, 2)``. ``None``: the identity.
    """
    found = (environment @ ket.reshape(len(ket), -1)).reshape(-1, 2, ket.shape[2])
    if matrix is not None:
        found = matrix @ found
    longer: NDArray[Any] = bra.reshape(-1, bra.shape[2]).conj().T @ found.reshape(-1, ket.shape[2])
    return longer


def environments(bra: Sequence[Tensor], ket: Sequence[Tensor]) -> list[NDArray[Any]]:
    """Returns the environments of the first ``0, 1, ..., n`` qubits of two products."""
    found: list[NDArray[Any]] = [np.ones((1, 1))]
    for one, other in zip(bra, ket, strict=True):
        found.append(extended(found[-1], one, other))
    return found


def environments_behind(tensors: Sequence[Tensor]) -> list[NDArray[Any]]:
    """Returns the environments of the qubits that follow the first ``0, 1, ..., n`` qubits of a product with itself."""
    turned = mirrored(tensors)
    return environments(turned, turned)[::-1]
