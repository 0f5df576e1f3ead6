"""Sums of a vector with signs: a Walsh-Hadamard transform of which only some values are wanted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class SignedSums:
    """For each of several masks ``sum over i of (-1)**popcount(mask & i) * values[i]``.

    One bit after the other, the highest first, the upper half of the values is added to the lower one or taken from
    it; masks that agree so far share the work. For one mask that is two passes over the values, for ``k`` masks at most
    ``2 + log2(k)``, and each sum is pairwise.

    Args:
        masks: Shape ``(k,)``, integers below ``2**bits``.
        bits: Of the indices.
    """

    def __init__(self, masks: NDArray[np.int64], bits: int) -> None:
        self._steps: list[tuple[NDArray[np.intp], NDArray[np.float64]]] = []
        known = np.zeros(1, np.int64)
        for bit in range(bits - 1, -1, -1):
            wanted = np.unique(masks >> bit)
            signs = np.where(wanted & 1, -1.0, 1.0)
            self._steps.append((np.searchsorted(known, wanted >> 1), signs[:, np.newaxis]))
            known = wanted
        self._where = np.searchsorted(known, masks)

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sums.

        Args:
            values: Shape ``(2**bits,)``.

        Returns:
            Shape ``(k,)``, in the order of the masks.
        """
        rows = values.reshape(1, -1)
        for parents, signs in self._steps:
            halves = rows.reshape(len(rows), 2, -1)
            rows = halves[parents, 0] + signs * halves[parents, 1]
        sums: NDArray[np.float64] = rows[self._where, 0]
        return sums
