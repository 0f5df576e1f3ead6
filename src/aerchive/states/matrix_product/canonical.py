"""Canonical forms of matrix products, and the Schmidt coefficients of their cuts.

In a right-canonical product the last tensors, as a map from the bond before them to the amplitudes, are an isometry. So
the squared norm of the row vector of the first qubits is the probability of their bits. See U. Schollwöck, *The
density-matrix renormalization group in the age of matrix product states*, Ann. Phys. 326, 96 (2011), section 4.4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.matrix_product.tensors import MatrixProduct, Tensor


def mirrored(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Returns the tensors in the opposite order, each transposed: the same state with the lowest qubit first."""
    return [tensor.transpose(2, 1, 0) for tensor in reversed(tensors)]


def left_canonical(tensors: Sequence[Tensor]) -> tuple[list[Tensor], NDArray[Any]]:
    """Makes the first tensors of a product an isometry, without changing the amplitudes.

    Args:
        tensors: The first tensors of a product. The last axis of the last of them may be longer than 1.

    Returns:
        The new tensors, and the matrix that follows them, shape ``(new right, right)``.
    """
    found: list[Tensor] = []
    rest: NDArray[Any] = np.ones((1, 1), tensors[0].dtype)
    for tensor in tensors:
        left, _, right = len(rest), 2, tensor.shape[2]
        isometry, rest = np.linalg.qr((rest @ tensor.reshape(tensor.shape[0], -1)).reshape(2 * left, right))
        found.append(isometry.reshape(left, 2, -1))
    return found, rest


def right_canonical(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Makes all tensors but the first an isometry, as a map from left to right, without changing the amplitudes."""
    found, rest = left_canonical(mirrored(tensors))
    found = mirrored(found)
    found[0] = np.tensordot(rest.T, found[0], 1)
    return found


def schmidt_coefficients(product: MatrixProduct, cut: int) -> NDArray[np.float64]:
    """Returns the Schmidt coefficients of a cut, in descending order.

    Args:
        product: The state.
        cut: The number of highest qubits on the one side of the cut, ``1`` to ``n - 1``.

    Returns:
        The coefficients, whose squares add up to the squared norm, shape ``(bond,)``.
    """
    _, left = left_canonical(product.tensors[:cut])
    _, right = left_canonical(mirrored(product.tensors[cut:]))
    found: NDArray[np.float64] = np.linalg.svd(left @ right.T, compute_uv=False)
    return found


def entropy(product: MatrixProduct, cut: int, base: float = 2) -> float:
    """Returns the entanglement entropy of a cut of the normalised state: the entropy of the reduced state of a side.

    Args:
        product: The state.
        cut: The number of highest qubits on the one side of the cut, ``1`` to ``n - 1``.
        base: The base of the logarithm: 2 for bits, ``math.e`` for nats.
    """
    weights = np.square(schmidt_coefficients(product, cut))
    weights = weights[weights > 0] / weights.sum()
    return max(0.0, -math.fsum(weights * np.log(weights)) / math.log(base))
