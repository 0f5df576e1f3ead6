"""Values as plain JSON that says all of them: types, bits, the order of keys and of elements in memory."""

from __future__ import annotations

import base64
import enum
import hashlib
import struct
from typing import Any

import numpy as np
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.parametervector import ParameterVectorElement
from qiskit.primitives import BitArray, PrimitiveResult, PubResult
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import Clifford, Pauli, PauliList, SparsePauliOp, StabilizerState
from qiskit.quantum_info.operators.base_operator import BaseOperator
from qiskit.quantum_info.states.quantum_state import QuantumState
from qiskit.transpiler import Target


def describe(value: Any) -> Any:
    """A value as JSON; values that differ in anything have different descriptions."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if value is None or isinstance(value, bool):
        return value
    if type(value) is float:
        return {"type": kind, "hex": struct.pack(">d", value).hex()}
    if type(value) is complex:
        return {"type": kind, "hex": struct.pack(">dd", value.real, value.imag).hex()}
    if type(value) is int:
        return {"type": kind, "value": hex(value)}
    if type(value) is str:
        return value if value.isascii() else {"type": kind, "utf8": value.encode("utf-8", "surrogatepass").hex()}
    if type(value) is bytes:
        return {"type": kind, "hex": value.hex()}
    if isinstance(value, np.ndarray):
        order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
        data = base64.b64encode(value.tobytes(order)).decode()
        if value.nbytes > 16 * 1024:
            data = hashlib.sha256(value.tobytes(order)).hexdigest()
        return {"type": kind, "dtype": value.dtype.str, "shape": list(value.shape), "order": order, "data": data}
    if isinstance(value, np.generic):
        return {"type": kind, "dtype": value.dtype.str, "data": value.tobytes().hex()}
    if isinstance(value, dict):
        items = [[describe(key), describe(item)] for key, item in value.items()]
        return {"type": kind, "items": items, "attributes": describe(vars(value)) if type(value) is not dict else None}
    if isinstance(value, (list, tuple)):
        return {"type": kind, "items": [describe(item) for item in value]}
    if isinstance(value, (set, frozenset)):
        return {"type": kind, "items": sorted((describe(item) for item in value), key=str)}
    if isinstance(value, StabilizerState):
        return {"type": kind, "tableau": describe(value.clifford.tableau)}
    if isinstance(value, Clifford):
        return {"type": kind, "tableau": describe(value.tableau)}
    if isinstance(value, Pauli | PauliList):
        return {"type": kind, "parts": describe([value.z, value.x, value.phase])}
    if isinstance(value, SparsePauliOp):
        return {"type": kind, "parts": describe([value.paulis, value.coeffs])}
    if isinstance(value, (QuantumState, BaseOperator)):
        shape = value._op_shape
        return {"type": kind, "data": describe(value.data), "dims": [list(shape.dims_l()), list(shape.dims_r())]}
    if (parts := _parts_of_primitives(value)) is not None:
        return {"type": kind, "parts": describe(parts)}
    if isinstance(value, Parameter):
        kind = f"qiskit._accelerate.circuit.{type(value).__name__}"  # where Qiskit has them since its version 2.5
    if isinstance(value, ParameterVectorElement):
        vector = [value.vector.name, len(value.vector)]
        return {"type": kind, "name": value.name, "uuid": str(value.uuid), "index": value.index, "vector": vector}
    if isinstance(value, Parameter):
        return {"type": kind, "name": value.name, "uuid": str(value.uuid)}
    if isinstance(value, enum.Enum):
        return {"type": kind, "value": value.value}
    if isinstance(value, QuantumCircuit):
        return describe_circuit(value) | {"name": None}  # blocks and parts of errors have names that count upwards
    return {"type": kind, "repr": repr(value)}


def _parts_of_primitives(value: Any) -> Any:
    """What results and pubs of primitives are made of, or ``None``; circuits of pubs by name."""
    if isinstance(value, BitArray):
        return value.num_bits, value.array
    if isinstance(value, PrimitiveResult):
        return value.metadata, list(value)
    if isinstance(value, PubResult):
        return value.metadata, value.data.shape, dict(value.data.items())
    if isinstance(value, SamplerPub):
        return value.circuit.name, value.parameter_values.shape, dict(value.parameter_values.data), value.shots
    if type(value).__module__.startswith("qiskit_ibm_runtime.execution_span"):  # the oldest Qiskit has no such package
        if type(value).__name__ == "ExecutionSpans":
            return list(value)
        return value.start, value.stop, [(pub, value.mask(pub)) for pub in value.pub_idxs]
    if isinstance(value, EstimatorPub):
        terms = [item.to_sparse_list() for item in value.observables.sparse_observables_array().reshape(-1)]
        values = value.parameter_values
        return value.circuit.name, values.shape, dict(values.data), value.observables.shape, terms, value.precision
    return None


def describe_target(target: Target) -> Any:
    """A target as JSON: what it is, and each operation with its class, qubits, duration and error."""
    operations = []
    for name in sorted(target.operation_names):
        operation = target.operation_from_name(name)
        kind = operation if isinstance(operation, type) else type(operation)
        properties = [
            [describe(qubits), describe(getattr(one, "duration", None)), describe(getattr(one, "error", None))]
            for qubits, one in target[name].items()
        ]
        operations.append([name, f"{kind.__module__}.{kind.__qualname__}", properties])
    return {"num_qubits": target.num_qubits, "dt": describe(target.dt), "operations": operations}


def describe_circuit(circuit: QuantumCircuit) -> Any:
    """A circuit as JSON: its instructions with their classes, parameters, labels and bits."""
    instructions = []
    for instruction in circuit.data:
        operation = instruction.operation
        error = getattr(operation, "_quantum_error", None)
        parts = [] if error is None else zip(error.circuits, error.probabilities, strict=True)
        instructions.append(
            {
                "class": f"{type(operation).__module__}.{type(operation).__qualname__}",
                "name": operation.name,
                "label": getattr(operation, "label", None),
                "subtype": getattr(operation, "_subtype", None),
                "error": [[describe(part), describe(float(probability))] for part, probability in parts],
                "params": [describe(parameter) for parameter in getattr(operation, "params", [])],
                "qubits": [circuit.find_bit(bit).index for bit in instruction.qubits],
                "clbits": [circuit.find_bit(bit).index for bit in instruction.clbits],
            }
        )
    return {
        "type": "circuit",
        "name": circuit.name,
        "metadata": describe(circuit.metadata),
        "global_phase": describe(circuit.global_phase),
        "registers": [[register.name, register.size] for register in (*circuit.qregs, *circuit.cregs)],
        "instructions": instructions,
    }
