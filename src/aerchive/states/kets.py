"""Bit strings in the order of Qiskit: the highest qubit first."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError

_BITS = re.compile(r"[01]+\Z")


def index_of(bits: str, num_qubits: int) -> int:
    """Returns the index of the basis state that a bit string names. Leading zeros may be missing.

    Raises:
        InvalidInputError: The text is not a bit string, or needs more qubits than the state has.
    """
    if not _BITS.match(bits):
        raise InvalidInputError(f"{bits!r} is not a bit string such as '0101', the highest qubit first")
    index = int(bits, 2)
    if index >> num_qubits:
        raise InvalidInputError(f"{bits!r} is not a state of {num_qubits} qubits")
    return index


def bit_string(index: int, num_qubits: int) -> str:
    """Returns the bit string of an index."""
    return f"{index:0{num_qubits}b}" if num_qubits else ""


def bit_strings(indices: NDArray[Any], num_qubits: int) -> NDArray[np.str_]:
    """Returns the bit strings of many indices.

    Args:
        indices: The indices of basis states, shape ``(n,)``.
        num_qubits: The number of qubits, which is the length of the strings.

    Returns:
        The bit strings, shape ``(n,)``, dtype ``<U{num_qubits}``.
    """
    if not num_qubits:
        return np.zeros(len(indices), "<U1")
    letters = np.empty((len(indices), num_qubits), np.uint32)
    for bit in range(num_qubits):
        letters[:, num_qubits - 1 - bit] = ((indices >> bit) & 1) + ord("0")
    return letters.view(f"<U{num_qubits}")[:, 0]


def picked_bits(indices: NDArray[Any], qargs: list[int]) -> NDArray[np.int64]:
    """Returns for each index the number whose bit ``j`` is bit ``qargs[j]`` of the index."""
    picked = np.zeros(len(indices), np.int64)
    for bit, qubit in enumerate(qargs):
        picked |= ((indices >> qubit) & 1) << bit
    return picked
