"""Checks of the errors of a stored noise model: Aer's C++ reads past the ends of what no constructor has checked."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit_aer.noise import ReadoutError

from aerchive.codecs.circuits.checks import CheckError, check_params

_OTHERS = frozenset(
    {"kraus", "superop", "unitary", "pauli", "reset", "diagonal", "multiplexer", "initialize", "barrier"}
)
"""Names of what an error may consist of besides standard gates."""
_TOLERANCE = 1e-7
"""Greatest deviation of a sum of probabilities from 1."""


def check_noise(errors: Sequence[Any]) -> None:
    """Checks the errors of a noise model in the form that Aer's simulator receives.

    Args:
        errors: The errors of ``NoiseModel.to_dict(serializable=True)``.

    Raises:
        CheckError: No constructor makes an error like one of these; the message says which.
    """
    for number, error in enumerate(errors):
        try:
            _check_error(error)
        except Exception as refusal:
            raise CheckError(f"error {number}: {str(refusal) or type(refusal).__name__:.300}") from refusal


def check_noise_fits(errors: Sequence[Any], circuits: Sequence[QuantumCircuit]) -> None:
    """Checks that no error has more qubits than the instructions of these circuits after which it happens.

    Args:
        errors: The errors of a noise model, checked by `check_noise`.
        circuits: The circuits that are simulated with this noise.

    Raises:
        CheckError: An error has more qubits than an instruction, for which Aer ends the process.
    """
    least: dict[str, int] = {}
    for error in errors:
        if error["type"] != "roerror" and not error.get("gate_qubits"):
            for name in error["operations"]:
                least[name] = max(least.get(name, 0), width_of(error))
    for name, width in _instructions(circuits) if least else ():
        if least.get(name, 0) > width:
            raise CheckError(f"an error of {least[name]} qubits happens after {name!r:.80} of {width} qubits")


def _instructions(circuits: Sequence[QuantumCircuit]) -> Iterator[tuple[str, int]]:
    for circuit in circuits:
        for item in circuit.data:
            yield item.name, len(item.qubits)
            if item.label is not None:
                yield item.label, len(item.qubits)
            if item.is_control_flow() and isinstance(item.operation, ControlFlowOp):
                yield from _instructions(item.operation.blocks)


def _check_error(error: Any) -> None:
    if not all(type(name) is str for name in error["operations"]):
        raise CheckError("its operations are no names")
    if error["type"] == "roerror":
        _check_readout(error)
        return
    rates = error["probabilities"] if error["type"] == "qerror" else error["rates"]
    if len(rates) != len(error["instructions"]) or not all(math.isfinite(one) for one in rates):
        raise CheckError(f"it has {len(rates)} finite numbers for {len(error['instructions'])} lists of instructions")
    if error["type"] == "qerror" and (min(rates) < -_TOLERANCE or abs(math.fsum(rates) - 1) > _TOLERANCE):
        raise CheckError("its probabilities are negative, or their sum is not 1")
    if error["type"] not in ("qerror", "plerror"):
        raise CheckError("its type is not known")
    for instruction in (one for some in error["instructions"] for one in some):
        _check_instruction(instruction)
    for qubits in error.get("gate_qubits", ()):
        if not _are_qubits(qubits) or len(qubits) < width_of(error):
            raise CheckError("it has more qubits than its gate")


def _check_readout(error: Any) -> None:
    probabilities = error["probabilities"]
    num_qubits = len(probabilities).bit_length() - 1
    if np.shape(probabilities) != (2**num_qubits, 2**num_qubits) or num_qubits < 1:
        raise CheckError(f"its probabilities have the shape {np.shape(probabilities)}")
    if not np.isfinite(probabilities).all():
        raise CheckError("its probabilities are no finite numbers")
    ReadoutError(probabilities)
    for qubits in error.get("gate_qubits", ()):
        if not _are_qubits(qubits) or len(qubits) != num_qubits:
            raise CheckError("it is of other qubits than its probabilities")


def _check_instruction(instruction: Any) -> None:
    name, qubits = instruction["name"], instruction["qubits"]
    if name not in _OTHERS and name not in _gates():
        raise CheckError(f"it has the instruction {name!r:.80}, which is no noise")
    if not _are_qubits(qubits):
        raise CheckError("an instruction acts on a qubit twice, or on none")
    if name in _OTHERS:
        check_params(name, [numbers_of(one) for one in instruction.get("params", ())], len(qubits))


@functools.cache
def _gates() -> frozenset[str]:
    return frozenset(get_standard_gate_name_mapping()) - {"measure", "delay"}


def _are_qubits(qubits: Any) -> bool:
    return all(type(one) is int and one >= 0 for one in qubits) and len(set(qubits)) == len(qubits) > 0


def numbers_of(value: Any) -> Any:
    """A param as numbers: pairs of real and imaginary parts become complex; a text stays as it is.

    A complex number is a pair, a complex matrix has pairs of real and imaginary parts in a third axis.
    """
    if isinstance(value, str):
        return value
    parts = np.asarray(value, dtype=float)
    if parts.ndim in (0, 2):  # a real number or matrix
        return parts if parts.ndim else float(parts)
    pairs = parts[..., 0] + 1j * parts[..., 1]
    return pairs if pairs.ndim else complex(pairs)


def width_of(error: Any) -> int:
    """The number of qubits on which Aer lets an error act, which may be fewer than the error has."""
    return max((one + 1 for some in error["instructions"] for part in some for one in part["qubits"]), default=0)
