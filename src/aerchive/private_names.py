"""Private names of Qiskit, Aer and IBM's runtime that this package uses: the list of them, and how they are used.

A release of these packages may rename any of them. What a name holds must then be named as lost, and not be left out.
One test looks for every name of the list in the installed versions; another one finds private names that are used
without these functions.
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
        *("_local_readout_errors", "_noise_instructions", "_noise_qubits"),
    ),
    "qiskit_aer.noise.QuantumError": ("_circs", "_id", "_probs"),
    "qiskit_aer.noise.RelaxationNoisePass": ("_dt", "_ops", "_p1s", "_t1s", "_t2s", "_target"),
    "qiskit_aer.primitives.SamplerV2": ("_backend", "_run"),
    "qiskit_aer.primitives.EstimatorV2": ("_backend", "_run"),
    "qiskit_aer.library.save_instructions.save_data.SaveData": ("_label", "_subtype"),
    "qiskit_aer.noise.errors.base_quantum_error.QuantumChannelInstruction": ("_quantum_error",),
    "qiskit.QuantumCircuit": (
        *("_append", "_base_name", "_data", "_duration", "_increment_instances", "_metadata", "_op_start_times"),
        "_unit",
    ),
    "qiskit.circuit.Instruction": ("_definition", "_name", "_params"),
    "qiskit.circuit.library.Initialize": ("_stateprep",),
    "qiskit.circuit.library.Isometry": ("_epsilon",),
    "qiskit.circuit.library.StatePreparation": ("_from_int", "_from_label", "_inverse", "_params_arg"),
    "qiskit.primitives.BackendSamplerV2": ("_backend",),
    "qiskit.primitives.BackendEstimatorV2": ("_backend",),
    "qiskit.primitives.PrimitiveJob": ("_args", "_function", "_job_id"),
    "qiskit.primitives.containers.sampler_pub.SamplerPub": ("_circuit",),
    "qiskit.quantum_info.Operator": ("_op_shape",),
    "qiskit.quantum_info.Statevector": ("_data", "_op_shape"),
    "qiskit.result.ProbDistribution": ("_num_bits",),
    "qiskit.result.Result": ("_metadata",),
    "qiskit.result.models.ExperimentResultData": ("_data_attributes",),
    "qiskit_experiments.framework.ExperimentData": ("_jobs",),
    "qiskit_ibm_runtime.fake_provider.fake_backend.FakeBackendV2": ("_setup_sim",),
    "qiskit_ibm_runtime.execution_span.SliceSpan": ("_data_slices",),
    "qiskit_ibm_runtime.execution_span.TwirledSliceSpanV2": ("_data_slices", "_pub_shots"),
}
"""Names of the attributes of instances, by the class whose instances have them."""

GONE: Final = "in the installed version, and aerchive does not know where else to look"
"""The part of each loss that says that a private name is gone."""
OLDER_NAMES: Final = {"qiskit.circuit.ParameterVector": ("_root_uuid",)}
"""Such names of older versions only, from before there was a public way."""


def private(value: Any, name: str, lost: list[str] | None = None) -> Any:
    """The private attribute of an object of another package.

    Args:
        value: The object.
        name: Name of the attribute, one of `PRIVATE_NAMES`.
        lost: The losses of a run. If it is given and there is no such attribute, the loss is added to it, and the
            value is ``None``.

    Raises:
        UnsupportedTypeError: The installed version has no such attribute, and ``lost`` is not given.
    """
    try:
        return getattr(value, name)
    except AttributeError:
        kind = type_name(value if isinstance(value, type) else type(value))
        error = UnsupportedTypeError(f"{kind} has no {name!r} {GONE}; upgrade aerchive")
    if lost is None:
        raise error
    lost.append(str(error))
    return None


def private_if_any(value: Any, name: str) -> Any:
    """The private attribute of an object whose class need not have it; ``None`` if it does not.

    Only for what is not lost without it: an object of a class that is not known here, or a mere hint.
    """
    return getattr(value, name, None)


def set_private(value: Any, /, **attributes: Any) -> None:
    """Sets private attributes of an object of another package.

    Args:
        value: The object.
        **attributes: The new values by name, each of them one of `PRIVATE_NAMES`.

    Raises:
        UnsupportedTypeError: The installed version has no such attribute, so that setting it would have no effect.
    """
    for name, new in attributes.items():
        private(value, name)
        setattr(value, name, new)


def fill_private(made: Any, /, **attributes: Any) -> None:
    """Sets private attributes of an object that was made without its constructor, and so has none yet.

    A name that the installed version does not use is found when the object is compared with the original.
    """
    vars(made).update(attributes)
