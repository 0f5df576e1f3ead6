"""Equality that forgives nothing: types, bits, the order of keys and of array elements in memory."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult
from qiskit.quantum_info import Clifford, PauliList, SparsePauliOp, StabilizerState
from qiskit.quantum_info.operators.base_operator import BaseOperator
from qiskit.quantum_info.operators.symplectic.base_pauli import BasePauli
from qiskit.quantum_info.states.quantum_state import QuantumState
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

TIMING = {"date", "time_taken", "job_id"}
"""Keys that differ between two runs of the same simulation."""


def differences(a: Any, b: Any, path: str = "value") -> list[str]:  # noqa: PLR0912  (one branch a kind)
    """Where `b` is not the same as `a`; empty if it is, all the way down."""
    if type(a) is not type(b):
        return [f"{path}: {type(a).__qualname__} became {type(b).__qualname__}"]
    if type(a) in (str, int, bool, bytes, type(None)):
        return [] if a == b else [f"{path}: {a!r:.300} became {b!r:.300}"]
    if isinstance(a, np.ndarray):
        return _array_differences(a, b, path)
    if isinstance(a, (float, complex, np.generic)):
        same = np.asarray(a).tobytes() == np.asarray(b).tobytes()
        return [] if same else [f"{path}: {a!r} became {b!r}"]
    if isinstance(a, dict):
        found = [] if _keys(a) == _keys(b) else [f"{path}: keys {list(a)!r:.300} became {list(b)!r:.300}"]
        for key in a.keys() & b.keys():
            found += differences(a[key], b[key], f"{path}[{key!r:.80}]")
        if type(a) is not dict and hasattr(a, "__dict__"):  # such as ProbDistribution, which has attributes, too
            found += differences(vars(a), vars(b), f"{path}.__dict__")
        return found
    if isinstance(a, (list, tuple)):
        if len(a) != len(b):
            return [f"{path}: length {len(a)} became {len(b)}"]
        return [text for i, pair in enumerate(zip(a, b, strict=True)) for text in differences(*pair, f"{path}[{i}]")]
    if isinstance(a, (set, frozenset)):
        same = a == b and sorted(type(x).__name__ for x in a) == sorted(type(x).__name__ for x in b)
        return [] if same else [f"{path}: {a!r:.300} became {b!r:.300}"]
    if type(a).__module__.startswith("qiskit_ibm_runtime.execution_span"):
        return differences(vars(a), vars(b), f"{path}.{type(a).__name__}")
    for kind, parts in _PARTS.items():
        if isinstance(a, kind):
            return differences(parts(a), parts(b), f"{path}.{kind.__name__}")
    if isinstance(a, (Result, ExperimentResult, ExperimentResultData)):
        return differences(*({k: v for k, v in vars(x).items() if k not in TIMING} for x in (a, b)), path)
    same = (a.isoformat(), a.tzinfo) == (b.isoformat(), b.tzinfo) if isinstance(a, datetime.datetime) else a == b
    return [] if bool(same) else [f"{path}: {a!r:.300} became {b!r:.300}"]


def _keys(mapping: dict[Any, Any]) -> list[tuple[type, Any]]:
    """A key of 1, one of 1.0 and one of True are equal, and not the same."""
    return [(type(key), key) for key in mapping]


_PARTS: dict[type, Callable[[Any], Any]] = {
    StabilizerState: lambda state: state.clifford.tableau,
    Clifford: lambda clifford: clifford.tableau,
    SparsePauliOp: lambda operator: (operator.coeffs, operator.paulis.to_labels()),
    BasePauli: lambda paulis: paulis.to_labels() if isinstance(paulis, PauliList) else paulis.to_label(),
    QuantumState: lambda state: (state.data, state._op_shape),
    BaseOperator: lambda operator: (operator.data, operator._op_shape),
    BitArray: lambda bits: (bits.num_bits, bits.array),
    PrimitiveResult: lambda result: (result.metadata, list(result)),
    PubResult: lambda pub: (pub.metadata, pub.data),
    DataBin: lambda data: (data.shape, dict(data.items())),
}


def _array_differences(a: np.ndarray, b: np.ndarray, path: str) -> list[str]:
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return [f"{path}: {a.dtype}{a.shape} became {b.dtype}{b.shape}"]
    found = []
    if (a.flags.c_contiguous, a.flags.f_contiguous) != (b.flags.c_contiguous, b.flags.f_contiguous):
        found.append(f"{path}: order in memory is another")
    if a.tobytes() != b.tobytes():
        found.append(f"{path}: bits differ")
    return found
