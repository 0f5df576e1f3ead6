"""A state in memory, as the encoder sees it: its precision, its parts and its matrix, in pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.narrow import to_narrow
from aerchive.states.predicted.encoded import PIECE
from aerchive.states.predicted.residuals import Numbers
from aerchive.states.source import cut
from aerchive.threads import in_order


@dataclass(frozen=True)
class Plain:
    """A state in memory.

    Attributes:
        state: The amplitudes, shape ``(2**n,)``, dtype complex128, C-contiguous.
        is_single: Whether each part is a number of single precision.
        is_real: Whether each imaginary part is positive zero.
    """

    state: NDArray[np.complex128]
    is_single: bool
    is_real: bool

    @classmethod
    def examined(cls, state: NDArray[np.complex128]) -> Plain:
        """Examines all amplitudes, as far as necessary."""
        pieces = [state[piece] for piece in cut(state.size, PIECE)]
        is_single = to_narrow(pieces[0].view(np.uint8)) is not None
        is_real = not _has_imaginary(pieces[0])
        if is_single:
            is_single = all(in_order(lambda part: to_narrow(part.view(np.uint8)) is not None, pieces, len(pieces)))
        return cls(state, is_single, is_real and not any(in_order(_has_imaginary, pieces, len(pieces))))

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the matrix, as square as possible."""
        qubits = self.state.size.bit_length() - 1
        return 1 << qubits // 2, 1 << (qubits + 1) // 2

    @property
    def precision(self) -> float:
        """The distance from 1 to the next number."""
        return float(np.finfo(np.float32 if self.is_single else np.float64).eps)

    def parts(self, start: int, stop: int) -> Numbers:
        """Returns real and imaginary parts, shape ``(parts, stop - start)``, in the precision of the state."""
        values = self.state[start:stop].view(np.float64).reshape(-1, 2)[:, : 1 if self.is_real else 2]
        return np.ascontiguousarray(values.T, dtype=np.float32 if self.is_single else np.float64)

    def rows(self, rows: slice) -> NDArray[Any]:
        """Returns rows of the matrix, dtype float64 for a real state."""
        matrix = self.state.reshape(self.shape)[rows]
        return np.ascontiguousarray(matrix.real) if self.is_real else matrix


def _has_imaginary(piece: NDArray[np.complex128]) -> bool:
    return bool(piece.view(np.uint64)[1::2].any())
