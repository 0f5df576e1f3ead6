"""Reduced density matrices of stored vectors.

With values ``a``, ``b`` of the kept qubits and ``e`` of the other qubits,
``rho[a, b] = sum over e of psi[a, e] * conj(psi[b, e])``. If some kept qubits are high qubits, which number the blocks,
then for each value of the other high qubits the blocks of all values of the kept high qubits are combined. If these
blocks do not fit into memory, some of them, a tile, are held while the others are read, once for each tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.states.qubits import Blocks
from aerchive.states.source import cut
from aerchive.states.sums import Total
from aerchive.states.workers import Workers

MAX_QUBITS = 12
"""The greatest number of qubits that can be kept. Their density matrix has 256 MiB."""
_CARRIED = 8
"""Up to this number of qubits the errors of additions are corrected. With more qubits each sum has few terms."""
_AT_ONCE = 4
"""The number of blocks, a power of two, that are multiplied with a tile at once, to read the tile less often."""


def reduced_density_matrix(blocks: Blocks, qargs: Sequence[int], workers: Workers) -> NDArray[np.complex128]:
    """Returns the density matrix of some qubits of a vector.

    Args:
        blocks: The vector, in blocks.
        qargs: The indices of the qubits that stay, in any order. Bit ``j`` of an index of the matrix belongs to qubit
            ``qargs[j]``.
        workers: The threads that do the work.

    Returns:
        The density matrix, shape ``(2**len(qargs), 2**len(qargs))``, dtype complex128.

    Raises:
        InvalidInputError: More than `MAX_QUBITS` qubits stay.
    """
    check_size(qargs)
    within = sorted(qubit for qubit in qargs if qubit < blocks.low)
    among = sorted(qubit - blocks.low for qubit in qargs if qubit >= blocks.low)
    kept = spread(among)
    bases = spread([bit for bit in range(blocks.num_qubits - blocks.low) if bit not in among])
    size = 1 << len(within)
    total = Total((len(kept), size, len(kept), size), np.complex128, is_exact=len(qargs) <= _CARRIED)

    def rows(base: int, numbers: Sequence[int]) -> NDArray[Any] | None:
        """Returns the combined blocks as one matrix: kept qubits by other qubits; ``None`` if all blocks are zero."""
        found = [blocks.read(base | kept[number]) for number in numbers]
        if all(block is None for block in found):
            return None
        parts = np.zeros((len(found), size, blocks.length // size), np.complex128)
        for part, block in zip(parts, found, strict=True):
            if block is not None:
                part[...] = _kept_first(block, within, blocks.low)
        return parts.reshape(len(found) * size, -1)

    def together(base: int) -> NDArray[Any] | None:
        left = rows(base, range(len(kept)))
        return None if left is None else left @ left.conj().T

    if len(kept) * blocks.nbytes * workers.number <= workers.budget:
        nbytes = 3 * len(kept) * blocks.nbytes + 16 * (len(kept) * size) ** 2
        for product in workers.map(together, bases, nbytes=nbytes):
            if product is not None:
                total.add(product.reshape(len(kept), size, len(kept), size))
        return in_order_of(total.value.reshape(len(kept) * size, -1), qargs)

    for base in bases:
        for tile in cut(len(kept), max(1, workers.budget // 2 // blocks.nbytes // _AT_ONCE) * _AT_ONCE):
            left = rows(base, range(tile.start, tile.stop))
            if left is None:
                continue
            np.conjugate(left, out=left)

            def against(part: slice, base: int = base, left: NDArray[Any] = left) -> NDArray[Any] | None:
                right = rows(base, range(part.start, part.stop))
                return None if right is None else right @ left.T

            parts = cut(len(kept), _AT_ONCE)[tile.start // _AT_ONCE :]
            nbytes = _AT_ONCE * (3 * blocks.nbytes + 16 * len(left) * size)
            for part, product in zip(parts, workers.map(against, parts, nbytes=nbytes), strict=True):
                if product is not None:
                    matrix = product.reshape(part.stop - part.start, size, -1, size)
                    total.add(matrix, (part, slice(None), tile))
                    if part.start >= tile.stop:
                        total.add(matrix.conj().transpose(2, 3, 0, 1), (tile, slice(None), part))
    return in_order_of(total.value.reshape(len(kept) * size, -1), qargs)


def reduced_from_memory(vector: NDArray[Any], qargs: Sequence[int]) -> NDArray[np.complex128]:
    """Returns what `reduced_density_matrix` returns, for a vector in memory, without threads.

    Args:
        vector: The amplitudes, shape ``(2**num_qubits,)``.
        qargs: As for `reduced_density_matrix`.
    """
    rows = _kept_first(vector.astype(np.complex128, copy=False), sorted(qargs), vector.size.bit_length() - 1)
    return in_order_of(rows @ rows.conj().T, qargs)


def check_size(qargs: Sequence[int]) -> None:
    """Refuses density matrices that are too large for memory.

    Raises:
        InvalidInputError: More than `MAX_QUBITS` qubits.
    """
    if len(qargs) > MAX_QUBITS:
        raise InvalidInputError(
            f"the density matrix of {len(qargs)} qubits has {16 * 4 ** len(qargs) / 2**30:,.0f} GiB; "
            f"keep at most {MAX_QUBITS} qubits"
        )


def spread(bits: Sequence[int]) -> list[int]:
    """Returns all numbers whose set bits are among the given bits, in ascending order.

    Args:
        bits: The positions of the bits, in ascending order.
    """
    numbers = [0]
    for bit in bits:
        numbers += [number | 1 << bit for number in numbers]
    return numbers


def in_order_of(rho: NDArray[Any], qargs: Sequence[int]) -> NDArray[Any]:
    """Reorders the qubits of a density matrix from ascending order to the order of ``qargs``."""
    ranks = [sorted(qargs).index(qubit) for qubit in qargs]
    count = len(ranks)
    axes = [count - 1 - rank for rank in reversed(ranks)]
    tensor = rho.reshape((2,) * (2 * count)).transpose([*axes, *(count + axis for axis in axes)])
    return np.ascontiguousarray(tensor.reshape(rho.shape))


def _kept_first(block: NDArray[Any], within: list[int], low: int) -> NDArray[Any]:
    """Returns a block as a matrix whose rows belong to the kept qubits and whose columns to the other qubits."""
    kept = [low - 1 - qubit for qubit in reversed(within)]
    rest = [axis for axis in range(low) if axis not in kept]
    return block.reshape((2,) * low).transpose([*kept, *rest]).reshape(1 << len(kept), -1)
