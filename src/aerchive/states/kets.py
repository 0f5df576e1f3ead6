"""Bit strings as Qiskit writes them: the highest qubit first."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError

_BITS = re.compile(r"[01]+\Z")


def index_of(bits: str, num_qubits: int) -> int:
    """The index of a bit string; leading zeros may be missing.

    Raises:
        InvalidInputError: Not a bit string, or of more qubits than there are.
    """
    if not _BITS.match(bits):
        raise InvalidInputError(f"{bits!r} is not a bit string such as '0101', the highest qubit first")
    index = int(bits, 2)
    if index >> num_qubits:
        raise InvalidInputError(f"{bits!r} is not a state of {num_qubits} qubits")
    return index


def bit_string(index: int, num_qubits: int) -> str:
    """The bit string of an index."""
    return f"{index:0{num_qubits}b}" if num_qubits else ""


def bit_strings(indices: NDArray[Any], num_qubits: int) -> NDArray[np.str_]:
    """The bit strings of many indices.

    Args:
        indices: Shape ``(n,)``.
        num_qubits: Length of the strings.

    Returns:
        Shape ``(n,)``, dtype ``<U{num_qubits}``.
    """
    if not num_qubits:
        return np.zeros(len(indices), "<U1")
    letters = np.empty((len(indices), num_qubits), np.uint32)
    for place in range(num_qubits):
        letters[:, num_qubits - 1 - place] = ((indices >> place) & 1) + ord("0")
    return letters.view(f"<U{num_qubits}")[:, 0]


def picked_bits(indices: NDArray[Any], qargs: list[int]) -> NDArray[np.int64]:
    """For each index the number whose bit ``j`` is the index's bit ``qargs[j]``."""
    picked = np.zeros(len(indices), np.int64)
    for place, qubit in enumerate(qargs):
        picked |= ((indices >> qubit) & 1) << place
    return picked
