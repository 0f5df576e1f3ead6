"""Errors of noise models that no constructor makes are refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit_aer.noise import (
    NoiseModel,
    PauliLindbladError,
    ReadoutError,
    amplitude_damping_error,
    coherent_unitary_error,
    depolarizing_error,
    kraus_error,
    phase_amplitude_damping_error,
    reset_error,
    thermal_relaxation_error,
)

from aerchive.codecs.circuits.checks import CheckError
from aerchive.codecs.circuits.noise_checks import check_noise, check_noise_fits
from aerchive.codecs.noise_model import decode_noise_model
from aerchive.errors import UnsafeContentError
from aerchive.models import tagged_json
from tests.hostile_circuits import NOISE, WIDE


@pytest.mark.parametrize("name", NOISE)
def test_is_refused(name: str) -> None:
    with pytest.raises(CheckError, match=r"^error 1: "):
        check_noise([WIDE, NOISE[name]])
    document = {"errors": {"errors": [NOISE[name]]}, "basis_gates": ["h"], "passes": []}
    with pytest.raises(UnsafeContentError, match=r"^here: is refused, because it may crash Aer: error 0: "):
        decode_noise_model(tagged_json.dumps(tagged_json.encode(document)), "here")


def test_what_constructors_make_is_taken() -> None:
    model = NoiseModel()
    errors: dict[str, Any] = {
        "h": depolarizing_error(0.1, 1),
        "cx": depolarizing_error(0.1, 2),
        "x": amplitude_damping_error(0.1),
        "y": phase_amplitude_damping_error(0.1, 0.2),
        "z": thermal_relaxation_error(50e-6, 90e-6, 1e-6, 0.1),
        "s": reset_error(0.1, 0.2),
        "t": coherent_unitary_error(np.diag([1, 1j])),
        "sx": PauliLindbladError(["X", "Z"], [0.1, 0.3]),
        "rx": kraus_error([np.diag([1, np.sqrt(0.9)]), np.array([[0, np.sqrt(0.1)], [0, 0]])]),
    }
    for name, error in errors.items():
        model.add_all_qubit_quantum_error(error, [name])
        model.add_quantum_error(error, [name], list(range(error.num_qubits)))
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    model.add_readout_error(ReadoutError(np.eye(4)), [0, 1])
    check_noise(json.loads(json.dumps(model.to_dict(serializable=True)))["errors"])


def test_an_error_of_more_qubits_than_its_instruction() -> None:
    circuit = QuantumCircuit(2, 1)
    circuit.cx(0, 1)
    check_noise_fits([WIDE], [circuit])
    with circuit.if_test((0, 1)):
        circuit.h(0)
    with pytest.raises(CheckError, match="an error of 2 qubits happens after 'h' of 1 qubits"):
        check_noise_fits([WIDE], [circuit])
