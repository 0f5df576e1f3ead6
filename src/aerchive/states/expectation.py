"""Expectation values of Pauli operators in stored vectors.

With masks ``x`` and ``z`` of bits a Pauli operator is ``P = (-i)**(phase + y) Z^z X^x``, ``y = popcount(x & z)``, and

    <psi|P|psi> = (-i)**phase * (-1)**(y // 2 + y) * W,   W = sum over j of (-1)**popcount(z & j) * part(T_j),
    T_j = conj(psi[j ^ x]) * psi[j],   part = Re for even y, Im for odd y:

the terms ``j`` and ``j ^ x`` are conjugates up to the sign ``(-1)**y``. All terms with one ``x`` share ``T``, and
the sums over ``z`` are values of one Walsh-Hadamard transform (`signed_sums`). The high bits of ``x`` join a block of
the vector to another; blocks are read in sets that are closed under several such masks (`subspaces`), so that one pass
over the vector serves all operators whose high bits lie in one subspace.
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


def pauli_expectations(blocks: Blocks, paulis: PauliSum, workers: Workers) -> NDArray[np.float64]:
    """``<psi|P|psi>`` of each Pauli operator without its coefficient.

    Args:
        blocks: The vector.
        paulis: The operators.
        workers: Do the work.

    Returns:
        Shape ``(k,)``.
    """
    num_y = paulis.num_y
    groups = [
        _Group(int(x), blocks.low, np.flatnonzero(chosen), paulis.z[chosen], bool(odd))
        for x, odd in sorted(set(zip(paulis.x.tolist(), (num_y % 2).tolist(), strict=True)))
        if (chosen := (paulis.x == x) & (num_y % 2 == odd)).any()
    ]
    values = np.zeros(len(paulis))
    waiting = groups
    dimensions = max(1, (workers.budget // blocks.nbytes // (workers.number + 1)).bit_length() - 1)
    for space, masks in covering([group.x_high for group in groups if group.x_high] or [0], dimensions):
        served = [group for group in waiting if not group.x_high or group.x_high in masks]
        waiting = [group for group in waiting if group not in served]
        _one_pass(blocks, space, served, values, workers)
    return values * y_signs(num_y)


def y_signs(num_y: NDArray[np.int64]) -> NDArray[np.float64]:
    """``(-1)**(y // 2 + y)``."""
    return np.where((num_y // 2 + num_y) & 1, -1.0, 1.0)


class _Group:
    """Operators with one mask x, and all with an even or all with an odd number of Y.

    Args:
        x: The mask.
        low: Qubits within a block.
        where: Which of the operators they are.
        z: Their other masks.
        is_odd: Whether their number of Y is odd.
    """

    def __init__(self, x: int, low: int, where: NDArray[Any], z: NDArray[np.int64], is_odd: bool) -> None:
        inside = (1 << low) - 1
        self.x_high = x >> low
        self.where = where
        self._flip = _Flip(x & inside, low)
        self._z_high = z >> low
        self._sums = SignedSums(z & inside, low)
        self._is_odd = is_odd

    def sums(self, block: int, one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
        """What a block, joined with the block of its partners, adds to each of ``W``."""
        signs = np.where(np.bitwise_count(self._z_high & block) & 1, -1.0, 1.0)
        if one is other and self._flip.is_nothing:
            # Im is zero, and y is zero with x.
            return signs * self._sums(squares(one))
        shaped, partner = self._flip.shaped(one), self._flip(other)
        if self._is_odd:
            part = partner.real * shaped.imag
            part -= partner.imag * shaped.real
        else:
            part = partner.real * shaped.real
            part += partner.imag * shaped.imag
        return signs * self._sums(part.reshape(-1))


class _Flip:
    """A block with the index ``i ^ mask`` in the place of ``i``: along runs of set bits, a view backward."""

    def __init__(self, mask: int, bits: int) -> None:
        self.is_nothing = mask == 0
        self._shape: list[int] = []
        self._key: list[slice] = []
        last = None
        for bit in range(bits - 1, -1, -1):
            is_set = mask >> bit & 1
            if is_set == last:
                self._shape[-1] *= 2
            else:
                self._shape.append(2)
                self._key.append(slice(None, None, -1 if is_set else 1))
            last = is_set

    def shaped(self, block: NDArray[Any]) -> NDArray[Any]:
        """The block as it is, in the shape that the flipped one has."""
        return block.reshape(self._shape)

    def __call__(self, block: NDArray[Any]) -> NDArray[Any]:
        """The flipped block."""
        return block.reshape(self._shape)[tuple(self._key)]


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
                    twice = 2.0 if other > number else 1.0
                    sums[at] = sums[at] + twice * group.sums(number, block, found[other])
        return sums

    tasks = space.cosets(blocks.number)
    for sums in workers.map(together, tasks, nbytes=len(space.members) * blocks.nbytes):
        for total, part in zip(totals, sums, strict=True):
            total.add(np.asarray(part))
    for group, total in zip(groups, totals, strict=True):
        values[group.where] = total.value
