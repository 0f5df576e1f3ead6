"""One value out of many: of a bind, of a shot, of a condition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import aerchive
from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.project.run import Run
from tests.strict import differences


def saved(path: Path, circuit: Any, **options: Any) -> tuple[Run, Any]:
    job = qiskit_aer.AerSimulator(seed_simulator=3).run(circuit, shots=12, **options)
    return aerchive.open(path).save(job), job.result()


def circuit(**how: Any) -> QuantumCircuit:
    made = QuantumCircuit(2, 2)
    made.h(0)
    made.measure(0, 0)
    made.ry(0.3, 1)
    made.save_statevector(**how)
    made.measure(1, 1)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project.h5"


def test_a_shot(path: Path) -> None:
    run, result = saved(path, circuit(pershot=True))
    states = result.data()["statevector"]
    assert len(states) == 12
    for shot in (0, 7, -1):
        assert np.array_equal(run.array("statevector", shot=shot)[:], states[shot].data)
        assert differences(run.value("statevector", shot=shot), states[shot]) == []
    assert differences(run.value("statevector"), states) == []
    with pytest.raises(InvalidInputError, match="has a value for each of 12 shots; choose one with shot="):
        run.array("statevector")
    with pytest.raises(NotFoundError, match="has 12 shots, numbered from 0; there is no 12"):
        run.array(shot=12)
    with pytest.raises(InvalidInputError, match="was not saved with conditional=True"):
        run.array(condition=0)


def test_a_condition(path: Path) -> None:
    run, result = saved(path, circuit(conditional=True))
    states = result.data()["statevector"]
    assert set(states) == {"0x0", "0x1"}
    for condition in (1, "0x1", "1", "01", "0 1"):
        assert np.array_equal(run.array(condition=condition)[:], states["0x1"].data)
        assert differences(run.value("statevector", condition=condition), states["0x1"]) == []
    with pytest.raises(InvalidInputError, match=r"has a value for each condition; choose one of '0x[01]', '0x[01]'"):
        run.array()
    with pytest.raises(NotFoundError, match="nothing was saved for condition '11'"):
        run.value("statevector", condition="11")
    with pytest.raises(InvalidInputError, match="has no list of shots"):
        run.value("statevector", condition=0, shot=1)


def test_a_shot_of_a_condition(path: Path) -> None:
    run, result = saved(path, circuit(conditional=True, pershot=True))
    states = result.data()["statevector"]["0x1"]
    assert np.array_equal(run.array(condition="1", shot=1)[:], states[1].data)
    assert differences(run.value("statevector", condition=1), states) == []


def test_a_bind(path: Path) -> None:
    p = Parameter("p")
    first, second = QuantumCircuit(1), QuantumCircuit(1)
    for made in (first, second):
        made.rx(p, 0)
        made.save_statevector()
    run, result = saved(path, [first, second], parameter_binds=[{p: [0.1, 0.2, 0.3]}, {p: [1.0, 2.0]}])

    for number, (one, bind) in enumerate([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]):
        expected = result.data(number)["statevector"]
        assert np.array_equal(run.array(experiment=one, bind=bind)[:], expected.data)
        assert differences(run.value("statevector", one, bind=bind), expected) == []
    with pytest.raises(NotFoundError, match="circuit 1 has 2 parameter binds, numbered from 0; there is no 2"):
        run.array(experiment=1, bind=2)
    plain, _ = saved(path, circuit())
    with pytest.raises(NotFoundError, match="circuit 0 has no parameter binds"):
        plain.array(bind=0)


def test_what_is_no_list_has_no_shots(path: Path) -> None:
    run, _ = saved(path, circuit())
    with pytest.raises(InvalidInputError, match="has no list of shots to choose from"):
        run.array(shot=0)
    assert run.job().array("statevector").shape == (4,)
