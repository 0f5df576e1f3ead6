"""Private names of Qiskit, Aer and IBM's runtime that this package reads: the list of them, and how one is read.

A release of these packages may rename any of them. What a name holds must then be named as lost, and not be left out.
A test looks for every name of the list in the installed versions.
"""

from __future__ import annotations

from typing import Any, Final

from aerchive.errors import UnsupportedTypeError
from aerchive.text import type_name

PRIVATE_NAMES: Final = {
    "qiskit_aer.AerSimulator": (
        *("_cached_basis_gates", "_configuration", "_execute_circuits_job", "_options", "_options_configuration"),
        *("_options_properties", "_run_circuits", "_set_configuration_option", "_target", "_default_options"),
    ),
    "qiskit_aer.jobs.AerJob": ("_circuits", "_fn", "_future", "_job_id", "_parameter_binds", "_run_options"),
    "qiskit_aer.noise.NoiseModel": (
        *("_custom_noise_passes", "_default_quantum_errors", "_default_readout_error", "_local_quantum_errors"),
        "_local_readout_errors",
    ),
    "qiskit_aer.noise.QuantumError": ("_circs", "_id", "_probs"),
    "qiskit_aer.noise.PauliLindbladError": ("_generators", "_rates"),
    "qiskit_aer.noise.errors.PauliError": ("_paulis", "_probabilities"),
    "qiskit_aer.noise.RelaxationNoisePass": ("_dt", "_ops", "_p1s", "_t1s", "_t2s", "_target"),
    "qiskit_aer.primitives.SamplerV2": ("_backend", "_run"),
    "qiskit_aer.primitives.EstimatorV2": ("_backend", "_run"),
    "qiskit.QuantumCircuit": ("_base_name", "_data", "_metadata"),
    "qiskit.circuit.Instruction": ("_definition", "_params"),
    "qiskit.primitives.PrimitiveJob": ("_function", "_future"),
    "qiskit.primitives.containers.sampler_pub.SamplerPub": ("_circuit",),
    "qiskit.quantum_info.Operator": ("_data", "_op_shape"),
}
"""Names of the attributes of instances, by the class whose instances have them."""


def private(value: Any, name: str) -> Any:
    """The private attribute of an object of another package.

    Args:
        value: The object.
        name: Name of the attribute, one of `PRIVATE_NAMES`.

    Raises:
        UnsupportedTypeError: The installed version has no such attribute.
    """
    try:
        return getattr(value, name)
    except AttributeError:
        raise UnsupportedTypeError(
            f"{type_name(type(value))} has no {name!r} in the installed version, and aerchive does not know where else "
            "to look; upgrade aerchive"
        ) from None
