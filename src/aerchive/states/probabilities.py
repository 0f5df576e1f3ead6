"""Measurement probabilities of stored vectors, all or summed over the qubits nobody asked for."""

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
"""Up to so many probabilities the errors of the additions are carried along; beyond, each has few terms."""


def all_probabilities(vector: Source, workers: Workers) -> NDArray[np.float64]:
    """The probability of each basis state, shape ``(length,)``."""
    probabilities = np.zeros(vector.shape[0])

    def fill(piece: slice) -> None:
        amplitudes = vector.read(piece)
        if amplitudes is not None:
            probabilities[piece] = squares(amplitudes)

    for _ in workers.map(fill, cut(vector.shape[0], vector.chunk[0])):
        pass
    return probabilities


def nonzero_probabilities(vector: Source, workers: Workers) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Indices and probabilities of the basis states that have one."""

    def part(piece: slice) -> tuple[NDArray[Any], NDArray[Any]]:
        amplitudes = vector.read(piece)
        probabilities = np.empty(0) if amplitudes is None else squares(amplitudes)
        (found,) = probabilities.nonzero()
        return found + piece.start, probabilities[found]

    parts = list(workers.map(part, cut(vector.shape[0], vector.chunk[0])))
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def marginal(blocks: Blocks, qargs: Sequence[int], workers: Workers) -> NDArray[np.float64]:
    """The probabilities of outcomes on some qubits.

    Args:
        blocks: The vector.
        qargs: The qubits, in any order; bit ``j`` of an outcome is qubit ``qargs[j]``.
        workers: Do the work.

    Returns:
        Shape ``(2**len(qargs),)``.
    """
    within = [place for place, qubit in enumerate(qargs) if qubit < blocks.low]
    among = [place for place, qubit in enumerate(qargs) if qubit >= blocks.low]
    inside = [qargs[place] for place in within]
    total = Total((2,) * len(qargs), is_exact=2 ** len(qargs) <= _CARRIED)

    def share(block: int) -> tuple[tuple[Any, ...], NDArray[np.float64]] | None:
        amplitudes = blocks.read(block)
        if amplitudes is None:
            return None
        part = outcomes_of(squares(amplitudes), inside).reshape((2,) * len(inside))
        where: list[Any] = [slice(None)] * len(qargs)
        for place in among:
            where[len(qargs) - 1 - place] = (block >> (qargs[place] - blocks.low)) & 1
        return tuple(where), part

    for found in workers.map(share, range(blocks.number), nbytes=2 * blocks.nbytes):
        if found is not None:
            where, part = found
            total.add(part, where)
    return total.value.reshape(-1)


def outcomes_of(probabilities: NDArray[np.float64], qargs: Sequence[int]) -> NDArray[np.float64]:
    """Probabilities in memory, summed over the qubits nobody asked for; see `marginal`."""
    ranks = sorted(qargs, reverse=True)
    part = summed(probabilities, set(qargs)).reshape((2,) * len(qargs))
    return part.transpose([ranks.index(qubit) for qubit in reversed(qargs)]).reshape(-1)


def summed(values: NDArray[np.float64], kept: set[int]) -> NDArray[np.float64]:
    """A vector over bits summed over all bits but some.

    Halves are added to halves, the highest bit first: that is pairwise summation, and almost all of it contiguous.

    Args:
        values: Shape ``(2**n,)``.
        kept: The bits that stay, in their order.
    """
    bits = values.size.bit_length() - 1
    rows = values.reshape(1, -1)  # kept bits so far, all lower bits
    for bit in range(bits - 1, -1, -1):
        halves = rows.reshape(len(rows), 2, -1)
        rows = halves.reshape(2 * len(rows), -1) if bit in kept else halves[:, 0] + halves[:, 1]
    return rows.reshape(-1)
