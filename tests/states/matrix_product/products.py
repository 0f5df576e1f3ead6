"""Matrix products and states that are made for the tests."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
from qiskit.quantum_info import Statevector

from aerchive.states.matrix_product.tensors import MatrixProduct
from tests.benchmarks.state_families import make, particles


def random_product(rng: np.random.Generator, qubits: int, bond: int, *, is_real: bool = False) -> MatrixProduct:
    """A product of norm 1 whose bonds are as large as given, and not larger than the cut needs."""
    sizes = [min(bond, 2**cut, 2 ** (qubits - cut)) for cut in range(qubits + 1)]
    tensors = []
    for left, right in itertools.pairwise(sizes):
        tensor = rng.normal(size=(left, 2, right))
        tensors.append(tensor if is_real else tensor + 1j * rng.normal(size=tensor.shape))
    tensors[0] = tensors[0] / np.linalg.norm(dense(MatrixProduct(tuple(tensors))))
    return MatrixProduct(tuple(tensors))


def dense(product: MatrixProduct) -> np.ndarray:
    """The amplitudes, one matrix after the other as the definition says."""
    vectors = np.ones((1, 1))
    for tensor in product.tensors:
        vectors = np.einsum("ja,abc->jbc", vectors, tensor).reshape(-1, tensor.shape[2])
    return vectors[:, 0].astype(complex)


def true_infidelity(a: np.ndarray, b: np.ndarray) -> float:
    """``1 - F`` in the precision of long doubles, from the part of one state that is orthogonal to the other."""
    a, b = a.astype(np.clongdouble), b.astype(np.clongdouble)
    apart = a - b * (np.sum(b.conj() * a) / np.sum(np.abs(b) ** 2))
    return float(np.sum(np.abs(apart) ** 2) / np.sum(np.abs(a) ** 2))


@cache
def family(name: str, qubits: int) -> np.ndarray:
    """A state of a family that storage is measured on, from Aer; ``few-particles`` is made by Qiskit."""
    if name == "few-particles":
        state = Statevector(particles(qubits, 2, 5, exact=True)).data
    else:
        state = make(name, qubits).reshape(-1, order="A")
    state.setflags(write=False)
    return state
