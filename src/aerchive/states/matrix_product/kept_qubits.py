"""Marginal probabilities and reduced density matrices of matrix products.

The kept qubits are divided into a first and a second half. For each outcome of a half there is an environment of all
qubits of that half, in which the other qubits are summed over. The result for both outcomes is the sum of the products
of the elements of the two environments.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.matrix_product.canonical import mirrored
from aerchive.states.matrix_product.tensors import MatrixProduct, Tensor
from aerchive.states.reduced import check_size

_STACK_BYTES = 2**25
"""The greatest size of the environments that are extended or kept together: 32 MiB."""


def marginal(product: MatrixProduct, qubits: Sequence[int]) -> NDArray[np.float64]:
    """Returns the probabilities of the outcomes of a measurement of some qubits.

    Args:
        product: The state.
        qubits: The numbers of the measured qubits, in any order. Bit ``j`` of an outcome belongs to ``qubits[j]``.

    Returns:
        The probabilities, shape ``(2**len(qubits),)``. Rounding errors below zero are zero.
    """
    values = _combined(product, qubits, is_matrix=False).real.reshape((2,) * len(qubits))
    ordered = values.transpose(_axes(qubits)).reshape(-1)
    return np.asarray(np.maximum(ordered, 0.0), np.float64)


def reduced_density_matrix(product: MatrixProduct, qubits: Sequence[int]) -> NDArray[np.complex128]:
    """Returns the density matrix of some qubits.

    Args:
        product: The state.
        qubits: The numbers of the qubits that stay, in any order. Bit ``j`` of an index of the matrix belongs to
            ``qubits[j]``.

    Returns:
        The density matrix, shape ``(2**len(qubits), 2**len(qubits))``, dtype complex128.

    Raises:
        InvalidInputError: More than `aerchive.states.reduced.MAX_QUBITS` qubits stay.
    """
    check_size(qubits)
    count = len(qubits)
    values = _combined(product, qubits, is_matrix=True).reshape((2,) * (2 * count))
    axes = _axes(qubits)
    turned = values.transpose([*(2 * axis for axis in axes), *(2 * axis + 1 for axis in axes)])
    return np.asarray(turned.reshape(1 << count, 1 << count), np.complex128)


def _axes(qubits: Sequence[int]) -> list[int]:
    """Returns the order of the axes, which belong to the qubits in descending order, that an outcome needs."""
    descending = sorted(qubits, reverse=True)
    return [descending.index(qubit) for qubit in reversed(qubits)]


def _combined(product: MatrixProduct, qubits: Sequence[int], *, is_matrix: bool) -> NDArray[Any]:
    """Returns the values for all outcomes, with the highest qubit as the highest digit of the outcome."""
    width = product.num_qubits
    kept = sorted(width - 1 - qubit for qubit in qubits)
    base = 4 if is_matrix else 2
    after = len(kept) // 2
    while True:
        begin = kept[len(kept) - after - 1] + 1 if after < len(kept) else 0
        end = kept[len(kept) - after] if after else width
        split = min(range(begin, end + 1), key=lambda at: _bond(product, at))
        if not after or 16 * base**after * _bond(product, split) ** 2 <= _STACK_BYTES:
            break
        after -= 1
    is_kept = [position in kept for position in range(width)]
    behind = mirrored(product.tensors[split:])
    second = np.concatenate(list(_extended(behind, is_kept[split:][::-1], is_matrix=is_matrix)))
    second = _reversed_digits(second, base, after).reshape(len(second), -1).T
    first = _extended(product.tensors[:split], is_kept[:split], is_matrix=is_matrix)
    return np.concatenate([(some.reshape(len(some), -1) @ second).reshape(-1) for some in first])


def _bond(product: MatrixProduct, at: int) -> int:
    """Returns the size of the bond before the tensor at a position."""
    return product.tensors[at].shape[0] if at < product.num_qubits else 1


def _extended(tensors: Sequence[Tensor], is_kept: Sequence[bool], *, is_matrix: bool) -> Iterator[NDArray[Any]]:
    """Yields the environments of all outcomes in order, in stacks of shape ``(outcomes, bond, bond)``."""
    waiting: list[tuple[int, NDArray[Any]]] = [(0, np.ones((1, 1, 1)))]
    while waiting:
        at, stack = waiting.pop()
        if at == len(tensors):
            yield stack
            continue
        tensor = tensors[at]
        growth = (4 if is_matrix else 2) if is_kept[at] else 1
        if len(stack) > 1 and 16 * len(stack) * growth * tensor.shape[2] ** 2 > _STACK_BYTES:
            half = len(stack) // 2
            waiting += [(at, stack[half:]), (at, stack[:half])]
            continue
        waiting.append((at + 1, _longer(stack, tensor, is_kept=is_kept[at], is_matrix=is_matrix)))


def _longer(stack: NDArray[Any], tensor: Tensor, *, is_kept: bool, is_matrix: bool) -> NDArray[Any]:
    count, right = len(stack), tensor.shape[2]
    if not is_kept:
        bra = tensor.reshape(-1, right).conj().T
        summed: NDArray[Any] = bra @ (stack @ tensor.reshape(len(tensor), -1)).reshape(count, -1, right)
        return summed
    if not is_matrix:
        outcomes = [tensor[:, bit].conj().T @ (stack @ tensor[:, bit]) for bit in (0, 1)]
        return np.stack(outcomes, axis=1).reshape(-1, right, right)
    both = tensor.reshape(len(tensor), -1)
    found = (both.conj().T @ (stack @ both)).reshape(count, 2, right, 2, right)
    # the row of the matrix is the bit of the ket
    return np.asarray(found.transpose(0, 3, 1, 2, 4)).reshape(-1, right, right)


def _reversed_digits(stack: NDArray[Any], base: int, digits: int) -> NDArray[Any]:
    """Orders environments that were extended from the last qubit on as those of the other half."""
    shape = stack.shape
    axes = [*range(digits - 1, -1, -1), digits, digits + 1]
    return np.ascontiguousarray(stack.reshape((base,) * digits + shape[1:]).transpose(axes)).reshape(shape)
