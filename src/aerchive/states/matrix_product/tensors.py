"""A state as a product of small matrices, two for each qubit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError

Tensor = NDArray[Any]
"""A tensor of one qubit, shape ``(left, 2, right)``, float64 or complex128."""


@dataclass(frozen=True)
class MatrixProduct:
    """A vector of ``2**n`` amplitudes as a product of matrices (a matrix product state with open ends).

    The highest qubit is first, as in the axes of ``state.reshape((2,) * n)``. The amplitude of the basis state ``j`` is
    the product of the matrices ``tensors[k][:, b, :]`` for ``k = 0, 1, ..., n - 1``, where ``b`` is the bit ``n - 1 -
    k`` of ``j``.

    Attributes:
        tensors: The tensor of qubit ``n - 1 - k`` at position ``k``, shape ``(left, 2, right)``, where ``left`` is the
            ``right`` of the tensor before. ``left`` of the first and ``right`` of the last tensor are 1. The dtype of
            all tensors is complex128, or float64 if all amplitudes are real.

    Raises:
        InvalidInputError: The tensors do not fit together.
    """

    tensors: tuple[Tensor, ...]

    def __post_init__(self) -> None:
        check_chain(self.tensors)

    @property
    def num_qubits(self) -> int:
        """The number of qubits."""
        return len(self.tensors)

    @property
    def bonds(self) -> tuple[int, ...]:
        """The sizes of the matrices between neighbouring tensors, the highest qubits first; ``n - 1`` numbers."""
        return tuple(tensor.shape[2] for tensor in self.tensors[:-1])

    @property
    def nbytes(self) -> int:
        """The number of bytes of all tensors."""
        return sum(tensor.nbytes for tensor in self.tensors)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the tensors."""
        return self.tensors[0].dtype


def check_chain(tensors: Sequence[Tensor]) -> None:
    """Refuses tensors that are no matrix product.

    Raises:
        InvalidInputError: There is no tensor, or a shape or dtype does not fit.
    """
    if not tensors:
        raise InvalidInputError("a matrix product needs at least one tensor")
    left = 1
    for position, tensor in enumerate(tensors):
        if tensor.ndim != 3 or tensor.shape[:2] != (left, 2) or not tensor.shape[2]:
            raise InvalidInputError(f"tensor {position} has the shape {tensor.shape}; expected is ({left}, 2, right)")
        if tensor.dtype not in (np.float64, np.complex128) or tensor.dtype != tensors[0].dtype:
            raise InvalidInputError(
                f"tensor {position} has the dtype {tensor.dtype}; all need complex128, or all float64"
            )
        left = tensor.shape[2]
    if left != 1:
        raise InvalidInputError(f"the last tensor has the shape {tensors[-1].shape}; its last axis must have length 1")
