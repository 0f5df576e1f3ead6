"""Expectation values of Pauli operators in stored vectors.

With masks ``x`` and ``z`` of bits a Pauli operator is ``P = (-i)**(phase + y) Z^z X^x``, ``y = popcount(x & z)``, and

    <psi|P|psi> = (-i)**phase * (-1)**(y // 2 + y) * W,   W = sum over j of (-1)**popcount(z & j) * part(T_j),
    T_j = conj(psi[j ^ x]) * psi[j],   part = Re for even y, Im for odd y.

The terms ``j`` and ``j ^ x`` are conjugates up to the sign ``(-1)**y``. All operators with one ``x`` share ``T``, and
the sums over ``z`` are values of one Walsh-Hadamard transform (`signed_sums`). The high bits of ``x`` relate each block
of the vector to another block. Blocks are read in sets that are closed under several such masks (`subspaces`), so that
one pass over the vector serves all operators whose high bits lie in one subspace.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.pauli import PauliSum
from aerchive.states.qubits import Blocks
from aerchive.states.signed_sums import SignedSums
from aerchive.states.subspaces import Subspace, covering
from aerchive.states.sums import Total, squares
from aerchive.states.workers import Workers


class PauliExpectations:
    """Computes ``<psi|P|psi>`` for Pauli operators ``P`` without their coefficients, for any number of vectors.

    Args:
        paulis: The operators; their number is ``k``.
        low: The number of qubits within a block of a vector.
    """

    def __init__(self, paulis: PauliSum, low: int) -> None:
        num_y = paulis.num_y
        self._signs = y_signs(num_y)
        self._groups = [
            _Group(int(x), low, np.flatnonzero(chosen), paulis.z[chosen], bool(odd))
            for x, odd in sorted(set(zip(paulis.x.tolist(), (num_y % 2).tolist(), strict=True)))
            if (chosen := (paulis.x == x) & (num_y % 2 == odd)).any()
        ]

    def of_blocks(self, blocks: Blocks, workers: Workers) -> NDArray[np.float64]:
        """Returns the expectation values in a vector in blocks, shape ``(k,)``.

        A vector that fits into the memory budget of the workers is read once.
        """
        values = np.zeros(len(self._signs))
        waiting = self._groups
        budget = workers.budget // blocks.nbytes
        some = budget if blocks.number <= budget else budget // (workers.number + 1)
        dimensions = max(1, some.bit_length() - 1)
        for space, masks in covering([group.x_high for group in waiting if group.x_high] or [0], dimensions):
            served = [group for group in waiting if not group.x_high or group.x_high in masks]
            waiting = [group for group in waiting if group not in served]
            _one_pass(blocks, space, served, values, workers)
        return values * self._signs

    def of_vectors(self, vectors: NDArray[np.complex128]) -> NDArray[np.float64]:
        """Returns the expectation values in vectors of one block each.

        Args:
            vectors: The vectors, shape ``(vectors, 2**low)``, contiguous.

        Returns:
            The expectation values, shape ``(vectors, k)``.
        """
        values = np.empty((len(vectors), len(self._signs)))
        for group in self._groups:
            values[:, group.where] = group.sums(0, vectors, vectors)
        return values * self._signs


def pauli_expectations(blocks: Blocks, paulis: PauliSum, workers: Workers) -> NDArray[np.float64]:
    """Returns ``<psi|P|psi>`` for each Pauli operator ``P`` without its coefficient; see `PauliExpectations`."""
    return PauliExpectations(paulis, blocks.low).of_blocks(blocks, workers)


def y_signs(num_y: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the signs ``(-1)**(y // 2 + y)`` for the numbers ``y`` of Y factors."""
    return np.where((num_y // 2 + num_y) & 1, -1.0, 1.0)


class _Group:
    """Operators with the same mask ``x`` and with numbers of Y factors that are all even or all odd.

    Args:
        x: The common mask.
        low: The number of qubits within a block.
        where: The indices of these operators among all operators.
        z: The masks ``z`` of the operators.
        is_odd: Whether the number of Y factors is odd.
    """

    def __init__(self, x: int, low: int, where: NDArray[Any], z: NDArray[np.int64], is_odd: bool) -> None:
        self.x_high = x >> low
        self.where = where
        self._is_odd = is_odd
        self._is_diagonal = x == 0
        x_low, z_low = x & ((1 << low) - 1), z & ((1 << low) - 1)
        self._z_high = z >> low
        if x_low and not self.x_high:  # partners are in the same block, so one of each pair is enough
            pivot = x_low.bit_length() - 1
            self._partners = _Partners(x_low, low, pivot)
            below = (1 << pivot) - 1
            self._sums = SignedSums(z_low & below | z_low >> pivot + 1 << pivot, low - 1)
        else:
            self._partners = _Partners(x_low, low, None)
            self._sums = SignedSums(z_low, low)

    def sums(self, block: int, one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
        """Returns the contribution of a block and the block of its partners to each sum ``W``.

        Args:
            block: The number of the block.
            one: The amplitudes of the block, shape ``(..., 2**low)``.
            other: The amplitudes of the block of its partners, which may be the same block.
        """
        signs = np.where(np.bitwise_count(self._z_high & block) & 1, -1.0, 1.0)
        if self._is_diagonal:
            return signs * self._sums(squares(one))
        psi, partner = self._partners.first(one), self._partners.second(other)
        if self._is_odd:
            part = partner.real * psi.imag
            part -= partner.imag * psi.real
        else:
            part = partner.real * psi.real
            part += partner.imag * psi.imag
        return 2.0 * signs * self._sums(part.reshape(*one.shape[:-1], -1))


class _Partners:
    """Gives the amplitudes ``i`` of a block and the amplitudes ``i ^ mask`` of a block as views of the same shape.

    The second view is reversed along runs of set bits of the mask.

    Args:
        mask: The mask.
        bits: The number of bits of an index.
        pivot: A set bit of the mask that is zero in the first view and one in the second, so that each pair occurs
            once. ``None``: all indices occur.
    """

    def __init__(self, mask: int, bits: int, pivot: int | None) -> None:
        self._shape: list[int] = []
        self._first: list[int | slice] = []
        self._second: list[int | slice] = []
        last = None
        for bit in range(bits - 1, -1, -1):
            kind = "pivot" if bit == pivot else mask >> bit & 1
            if kind == last:
                self._shape[-1] *= 2
                continue
            last = kind
            self._shape.append(2)
            self._first.append(0 if kind == "pivot" else slice(None))
            self._second.append(1 if kind == "pivot" else slice(None, None, -1 if kind else 1))

    def first(self, block: NDArray[Any]) -> NDArray[Any]:
        """Returns the amplitudes ``i``, as a view."""
        view: NDArray[Any] = block.reshape((*block.shape[:-1], *self._shape))[(..., *self._first)]
        return view

    def second(self, block: NDArray[Any]) -> NDArray[Any]:
        """Returns the amplitudes ``i ^ mask``, as a view."""
        view: NDArray[Any] = block.reshape((*block.shape[:-1], *self._shape))[(..., *self._second)]
        return view


def _one_pass(
    blocks: Blocks, space: Subspace, groups: list[_Group], values: NDArray[np.float64], workers: Workers
) -> None:
    totals = [Total((len(group.where),)) for group in groups]

    def together(numbers: tuple[int, ...]) -> list[NDArray[np.float64] | float]:
        found = {number: block for number in numbers if (block := blocks.read(number)) is not None}
        sums: list[NDArray[np.float64] | float] = [0.0] * len(groups)
        for at, group in enumerate(groups):
            for number, block in found.items():
                other = number ^ group.x_high
                if other >= number and other in found:
                    sums[at] = sums[at] + group.sums(number, block, found[other])
        return sums

    tasks = space.cosets(blocks.number)
    for sums in workers.map(together, tasks, nbytes=len(space.members) * blocks.nbytes):
        for total, part in zip(totals, sums, strict=True):
            total.add(np.asarray(part))
    for group, total in zip(groups, totals, strict=True):
        values[group.where] = total.value
