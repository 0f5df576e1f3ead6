"""The collapse of a stored vector by a measurement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.qubits import Blocks
from aerchive.states.sums import inner_parts
from aerchive.states.workers import Workers


def collapsed(blocks: Blocks, qargs: Sequence[int], outcome: int, workers: Workers) -> NDArray[np.complex128]:
    """Returns the normalised vector after a measurement of some qubits.

    Args:
        blocks: The vector before the measurement, in blocks.
        qargs: The indices of the measured qubits.
        outcome: The result of the measurement. Bit ``j`` is the value of qubit ``qargs[j]``.
        workers: The threads that do the work.

    Returns:
        All amplitudes, shape ``(2**num_qubits,)``, dtype complex128. Memory of blocks that the outcome excludes is not
        touched.
    """
    after = np.zeros(1 << blocks.num_qubits, np.complex128)
    key: list[Any] = [slice(None)] * blocks.low
    high_mask = high = 0
    for position, qubit in enumerate(qargs):
        bit = outcome >> position & 1
        if qubit < blocks.low:
            key[blocks.low - 1 - qubit] = slice(bit, bit + 1)
        else:
            high_mask |= 1 << (qubit - blocks.low)
            high |= bit << (qubit - blocks.low)
    tensor = (2,) * blocks.low

    def keep(block: int) -> float:
        amplitudes = blocks.read(block)
        if amplitudes is None:
            return 0.0
        target = after[block << blocks.low : (block + 1) << blocks.low]
        target.reshape(tensor)[tuple(key)] = amplitudes.reshape(tensor)[tuple(key)]
        return inner_parts(target, target).real

    left = [block for block in range(blocks.number) if block & high_mask == high]
    weights = list(workers.map(keep, left))
    scale = 1 / math.sqrt(math.fsum(weights))
    for block, weight in zip(left, weights, strict=True):
        if weight:
            after[block << blocks.low : (block + 1) << blocks.low] *= scale
    return after
