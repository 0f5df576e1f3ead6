"""The qubits of a stored vector: the division of the vector into blocks, and the check of qubit arguments."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.states.source import Source


def checked_qargs(qargs: Sequence[int] | None, num_qubits: int) -> list[int]:
    """Returns the qubits that a caller gave, in the same order, or all qubits for ``None``.

    Raises:
        InvalidInputError: The argument is not a list of different qubits of the state.
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


def smaller_part(qubits: list[int], num_qubits: int) -> list[int]:
    """Returns these qubits, or the other ones if those are fewer: of a pure state both parts have the same entropy."""
    return min(qubits, [qubit for qubit in range(num_qubits) if qubit not in qubits], key=len)


@dataclass(frozen=True)
class Blocks:
    """A vector of ``2**num_qubits`` amplitudes in blocks whose length is a power of two.

    Attributes:
        source: The vector, shape ``(2**num_qubits,)``.
        num_qubits: The number of qubits of the vector.
        low: The number of lowest qubits whose bits are the index within a block. The bits of the other qubits are the
            number of the block.
    """

    source: Source
    num_qubits: int
    low: int

    @property
    def number(self) -> int:
        """The number of blocks."""
        return 1 << (self.num_qubits - self.low)

    @property
    def length(self) -> int:
        """The number of amplitudes in a block."""
        return 1 << self.low

    @property
    def nbytes(self) -> int:
        """The number of bytes of a block of complex amplitudes in double precision."""
        return 16 << self.low

    def read(self, block: int) -> NDArray[Any] | None:
        """Returns the amplitudes of a block, or ``None`` if nothing is stored for them, so that they are zero."""
        return self.source.read(slice(block << self.low, (block + 1) << self.low))


def in_blocks(source: Source, num_qubits: int) -> Blocks:
    """Divides a vector into blocks. Their length is the length of a chunk, or the next smaller power of two."""
    return Blocks(source, num_qubits, min(num_qubits, source.chunk[0].bit_length() - 1))
