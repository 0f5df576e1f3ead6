"""Entropies and distances of density matrices in memory, from their eigenvalues."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def von_neumann_entropy(rho: NDArray[Any], base: float) -> float:
    """Returns the entropy ``-sum p log p`` of the eigenvalues ``p`` of a density matrix.

    The formula is that of J. von Neumann, *Mathematical Foundations of Quantum Mechanics*, chapter V; M. Nielsen and
    I. Chuang, *Quantum Computation and Quantum Information*, eq. (11.51). Eigenvalues that are not positive are zero up
    to rounding errors, and count as zero.

    Args:
        rho: The density matrix, shape ``(dim, dim)``.
        base: The base of the logarithm.
    """
    values = np.linalg.eigvalsh(rho)
    values = values[values > 0]
    return max(0.0, -math.fsum(values * np.log(values)) / math.log(base))


def trace_distance(rho: NDArray[Any], sigma: NDArray[Any]) -> float:
    """Returns half the trace norm of the difference of two density matrices (Nielsen and Chuang, eq. (9.11))."""
    return math.fsum(np.abs(np.linalg.eigvalsh(rho - sigma))) / 2
