"""Options of every kind, wherever they can be given; seeds, shots, methods."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from qiskit import QuantumCircuit

from tests.corpus.case import SEED, Case, Cases, Simulation
from tests.corpus.labels import Foreign
from tests.corpus.saves import prepared

VALUES: dict[str, tuple[Any, ...]] = {
    "shots": (1, 7, 20_000, np.int32(5), np.uint8(9), True, 0, -1, 5.0, 5.5, "many", None),
    "memory": (True, False, np.bool_(True), 1, None),
    "seed_simulator": (
        *(0, 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -1, -5),
        *(np.int64(12), np.uint64(2**64 - 1), np.int8(-1), 3.0, "7", None),
    ),
    "precision": ("single", "double", "half", np.str_("single")),
    "method": (
        "statevector",
        "density_matrix",
        "matrix_product_state",
        "automatic",
        "nonsense",
        np.str_("statevector"),
    ),
    "device": ("CPU", "GPU", "nonsense"),
    "fusion_enable": (True, False, np.bool_(False)),
    "fusion_verbose": (True,),
    "fusion_max_qubit": (1, 2, np.int64(3), 30),
    "fusion_threshold": (1, 5),
    "zero_threshold": (0.0, 1e-3, 0.3, np.float32(1e-5)),
    "chop_threshold": (1e-2,),
    "validation_threshold": (1, 1e-8),
    "enable_truncation": (True, False),
    "max_parallel_threads": (0, 1, 2, 64),
    "max_parallel_experiments": (0, 1, 2),
    "max_parallel_shots": (0, 1, 4),
    "max_memory_mb": (1, 4096),
    "max_job_size": (1,),
    "max_shot_size": (10,),
    "accept_distributed_results": (True, False),
    "statevector_parallel_threshold": (1, 30),
    "statevector_sample_measure_opt": (1, 20),
    "blocking_enable": (True, False),
    "blocking_qubits": (2, 3),
    "chunk_swap_buffer_qubits": (2,),
    "batched_shots_gpu": (True,),
    "num_threads_per_device": (2,),
    "shot_branching_enable": (True, False),
    "shot_branching_sampling_enable": (True,),
    "stabilizer_max_snapshot_probabilities": (1, 10),
    "extended_stabilizer_sampling_method": ("metropolis", "norm_estimation"),
    "matrix_product_state_max_bond_dimension": (1, 2),
    "matrix_product_state_truncation_threshold": (1e-2,),
    "mps_sample_measure_algorithm": ("mps_apply_measure", "mps_probabilities"),
    "mps_log_data": (True,),
    "mps_swap_direction": ("mps_swap_right",),
    "mps_lapack": (True,),
    "mps_omp_threads": (2,),
    "tensor_network_num_sampling_qubits": (5,),
    "runtime_parameter_bind_enable": (True,),
    "target_gpus": ([0],),
    "parameterizations": ([],),
}
ONLY_RUN: dict[str, tuple[Any, ...]] = {
    "unknown": (1, "x", None, [1, (2,)], {"a": {1, 2}}, np.arange(3), 1j, b"x"),
    "unknown object": (Foreign(5),),
    "odd name ψ/ 1": (1,),
    "executor": (ThreadPoolExecutor(1), None),
    "noise_model": (None,),
}
CONFIGURATION: dict[str, tuple[Any, ...]] = {
    "basis_gates": (["h", "cx"], ["u", "cx", "h", "ry", "s"]),
    "coupling_map": ([[0, 1], [1, 2]],),
    "n_qubits": (2, 20),
    "description": ("mine",),
    "custom_instructions": (["save_statevector"],),
    "max_shots": (5,),
}
NO_REASON = ("unknown object", "executor", "max_job_size", "max_shot_size")


def probe(method: str | None = None) -> QuantumCircuit:
    circuit = prepared(4, clifford=False)
    circuit.h(0)
    circuit.reset(2)
    circuit.save_statevector()
    circuit.measure(range(4), range(4))
    circuit.name = "options"
    return circuit


def with_option(name: str, value: Any, where: str, refuses: bool = False) -> Simulation:
    options: dict[str, Any] = {} if name == "seed_simulator" else {"seed_simulator": SEED}
    if name.startswith(("mps", "matrix_product")):
        options["method"] = "matrix_product_state"
    if name.startswith("chop"):
        options["zero_threshold"] = 1e-12
    run: dict[str, Any] = {"shots": 40}
    circuits: Any = [probe(), probe()] if name.startswith("max_parallel") else probe()

    def through_set_options(kind: Any, **given: Any) -> Any:
        backend = kind(**given)
        backend.set_options(**{name: value})
        return backend

    def through_options(kind: Any, **given: Any) -> Any:
        backend = kind(**given)
        backend.options.update_options(**{name: value})
        return backend

    make: Callable[..., Any] | None = None
    match where:
        case "run":
            run[name] = value
        case "backend":
            run.pop(name, None)
            options[name] = value
        case "set_options":
            run.pop(name, None)
            make = through_set_options
        case "options":
            run.pop(name, None)
            make = through_options
    return Simulation(circuits, run, options, make=make, refuses=refuses)


def of_method(method: str, name: str, value: Any) -> Simulation:
    circuit = QuantumCircuit(4, 4)
    circuit.h([0, 2])
    circuit.cx(0, 1)
    circuit.t(2)
    circuit.cx(2, 3)
    if method != "extended_stabilizer":
        circuit.save_state()
    circuit.measure(range(4), range(4))
    return Simulation(circuit, {"shots": 30, name: value}, {"method": method, "seed_simulator": SEED})


OF_METHODS: dict[str, dict[str, tuple[Any, ...]]] = {
    "extended_stabilizer": {
        "extended_stabilizer_sampling_method": ("resampled_metropolis", "metropolis", "norm_estimation"),
        "extended_stabilizer_metropolis_mixing_time": (50,),
        "extended_stabilizer_approximation_error": (0.5,),
        "extended_stabilizer_norm_estimation_samples": (10,),
        "extended_stabilizer_norm_estimation_repetitions": (1,),
        "extended_stabilizer_parallel_threshold": (1,),
        "extended_stabilizer_probabilities_snapshot_samples": (5,),
    },
    "matrix_product_state": {
        "matrix_product_state_max_bond_dimension": (1, 2, 64),
        "matrix_product_state_truncation_threshold": (0.5,),
        "mps_sample_measure_algorithm": ("mps_heuristic", "mps_apply_measure", "mps_probabilities"),
        "mps_log_data": (True, False),
        "mps_swap_direction": ("mps_swap_left", "mps_swap_right"),
        "mps_parallel_threshold": (2,),
    },
}


def unseeded(shots: int, circuits: int) -> Simulation:
    return Simulation([probe() for _ in range(circuits)], {"shots": shots})


def option_cases() -> Cases:
    for name, values in VALUES.items():
        for number, value in enumerate(values):
            for where in ("run", "backend", "set_options", "options"):
                yield Case(f"option/{name}/{number}/{where}", functools.partial(with_option, name, value, where))
    for name, values in ONLY_RUN.items():
        for number, value in enumerate(values):
            refuses = name == "unknown object" or (name == "executor" and value is not None)
            yield Case(f"option/{name}/{number}/run", functools.partial(with_option, name, value, "run", refuses))
            yield Case(
                f"option/{name}/{number}/options", functools.partial(with_option, name, value, "options", refuses)
            )
    for name, values in CONFIGURATION.items():
        for number, value in enumerate(values):
            yield Case(f"option/{name}/{number}/backend", functools.partial(with_option, name, value, "backend"))
    for method, table in OF_METHODS.items():
        for name, values in table.items():
            for number, value in enumerate(values):
                yield Case(f"option/{method}/{name}/{number}", functools.partial(of_method, method, name, value))
    for shots in (1, 1024):
        for circuits in (1, 3):
            yield Case(f"option/no seed/{shots}/{circuits}", functools.partial(unseeded, shots, circuits))


def batch(number: int, how: str) -> Simulation:
    """Many circuits in one job, each with other registers."""
    circuits = []
    for index in range(number):
        n = 1 + index % 5
        circuit = prepared(n, clifford=True, clbits=n + index % 3 if index % 4 else 0)
        circuit.name = "same" if how == "one name" else f"circuit {index}"
        circuit.metadata = {"index": index}
        if how == "saves" and index % 2:
            circuit.save_statevector(label=f"label {index % 3}")
            circuit.save_probabilities_dict(label="odds")
        if circuit.num_clbits:
            circuit.measure(range(n), range(n))
        elif how != "saves" or not index % 2:
            circuit.save_state()
        circuits.append(circuit)
    options = {"seed_simulator": SEED}
    if how == "parallel":
        options |= {"max_parallel_experiments": 2, "max_parallel_threads": 2}
    if how == "identical":
        circuits = [circuits[min(1, number - 1)]] * number
    if how == "tuple":
        return Simulation(tuple(circuits), {"shots": 20, "memory": True}, options)
    return Simulation(circuits, {"shots": 20, "memory": True}, options)


def batch_cases() -> Cases:
    for number in (1, 2, 7, 60, 300):
        for how in ("plain", "saves", "one name", "parallel", "identical", "tuple"):
            yield Case(f"batch/{number}/{how}", functools.partial(batch, number, how))
