"""Measurement probabilities of stored vectors, for all qubits or for some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.qubits import Blocks
from aerchive.states.source import Source, cut
from aerchive.states.sums import Total, squares
from aerchive.states.workers import Workers

_CARRIED = 2**20
"""Up to this number of probabilities the errors of additions are corrected. Larger results have few terms each."""


def all_probabilities(vector: Source, workers: Workers) -> NDArray[np.float64]:
    """Returns the probability of each basis state, shape ``(length,)``."""
    probabilities = np.zeros(vector.shape[0])

    def fill(piece: slice) -> None:
        amplitudes = vector.read(piece)
        if amplitudes is not None:
            probabilities[piece] = squares(amplitudes)

    for _ in workers.map(fill, cut(vector.shape[0], vector.chunk[0])):
        pass
    return probabilities


def nonzero_probabilities(vector: Source, workers: Workers) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Returns the indices and probabilities of the basis states whose probability is not zero."""

    def part(piece: slice) -> tuple[NDArray[Any], NDArray[Any]]:
        amplitudes = vector.read(piece)
        probabilities = np.empty(0) if amplitudes is None else squares(amplitudes)
        (found,) = probabilities.nonzero()
        return found + piece.start, probabilities[found]

    parts = list(workers.map(part, cut(vector.shape[0], vector.chunk[0])))
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def marginal(blocks: Blocks, qargs: Sequence[int], workers: Workers) -> NDArray[np.float64]:
    """Returns the probabilities of the outcomes of a measurement of some qubits.

    Args:
        blocks: The vector, in blocks.
        qargs: The indices of the measured qubits, in any order. Bit ``j`` of an outcome belongs to qubit ``qargs[j]``.
        workers: The threads that do the work.

    Returns:
        The probabilities, shape ``(2**len(qargs),)``.
    """
    within = [bit for bit, qubit in enumerate(qargs) if qubit < blocks.low]
    among = [bit for bit, qubit in enumerate(qargs) if qubit >= blocks.low]
    inside = [qargs[bit] for bit in within]
    total = Total((2,) * len(qargs), is_exact=2 ** len(qargs) <= _CARRIED)

    def share(block: int) -> tuple[tuple[Any, ...], NDArray[np.float64]] | None:
        amplitudes = blocks.read(block)
        if amplitudes is None:
            return None
        part = outcomes_of(squares(amplitudes), inside).reshape((2,) * len(inside))
        where: list[Any] = [slice(None)] * len(qargs)
        for bit in among:
            where[len(qargs) - 1 - bit] = (block >> (qargs[bit] - blocks.low)) & 1
        return tuple(where), part

    for found in workers.map(share, range(blocks.number), nbytes=2 * blocks.nbytes):
        if found is not None:
            where, part = found
            total.add(part, where)
    return total.value.reshape(-1)


def outcomes_of(probabilities: NDArray[np.float64], qargs: Sequence[int]) -> NDArray[np.float64]:
    """Sums probabilities in memory over all qubits that are not in ``qargs``. The order is that of `marginal`."""
    ranks = sorted(qargs, reverse=True)
    part = summed(probabilities, set(qargs)).reshape((2,) * len(qargs))
    return part.transpose([ranks.index(qubit) for qubit in reversed(qargs)]).reshape(-1)


def summed(values: NDArray[np.float64], kept: set[int]) -> NDArray[np.float64]:
    """Sums a vector, whose indices have ``n`` bits, over all bits except some.

    For each bit, the highest first, one half is added to the other. This is pairwise summation, mostly on contiguous
    memory.

    Args:
        values: The vector, shape ``(2**n,)``.
        kept: The bits that stay. Their order is not changed.
    """
    bits = values.size.bit_length() - 1
    rows = values.reshape(1, -1)  # axes: the kept bits so far, and all lower bits
    for bit in range(bits - 1, -1, -1):
        halves = rows.reshape(len(rows), 2, -1)
        rows = halves.reshape(2 * len(rows), -1) if bit in kept else halves[:, 0] + halves[:, 1]
    return rows.reshape(-1)


def ones_of(weights: NDArray[np.float64], start: int, bits: int) -> NDArray[np.float64]:
    """Sums the probabilities of consecutive basis states of which a qubit is 1.

    Args:
        weights: The probabilities; their number is a power of two.
        start: The index of the first basis state, a multiple of that number.
        bits: The number of qubits.

    Returns:
        The sum for each qubit, then the sum of all, shape ``(bits + 1,)``.
    """
    found = np.zeros(bits + 1)
    with np.errstate(all="ignore"):
        for bit in range(len(weights).bit_length() - 2, -1, -1):
            lower, upper = weights[: 1 << bit], weights[1 << bit :]
            found[bit] = upper.sum()
            weights = lower + upper
    found[-1] = weights[0]
    for bit in range(bits):
        if start >> bit & 1:
            found[bit] = weights[0]
    return found
