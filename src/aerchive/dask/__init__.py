"""Sweeps and calculations on a cluster of Dask; decision 0044.

Importing this package imports neither Dask nor Qiskit.
"""

from __future__ import annotations

from aerchive.dask.states import expectation_values, fidelities, map_stack
from aerchive.dask.sweep import Sweep, merge_sweep, run_sweep

__all__ = ["Sweep", "expectation_values", "fidelities", "map_stack", "merge_sweep", "run_sweep"]
