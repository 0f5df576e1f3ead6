"""The fidelity of two mixed states in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def mixed_fidelity(rho: NDArray[Any], sigma: NDArray[Any]) -> float:
    """Returns ``(trace norm of sqrt(rho) sqrt(sigma)) ** 2``, as Qiskit's ``state_fidelity`` does.

    For states without full rank the error is about 1e-8, from the square root of an eigenvalue that is zero up to
    rounding.
    """
    singular_values = np.linalg.svd(_root(rho) @ _root(sigma), compute_uv=False)
    return float(np.sum(singular_values)) ** 2


def _root(rho: NDArray[Any]) -> NDArray[Any]:
    """Returns the square root of a Hermitian matrix. Negative eigenvalues are rounding errors and count as zero."""
    values, vectors = np.linalg.eigh((rho + rho.conj().T) / 2)
    root: NDArray[Any] = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.conj().T
    return root
