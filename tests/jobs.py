"""Jobs and results of the stock simulator, to put into projects."""

from __future__ import annotations

import datetime
from typing import Any

import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData


def bell(name: str = "bell") -> QuantumCircuit:
    circuit = QuantumCircuit(2, name=name)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.save_statevector()
    circuit.measure_all()
    return circuit


def run_stock(circuits: Any = None, **options: Any) -> Any:
    """A live job of the stock simulator."""
    options = {"shots": 20, "seed_simulator": 3} | options
    return qiskit_aer.AerSimulator().run(bell() if circuits is None else circuits, **options)


def make_result(job_id: str = "made-by-hand", when: datetime.datetime | None = None, **data: Any) -> Result:
    """A Result by other hands."""
    date = (when or datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)).isoformat()
    experiment = ExperimentResult(10, True, ExperimentResultData(**(data or {"counts": {"0x1": 10}})))
    return Result(
        backend_name="hand", backend_version="1", job_id=job_id, success=True, results=[experiment], date=date
    )
