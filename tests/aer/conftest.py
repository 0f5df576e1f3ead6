"""Simulators, stock and archiving, and what is compared between them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from qiskit import QuantumCircuit
from qiskit.result import Result
from qiskit_aer.jobs import utils

import aerchive
from aerchive.aer import AerSimulator
from tests.strict import TIMING, differences

NOT_REPRODUCIBLE = TIMING | {
    "time_taken_execute",
    "time_taken_parameter_binding",
    "sample_measure_time",
    "max_memory_mb",
    "MPS_log_data",
}
"""Keys that differ between two runs of the same simulation, on any level."""


def bell(name: str = "bell", *, save: bool = True) -> QuantumCircuit:
    circuit = QuantumCircuit(2, name=name)
    circuit.h(0)
    circuit.cx(0, 1)
    if save:
        circuit.save_statevector()
    circuit.measure_all()
    return circuit


def everything(result: Result, *, timing: bool = True) -> dict[str, Any]:
    """All that a result holds, in plain containers and in its order."""

    def strip(value: Any) -> Any:
        if timing or type(value) is not dict:
            return value
        return {key: strip(item) for key, item in value.items() if key not in NOT_REPRODUCIBLE}

    own = {name: strip(value) for name, value in vars(result).items() if name not in ("results", "_run")}
    experiments = [
        [
            strip({name: value for name, value in vars(experiment).items() if name != "data"}),
            dict(experiment.data.to_dict()),
        ]
        for experiment in result.results
    ]
    return {"own": strip(own), "experiments": [[strip(fields), data] for fields, data in experiments]}


def assert_same(one: Result, other: Result, *, timing: bool = True) -> None:
    """Two results are the same, bit for bit; with ``timing=False`` they come from two runs of the same simulation."""
    assert differences(everything(one, timing=timing), everything(other, timing=timing)) == []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project.h5"


@pytest.fixture
def simulator(path: Path) -> AerSimulator:
    return AerSimulator(project=path)


@pytest.fixture
def project(path: Path) -> aerchive.Project:
    return aerchive.open(path)


@pytest.fixture
def gate() -> Iterator[Callable[[], None]]:
    """Keeps Aer's one worker thread busy until it is called: jobs that are run before stay pending."""
    event = threading.Event()
    utils.DEFAULT_EXECUTOR.submit(event.wait, 60)
    yield event.set
    event.set()
