"""Inner products, norms and differences of matrix products."""

from __future__ import annotations

import numpy as np

from aerchive.states.matrix_product.canonical import left_canonical
from aerchive.states.matrix_product.environments import environments
from aerchive.states.matrix_product.tensors import MatrixProduct


def norm(product: MatrixProduct) -> float:
    """Returns the Euclidean norm of a state."""
    _, rest = left_canonical(product.tensors)
    return abs(complex(rest[0, 0]))


def inner(a: MatrixProduct, b: MatrixProduct) -> complex:
    """Returns ``<a|b>`` of two states of the same number of qubits, tensor by tensor."""
    return complex(environments(a.tensors, b.tensors)[-1][0, 0])


def infidelity(a: MatrixProduct, b: MatrixProduct) -> float:
    """Returns ``1 - F`` of two states, without the loss of digits of a difference of two numbers near 1.

    With the normalised ``a`` as ``ψ``, the fidelity is ``F``, and ``1 - F = |ψ' - <b|ψ>/<b|b> b|²`` is the squared norm
    of a product of matrices of the size of both bonds together, which is computed by orthogonal transformations.
    """
    factor = inner(b, a) / norm(b) ** 2
    return min(1.0, (norm(difference(a, b, factor)) / norm(a)) ** 2)


def difference(a: MatrixProduct, b: MatrixProduct, factor: complex = 1.0) -> MatrixProduct:
    """Returns ``a - factor * b`` as a product whose bonds are the sums of the bonds of both."""
    n = a.num_qubits
    dtype = np.result_type(a.dtype, b.dtype, np.complex128 if complex(factor).imag else np.float64)
    factor = factor if dtype == np.complex128 else complex(factor).real
    tensors = []
    for position, (one, other) in enumerate(zip(a.tensors, b.tensors, strict=True)):
        is_first, is_last = position == 0, position == n - 1
        scaled = -factor * other if is_first else other
        shape = (
            1 if is_first else one.shape[0] + other.shape[0],
            2,
            1 if is_last else one.shape[2] + other.shape[2],
        )
        tensor = np.zeros(shape, dtype)
        tensor[: one.shape[0], :, : one.shape[2]] += one
        tensor[-other.shape[0] :, :, -other.shape[2] :] += scaled
        tensors.append(tensor)
    return MatrixProduct(tuple(tensors))
