"""Which saved value `Run.state` takes, and what it says if there is none."""

from __future__ import annotations

import fcntl
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import DensityMatrix, Operator, Statevector, SuperOp, random_statevector

import aerchive
from aerchive import layout
from aerchive.errors import FormatError, InvalidInputError, NotFoundError
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.storage.chunks.read_plan import ReadPlan
from aerchive.stored.decoder import StoredDecoder
from aerchive.stored.location import Locator
from tests.jobs import make_result, run_stock
from tests.strict import differences

PSI = [random_statevector(4, seed=seed) for seed in range(6)]


def test_the_only_one_there_is(project: aerchive.Project) -> None:
    run = project.save(make_result(counts={"0x1": 10}, energy=1.5, array=np.arange(3), psi=PSI[0]))

    assert run.state()[1] == PSI[0].data[1]
    assert run.job().state()[1] == PSI[0].data[1]
    assert run.job().state("psi", experiment=0).label == "psi"


def test_kinds(project: aerchive.Project) -> None:
    data = {
        "psi": Statevector([1, 0]),
        "rho": DensityMatrix(np.eye(2) / 2),
        "U": Operator(np.eye(2)),
        "S": SuperOp(np.eye(4)),
    }
    run = project.save(make_result(**data))

    found = {label: type(run.state(label)) for label in data}

    assert found == {
        "psi": aerchive.StoredState,
        "rho": aerchive.StoredDensityMatrix,
        "U": aerchive.StoredOperator,
        "S": aerchive.StoredSuperOp,
    }


def test_several(project: aerchive.Project) -> None:
    run = project.save(make_result(a=PSI[0], x=np.arange(3), b=PSI[1], c=[PSI[2], PSI[3]]))

    with pytest.raises(InvalidInputError, match="several states; choose one of 'a', 'b', 'c'"):
        run.state()


def test_none(project: aerchive.Project) -> None:
    run = project.save(make_result(energy=0.5, x=np.arange(3)))

    with pytest.raises(NotFoundError, match="experiment 0: no state was saved"):
        run.state()
    with pytest.raises(NotFoundError, match="nothing was saved as 'psi'; there are 'energy', 'x'"):
        run.state("psi")
    with pytest.raises(InvalidInputError, match=r"'x' is of kind array; of statevector, .* read whole with value"):
        run.state("x")
    with pytest.raises(InvalidInputError, match=r"'energy' is of kind scalar.*value\('energy'\)"):
        run.state("energy")


def test_values_that_are_read_whole(project: aerchive.Project) -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.save_matrix_product_state(label="mps")
    mps = project.save(run_stock(circuit, method="matrix_product_state"))
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.save_stabilizer(label="stab")
    circuit.save_clifford(label="clifford")
    stabilizer = project.save(run_stock(circuit, method="stabilizer"))

    for run, label, kind in [
        (mps, "mps", "tuple of"),
        (stabilizer, "stab", "stabilizer_state"),
        (stabilizer, "clifford", "clifford"),
    ]:
        message = rf"'{label}' is of kind {kind}.*read whole with value\('{label}'\)"
        with pytest.raises(InvalidInputError, match=message):
            run.state(label)


def test_shots_and_conditions(project: aerchive.Project) -> None:
    run = project.save(
        make_result(shots=PSI[:3], bits={"0x0": PSI[3], "0x2": PSI[4]}, both={"0x0": [PSI[5], PSI[0]]}, one=[PSI[1]])
    )

    assert run.state("shots", shot=2)[3] == PSI[2].data[3]
    assert run.state("bits", condition="10")[3] == PSI[4].data[3]
    assert run.state("both", condition=0, shot=1)[3] == PSI[0].data[3]
    assert run.state("one").label == "one"
    with pytest.raises(InvalidInputError, match="each of 3 shots"):
        run.state("shots")
    with pytest.raises(InvalidInputError, match="for each condition"):
        run.state("bits")
    with pytest.raises(NotFoundError, match="3 shots"):
        run.state("shots", shot=3)


def test_binds(project: aerchive.Project) -> None:
    angle = Parameter("angle")
    circuit = QuantumCircuit(1)
    circuit.rx(angle, 0)
    circuit.save_statevector()
    run = project.save(run_stock(circuit, parameter_binds=[{angle: [0.0, np.pi]}]))

    assert abs(run.state(bind=0).amplitude("0")) == pytest.approx(1)
    assert abs(run.state(bind=1).amplitude("1")) == pytest.approx(1)
    with pytest.raises(NotFoundError, match="no 2"):
        run.state(bind=2)


def test_a_newer_encoding_is_refused(project: aerchive.Project) -> None:
    run = project.save(make_result(psi=PSI[0]))
    run.stored_result.experiments[0].data["psi"][TYPE_KEY] = "statevector/2"

    with pytest.raises(FormatError, match="encoding statevector/2, which is newer than this aerchive: upgrade"):
        run.state()


@pytest.mark.parametrize(
    ("label", "dims"),
    [
        ("psi", [[2, 2, 2], []]),
        ("psi", [[3], []]),
        ("psi", [["x"], []]),
        ("psi", []),
        ("psi", 5),
        ("rho", [[2], [2, 2]]),
        ("S", [[2, 2], [2]]),
        ("odd", None),
    ],
)
def test_dimensions_that_do_not_fit_are_refused(project: aerchive.Project, label: str, dims: Any) -> None:
    data = {
        "psi": PSI[0],
        "rho": DensityMatrix(np.eye(4)),
        "S": SuperOp(np.eye(4)),
        "odd": Statevector(np.ones(3)),
    }
    run = project.save(make_result(**data))
    assert run.state(label).is_consistent
    run.stored_result.experiments[0].data[label]["dims"] = dims

    with pytest.raises(FormatError, match=rf"'{label}': an array of shape .* of the dimensions"):
        run.state(label)


def test_arrays_that_do_not_fit_are_refused(project: aerchive.Project) -> None:
    run = project.save(make_result(psi=PSI[0], numbers=np.arange(4.0), matrix=np.eye(4, dtype=complex)))
    data = run.stored_result.experiments[0].data

    for label in ("numbers", "matrix"):
        data["psi"]["data"] = data[label]["data"]
        with pytest.raises(FormatError, match="is no statevector"):
            run.state("psi")


# reading whole values


@pytest.mark.parametrize("kind", ["states", "tensors"])
def test_values_are_read_without_a_lock(project: aerchive.Project, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data: dict[str, Any] = {
        "states": [random_statevector(2**10, seed=1), Statevector(np.ones(3))],
        "tensors": ([(np.eye(40), np.eye(40) * 1j)], [np.arange(40.0)]),
    }
    run = project.save(make_result(x=data[kind]))
    reads = []
    original = ReadPlan.read

    def read(plan: ReadPlan, fd: int, *watch: Any) -> Any:
        if plan.name not in (layout.RESULT, layout.INPUTS):
            with project.path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises, if anybody holds a lock
            reads.append(plan.name)
        return original(plan, fd, *watch)

    monkeypatch.setattr(ReadPlan, "read", read)

    value = run.value("x")

    assert reads
    if kind == "states":
        assert value[0].data.tobytes() == data["states"][0].data.tobytes()
    else:
        assert value[0][0][1].tobytes() == (np.eye(40) * 1j).tobytes()


def test_an_array_that_only_its_codec_knows_of_is_looked_up_when_it_asks(project: aerchive.Project) -> None:
    run = project.save(make_result(x=PSI[0], y=PSI[1]))
    stored = run.stored_result
    first, second = (stored.data(0, label)["data"] for label in "xy")

    with StoredDecoder(stored._opener, Locator(run.run_uuid), stored.data(0, "x")) as decoder:
        assert decoder.array(second).tobytes() == PSI[1].data.tobytes()
        assert decoder.array(first).tobytes() == PSI[0].data.tobytes()
        assert differences(PSI[1], decoder.value(stored.data(0, "y"))) == []
