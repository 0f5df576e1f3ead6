"""A saved state vector that is stored as a product of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.inner import Overlap
from aerchive.states.matrix_product.expand import Expansion, amplitudes
from aerchive.states.matrix_product.inner import inner, norm
from aerchive.states.matrix_product.kept_qubits import marginal, reduced_density_matrix
from aerchive.states.matrix_product.pauli_values import pauli_expectations
from aerchive.states.matrix_product.sampling import sample
from aerchive.states.matrix_product.tensors import MatrixProduct
from aerchive.states.matrix_product.top import largest
from aerchive.states.pauli import PauliSum
from aerchive.states.source import Source
from aerchive.states.workers import Workers
from aerchive.stored.open_array import ComposedArray
from aerchive.stored.picks import computed
from aerchive.stored.state import StoredState


class StoredProductState(StoredState):
    """A statevector that is stored as a product of matrices, certified to be close to the one that was saved.

    It has all methods of `StoredState`. Single amplitudes, the most probable outcomes, probabilities of some qubits,
    samples, expectation values of Pauli operators, reduced density matrices, and inner products and fidelities with
    other such states are computed from the matrices, in a time that does not grow with ``2**num_qubits``. What else is
    asked for is computed from the amplitudes, which are made piece by piece.
    """

    @property
    def bonds(self) -> tuple[int, ...]:
        """The bond dimensions: the sizes of the matrices between neighbouring qubits, the two highest qubits first.

        U. Schollwöck, *Annals of Physics* 326 (2011) 96, explains them.
        """
        return self._product().bonds

    def tensors(self) -> tuple[NDArray[Any], ...]:
        """The matrices of each qubit, the highest qubit first.

        Returns:
            An array for each qubit, shape ``(left, 2, right)``, dtype complex128, or float64 for a real state. The
            amplitude of a basis state is the product of the matrices ``[:, bit, :]`` of all qubits, in this order.
        """
        return self._product().tensors

    # -- parts

    def _product(self) -> MatrixProduct:
        with self.opened() as source:
            return _product_of(source)

    def _picked(self, key: object) -> NDArray[Any]:
        product = self._product()
        return computed(key, (self.dim,), lambda indices: amplitudes(product, indices))

    def _largest(
        self, source: Source, count: int, workers: Workers
    ) -> tuple[NDArray[np.int64], NDArray[np.complex128]]:
        return largest(_product_of(source), count, workers)

    def _square_norm(self, source: Source, workers: Workers) -> float:
        return norm(_product_of(source)) ** 2

    def _inner(self, source: Source, other: Source, workers: Workers) -> complex:
        if _is_product(other):
            return inner(_product_of(source), _product_of(other))
        return super()._inner(source, other, workers)

    def _overlap(self, source: Source, other: Source, workers: Workers) -> Overlap:
        if not _is_product(other):
            return super()._overlap(source, other, workers)
        one, two = _product_of(source), _product_of(other)
        return Overlap(inner(one, two), norm(one) ** 2, norm(two) ** 2)

    def _probabilities(self, source: Source, qargs: Sequence[int] | None, workers: Workers) -> NDArray[np.float64]:
        if qargs is None:
            return super()._probabilities(source, qargs, workers)
        return marginal(_product_of(source), qargs)

    def _outcomes(self, shots: int, qubits: list[int], rng: np.random.Generator) -> NDArray[np.int64]:
        return sample(self._product(), shots, rng, qubits)

    def _reduced(self, qubits: list[int], what: str) -> NDArray[np.complex128]:
        return reduced_density_matrix(self._product(), qubits)

    def _pauli_values(self, paulis: PauliSum) -> NDArray[np.float64]:
        return pauli_expectations(self._product(), paulis)


def _is_product(source: Source) -> bool:
    return isinstance(source, ComposedArray) and isinstance(source.source, Expansion)


def _product_of(source: Source) -> MatrixProduct:
    """The matrices of an open state."""
    assert isinstance(source, ComposedArray)  # noqa: S101  (its location says so)
    assert isinstance(source.source, Expansion)  # noqa: S101
    return source.source.product
