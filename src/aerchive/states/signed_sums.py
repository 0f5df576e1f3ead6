"""Sums of a vector with signs: selected values of a Walsh-Hadamard transform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class SignedSums:
    """Computes ``sum over i of (-1)**popcount(mask & i) * values[i]`` for each of several masks.

    For each bit, the highest first, the upper half of the values is added to the lower half or subtracted from it.
    Masks with the same higher bits share the work. This costs two passes over the values for one mask, and at most
    ``2 + log2(k)`` passes for ``k`` masks. Each sum is a pairwise sum.

    Args:
        masks: The masks, shape ``(k,)``, integers below ``2**bits``.
        bits: The number of bits of an index.
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
        """Returns the sums.

        Args:
            values: The vectors, shape ``(..., 2**bits)``.

        Returns:
            The sums in the order of the masks, shape ``(..., k)``.
        """
        lead = values.shape[:-1]
        rows = values.reshape(*lead, 1, -1)
        for parents, signs in self._steps:
            halves = rows.reshape(*rows.shape[:-1], 2, rows.shape[-1] // 2)
            rows = halves[..., parents, 0, :] + signs * halves[..., parents, 1, :]
        sums: NDArray[np.float64] = rows[..., self._where, 0]
        return sums
