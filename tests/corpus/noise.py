"""Noise models of every kind, on the backend, for a run, in the circuit."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import RXGate, UnitaryGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Kraus, SuperOp, random_unitary
from qiskit.transpiler.passes import Decompose
from qiskit_aer.noise import (
    LocalNoisePass,
    NoiseModel,
    PauliLindbladError,
    QuantumError,
    ReadoutError,
    RelaxationNoisePass,
    amplitude_damping_error,
    coherent_unitary_error,
    depolarizing_error,
    kraus_error,
    mixed_unitary_error,
    pauli_error,
    phase_amplitude_damping_error,
    phase_damping_error,
    reset_error,
    thermal_relaxation_error,
)

from tests.corpus.case import SEED, Case, Cases, Simulation

ONE_QUBIT: dict[str, Callable[[], Any]] = {
    "depolarizing": lambda: depolarizing_error(0.05, 1),
    "pauli": lambda: pauli_error([("X", 0.1), ("Z", 0.05), ("I", 0.85)]),
    "kraus": lambda: kraus_error([np.sqrt(0.9) * np.eye(2), np.sqrt(0.1) * np.array([[0, 1j], [1j, 0]])]),
    "amplitude damping": lambda: amplitude_damping_error(0.2, 0.1),
    "phase damping": lambda: phase_damping_error(0.2),
    "both dampings": lambda: phase_amplitude_damping_error(0.1, 0.2, 0.3),
    "thermal": lambda: thermal_relaxation_error(50e-6, 70e-6, 1e-6, 0.1),
    "thermal, T2 > T1": lambda: thermal_relaxation_error(50e-6, 90e-6, 1e-6),
    "reset": lambda: reset_error(0.1, 0.05),
    "coherent": lambda: coherent_unitary_error(random_unitary(2, seed=3)),
    "mixed": lambda: mixed_unitary_error([(np.eye(2), 0.9), (random_unitary(2, seed=4).data, 0.1)]),
    "composed": lambda: depolarizing_error(0.01, 1).compose(amplitude_damping_error(0.1)),
    "power": lambda: depolarizing_error(0.01, 1).power(3),
    "lindblad": lambda: PauliLindbladError(["X", "Z"], [0.05, 0.02]),
    "from a channel": lambda: QuantumError(Kraus(amplitude_damping_error(0.3))),
    "ideal": lambda: depolarizing_error(0, 1),
}


def everywhere(kind: str) -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(ONE_QUBIT[kind](), ["h", "ry", "marked"])
    return model


def local() -> NoiseModel:
    model = NoiseModel(basis_gates=["h", "ry", "cx", "rz"])
    model.add_quantum_error(depolarizing_error(0.1, 1), ["h"], [0])
    model.add_quantum_error(amplitude_damping_error(0.2), "ry", [1])
    model.add_quantum_error(depolarizing_error(0.05, 2), ["cx"], [0, 1])
    model.add_quantum_error(pauli_error([("XY", 0.1), ("II", 0.9)]), ["cx"], [1, 2])
    return model


def readout() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    model.add_readout_error(ReadoutError([[0.6, 0.4], [0.5, 0.5]]), [1], warnings=False)
    return model


def everything() -> NoiseModel:
    model = local()
    model.add_all_qubit_quantum_error(depolarizing_error(0.02, 1), ["ry"], warnings=False)
    model.add_all_qubit_readout_error(ReadoutError([[0.95, 0.05], [0.1, 0.9]]))
    model.add_quantum_error(pauli_error([("X", 0.2), ("I", 0.8)]), ["reset", "measure"], [0])
    return model


def two_qubit_lindblad() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(PauliLindbladError(["XX", "ZI", "IY"], [0.05, 0.01, 0.02]), ["cx"])
    return model


def correlated_readout() -> NoiseModel:
    model = NoiseModel()
    rows = np.full((4, 4), 0.05) + 0.8 * np.eye(4)
    model.add_readout_error(ReadoutError(rows / rows.sum(axis=1, keepdims=True)), [0, 2])
    return model


def relaxing(with_dt: bool) -> NoiseModel:
    model = NoiseModel()
    model._custom_noise_passes.append(
        RelaxationNoisePass([5e-5, 6e-5, 7e-5], [6e-5, 5e-5, 4e-5], dt=1e-9 if with_dt else None)
    )
    return model


def foreign_pass() -> NoiseModel:
    model = NoiseModel()
    model._custom_noise_passes.append(LocalNoisePass(_no_noise, op_types=RXGate))
    return model


def foreign_passes() -> NoiseModel:
    model = everywhere("depolarizing")
    model._custom_noise_passes.append(Decompose(["nothing"]))
    return model


def _no_noise(operation: Any, qubits: Any) -> Any:
    return None


class OwnModel(NoiseModel):
    """Somebody's subclass."""


def own_model() -> NoiseModel:
    model = OwnModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["h"])
    return model


def merged() -> NoiseModel:
    return NoiseModel.from_dict(everywhere("depolarizing").to_dict())


@functools.cache
def fake(n: int) -> GenericBackendV2:
    return GenericBackendV2(n, seed=7)


def from_backend(*, thermal: bool = True) -> NoiseModel:
    return NoiseModel.from_backend(fake(3), thermal_relaxation=thermal)


MODELS: dict[str, Callable[[], Any]] = {
    **{kind: functools.partial(everywhere, kind) for kind in ONE_QUBIT},
    "local": local,
    "readout": readout,
    "everything": everything,
    "lindblad on two": two_qubit_lindblad,
    "correlated readout": correlated_readout,
    "relaxing": functools.partial(relaxing, False),
    "relaxing with dt": functools.partial(relaxing, True),
    "foreign pass": foreign_pass,
    "foreign passes": foreign_passes,
    "own model": own_model,
    "from a dict": merged,
    "from a backend": from_backend,
    "from a backend, no relaxation": functools.partial(from_backend, thermal=False),
    "empty": NoiseModel,
    "only gates": functools.partial(NoiseModel, basis_gates=["h", "cx"]),
}
CANNOT_BE_STORED = ("foreign pass", "foreign passes")


def probe(method: str) -> QuantumCircuit:
    circuit = QuantumCircuit(3, 3, name="noisy")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.delay(200, 1, "ns")
    circuit.cx(1, 2)
    circuit.ry(0.4, 1)
    circuit.append(UnitaryGate(random_unitary(2, seed=1), label="marked"), [2])
    if method == "density_matrix":
        circuit.save_density_matrix()
    circuit.measure([0, 1, 2], [0, 1, 2])
    return circuit


def noisy(kind: str, where: str, method: str) -> Simulation:
    model = MODELS[kind]()
    options: dict[str, Any] = {"method": method, "seed_simulator": SEED}
    run: dict[str, Any] = {"shots": 50, "memory": method == "statevector"}
    (options if where == "backend" else run)["noise_model"] = model
    refuses = kind in CANNOT_BE_STORED
    return Simulation(probe(method), run, options, refuses=refuses, reproducible="custom pass" if refuses else True)


CHANNELS: dict[str, Callable[[], Any]] = {
    **{kind: (lambda kind=kind: ONE_QUBIT[kind]().to_instruction()) for kind in ONE_QUBIT},
    "as Kraus": lambda: Kraus(amplitude_damping_error(0.2)).to_instruction(),
    "as SuperOp": lambda: SuperOp(depolarizing_error(0.2, 1)).to_instruction(),
}


def in_circuit(kind: str, method: str) -> Simulation:
    circuit = QuantumCircuit(2, 2, name=kind)
    circuit.h(0)
    circuit.append(CHANNELS[kind](), [0])
    circuit.cx(0, 1)
    circuit.append(depolarizing_error(0.1, 2).to_instruction(), [1, 0])
    circuit.append(depolarizing_error(0.1, 2), [0, 1])
    if method == "density_matrix":
        circuit.save_density_matrix()
    circuit.measure([0, 1], [0, 1])
    return Simulation(circuit, {"shots": 50}, {"method": method, "seed_simulator": SEED})


def of_a_fake(n: int, delays: bool, own_model: bool) -> Simulation:
    circuit = QuantumCircuit(n)
    circuit.h(0)
    for qubit in range(1, n):
        circuit.cx(qubit - 1, qubit)
    if delays:
        circuit.delay(1000, 0, "ns")
        circuit.delay(64, n - 1, "dt")
    circuit.measure_all()
    ready = transpile(circuit, fake(n), seed_transpiler=1, optimization_level=1)
    options: dict[str, Any] = {"seed_simulator": SEED}
    if own_model:
        options["noise_model"] = everywhere("pauli")

    def make(kind: Any, **options: Any) -> Any:
        return kind.from_backend(fake(n), **options)

    return Simulation(ready, {"shots": 100}, options, make=make)


def noise_cases() -> Cases:
    for kind in MODELS:
        for where in ("backend", "run"):
            for method in ("automatic", "statevector", "density_matrix"):
                yield Case(f"noise/{kind}/{where}/{method}", functools.partial(noisy, kind, where, method))
    for kind in CHANNELS:
        for method in ("automatic", "statevector", "density_matrix"):
            yield Case(f"noise/in the circuit/{kind}/{method}", functools.partial(in_circuit, kind, method))
    for n in (2, 5):
        for delays in (False, True):
            for own in (False, True):
                yield Case(f"noise/of a fake/{n}/{delays}/{own}", functools.partial(of_a_fake, n, delays, own))
