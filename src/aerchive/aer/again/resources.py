"""Options that ask for memory, processors and devices; those of a foreign file are taken only when the user asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aerchive.aer.capturing.options import CONFIGURATION

RESOURCES = frozenset(
    {
        *("max_memory_mb", "max_parallel_threads", "max_parallel_experiments", "max_parallel_shots"),
        *("max_shot_size", "max_job_size", "executor", "num_threads_per_device", "statevector_parallel_threshold"),
        *("device", "target_gpus", "cuStateVec_enable", "batched_shots_gpu", "batched_shots_gpu_max_qubits"),
        *("blocking_enable", "blocking_qubits", "chunk_swap_buffer_qubits"),
        *("mps_parallel_threshold", "mps_omp_threads", "use_cuTensorNet_autotuning"),
        *("tensor_network_num_sampling_qubits", "fusion_parallelization_threshold"),
        "extended_stabilizer_parallel_threshold",
    }
)
"""Options of Aer that change what a simulation takes of the machine, and not what it computes."""
_NESTED = frozenset({CONFIGURATION, "backend_options", "run_options"})


def without_resources(options: Mapping[str, Any], left_out: list[str]) -> dict[str, Any]:
    """The options without those in `RESOURCES`.

    Args:
        options: Options by name; options of a primitive for its simulations are named ``run.`` and their name.
        left_out: List to which the names of what is left out are added.
    """
    kept: dict[str, Any] = {}
    for name, value in options.items():
        if name.removeprefix("run.") in RESOURCES:
            left_out.append(name)
        elif name in _NESTED and isinstance(value, Mapping):
            kept[name] = without_resources(value, left_out)
        else:
            kept[name] = value
    return kept
