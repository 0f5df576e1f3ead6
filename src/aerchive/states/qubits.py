"""Qubits of a stored vector: which lie inside a block, which say which block it is; what callers may ask for."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.states.source import Source


def checked_qargs(qargs: Sequence[int] | None, num_qubits: int) -> list[int]:
    """The qubits a caller names, in that order; all of them for ``None``.

    Raises:
        InvalidInputError: Not a list of different qubits of the state.
    """
    if qargs is None:
        return list(range(num_qubits))
    try:
        qubits = [operator.index(qubit) for qubit in qargs]
    except TypeError as error:
        raise InvalidInputError(f"qargs {qargs!r}: a list of qubit numbers is expected, such as [0, 3]") from error
    wrong = [qubit for qubit in qubits if not 0 <= qubit < num_qubits]
    if wrong:
        raise InvalidInputError(f"qargs {qubits}: the state has {num_qubits} qubits, numbered from 0; not {wrong}")
    if len(set(qubits)) < len(qubits):
        raise InvalidInputError(f"qargs {qubits}: a qubit is named twice")
    return qubits


@dataclass(frozen=True)
class Blocks:
    """A vector of ``2**num_qubits`` amplitudes in blocks whose length is a power of two.

    Attributes:
        source: The vector.
        num_qubits: Of the vector.
        low: How many qubits, the lowest, lie inside a block; the others are the digits of its number.
    """

    source: Source
    num_qubits: int
    low: int

    @property
    def number(self) -> int:
        """Of blocks."""
        return 1 << (self.num_qubits - self.low)

    @property
    def length(self) -> int:
        """Amplitudes in a block."""
        return 1 << self.low

    @property
    def nbytes(self) -> int:
        """Bytes of a block of complex amplitudes in double precision."""
        return 16 << self.low

    def read(self, block: int) -> NDArray[Any] | None:
        """The amplitudes of a block, or ``None`` if they are zero because nothing is stored for them."""
        return self.source.read(slice(block << self.low, (block + 1) << self.low))


def in_blocks(source: Source, num_qubits: int) -> Blocks:
    """A vector in blocks as long as its chunks, or the next shorter power of two."""
    return Blocks(source, num_qubits, min(num_qubits, source.chunk[0].bit_length() - 1))
