"""What many runs share is stored once: circuits, initial states, targets; and it is right wherever it goes."""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import qiskit_aer
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import random_statevector
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

import aerchive
from aerchive.aer import AerSimulator
from aerchive.errors import FormatError, IntegrityError
from tests import processes
from tests.holding import held
from tests.strict import differences

N = 12
STATE = random_statevector(2**N, seed=7).data
SIZE = STATE.nbytes


def starting(number: int = 0, state: Any = STATE) -> QuantumCircuit:
    """A circuit of its own that starts from the state."""
    circuit = QuantumCircuit(N)
    circuit.set_statevector(state)
    for k in range(number % N + 1):
        circuit.rx(0.1 * number, k)
    circuit.measure_all()
    return circuit


def result(number: int) -> Result:
    experiment = ExperimentResult(1, True, ExperimentResultData(counts={"0x0": 1}))
    return Result(job_id=f"job{number}", results=[experiment], success=True, backend_name="b", backend_version="1")


def objects(path: Path) -> dict[str, int]:
    """How many there are of each kind."""
    with h5py.File(path, "r") as file:
        return {kind: sum(len(head) for head in heads.values()) for kind, heads in file.get("objects", {}).items()}


def run_stock(circuit: QuantumCircuit, **options: Any) -> Any:
    return qiskit_aer.AerSimulator(seed_simulator=1, **options).run(circuit, shots=10)


def test_a_hundred_circuits_from_one_state(path: Path) -> None:
    project = aerchive.open(path)
    project.save(result(-1), circuits=[starting()])
    size = path.stat().st_size
    with project.transaction():
        for number in range(1, 100):
            project.save(result(number), circuits=[starting(number, STATE.copy())])

    assert objects(path) == {"arrays": 1, "circuits": 100, "provenance": 1}
    assert path.stat().st_size - size < 99 * 8000 < 99 * SIZE
    assert project.verify().problems == []
    for number in (1, 57, 99):
        (again,) = project[f"job{number}"].circuits()
        mine = starting(number)
        assert differences(again.data[0].operation.params, mine.data[0].operation.params) == []
        assert again == mine


def test_a_sweep_over_one_circuit(path: Path) -> None:
    project = aerchive.open(path)
    sizes = []
    for number in range(4):
        with project.transaction():
            for k in range(100):
                project.save(result(100 * number + k), circuits=starting(3))  # built again each time
        sizes.append(path.stat().st_size)

    assert objects(path) == {"arrays": 1, "circuits": 1, "provenance": 1}
    growth = np.diff(sizes) / 100
    assert growth.min() < 4500
    assert growth.max() < 8000, "the catalogue is written anew when it has four times as many rows"


def test_what_runs_share_in_several_processes(path: Path) -> None:
    script = """
        import sys
        from qiskit import QuantumCircuit, transpile
        from qiskit.quantum_info import random_statevector
        from qiskit.providers.fake_provider import GenericBackendV2
        from aerchive.aer import AerSimulator

        device = GenericBackendV2(5, coupling_map=[[i, i + 1] for i in range(4)], seed=1)
        simulator = AerSimulator.from_backend(device, project=sys.argv[1], noise_model=None)
        circuit = QuantumCircuit(3)
        circuit.initialize(random_statevector(8, seed=1))
        circuit.measure_all()
        for _ in range(3):
            mapped = transpile(circuit, simulator, initial_layout=[0, 1, 2], optimization_level=0, seed_transpiler=1)
            simulator.run(mapped, shots=10).result()
        simulator = AerSimulator(project=sys.argv[1])
        for _ in range(int(sys.argv[2])):
            QuantumCircuit(1)  # so that the next has another number
        circuit = QuantumCircuit(9)
        circuit.initialize(random_statevector(2**9, seed=1))
        circuit.measure_all()
        simulator.run(circuit, shots=10).result()
    """
    for number in range(2):
        processes.run(script, path, number)

    assert objects(path) == {"arrays": 1, "circuits": 2, "provenance": 1, "target": 1}
    names = [run.circuits()[0].name for run in aerchive.open(path)]
    assert len(set(names)) > 2, "each run has the names it had"
    assert aerchive.open(path).verify().problems == []


def test_names_that_qiskit_made_up_are_with_the_run(path: Path) -> None:
    simulator = AerSimulator(project=path, seed_simulator=1)
    parametric = QuantumCircuit(1, name="mine")
    parametric.rx(Parameter("x"), 0)
    parametric.measure_all()
    jobs = [simulator.run([QuantumCircuit(1), parametric.assign_parameters([0.5])], shots=1) for _ in range(3)]
    live = [job.result() for job in jobs]

    assert objects(path)["circuits"] == 1
    for job, before in zip(jobs, live, strict=True):
        names = [circuit.name for circuit in job.run.circuits()]
        assert names == [experiment.header["name"] for experiment in before.results]
        assert [name.partition("-")[0] for name in names] == ["circuit", "mine"]
        assert job.run.reproduce().verdict == "identical"
    with h5py.File(path, "r") as file:
        assert file[jobs[0].run.path]["circuits"].attrs["names"] == b'["",""]'


def test_given_names_are_with_the_circuits(path: Path) -> None:
    project = aerchive.open(path)
    for number, name in enumerate(("circuit-x", "circuit-7a", "my circuit-7", "Circuit-7", "mine-7", "")):
        run = project.save(result(number), circuits=[QuantumCircuit(1, name=name)])
        assert run.circuits()[0].name == name

    with h5py.File(path, "r") as file:
        names = [node.attrs["names"] for head in file["objects/circuits"].values() for node in head.values()]
    assert sorted(names) == sorted(
        f'["{name}"]'.encode() for name in ("circuit-x", "circuit-7a", "my circuit-7", "Circuit-7", "mine-7", "")
    )


def test_an_array_that_is_changed_after_run(path: Path) -> None:
    simulator = AerSimulator(project=path, seed_simulator=1)
    mine = STATE.copy()
    circuit = starting(2, mine)
    job = simulator.run(circuit, shots=10)
    circuit.data[0].operation.params[0][:] = 0
    mine[:] = 0
    job.result()

    assert differences(job.run.circuits()[0].data[0].operation.params, [STATE]) == []
    assert job.run.reproduce().verdict == "identical"


def test_an_array_that_is_changed_before_the_end_of_a_transaction(path: Path) -> None:
    project = aerchive.open(path)
    buffer = STATE.copy()
    with project.transaction():
        for number in range(3):
            buffer[:] = np.roll(STATE, number)
            project.save(result(number), circuits=[starting(0, buffer)])

    assert objects(path)["arrays"] == 3
    assert project.verify().problems == []
    for number in range(3):
        (circuit,) = project[f"job{number}"].circuits()
        assert differences(circuit.data[0].operation.params, [np.roll(STATE, number)]) == []


def test_one_array_object_in_several_circuits(path: Path) -> None:
    project = aerchive.open(path)
    run = project.save(run_stock([starting(1), starting(1), starting(2)]))

    first, second, third = (circuit.data[0].operation.params[0] for circuit in run.circuits())

    assert objects(path)["arrays"] == 1
    first[:] = 0
    assert second.tobytes() == third.tobytes() == STATE.tobytes()
    assert run.reproduce().verdict == "identical"


def test_a_pending_run_takes_its_arrays_along(path: Path) -> None:
    device = GenericBackendV2(N, coupling_map=[[i, i + 1] for i in range(N - 1)], seed=1)
    simulator = AerSimulator(target=device.target, project=aerchive.open(path, lock_timeout=0.1))
    simulator.run(QuantumCircuit(1), shots=1).result()
    with held(path):
        jobs = [AerSimulator(project=simulator.project).run(starting(k), shots=5) for k in range(3)]
        targets = [simulator.run(QuantumCircuit(2), shots=1)]
        for job in (*jobs, *targets):
            job.result()
        assert all(job.run.in_pending_file for job in jobs)
        (again,) = jobs[1].run.circuits()
        assert differences(again.data[0].operation.params, [STATE]) == []
    simulator.run(QuantumCircuit(1), shots=1).result()

    assert not any(job.run.in_pending_file for job in jobs)
    assert not list(path.parent.glob("*pending*"))
    assert objects(path)["arrays"] == 1
    assert objects(path)["target"] == 1
    project = aerchive.open(path)
    assert project.verify().problems == []
    for job in jobs:
        (again,) = project[job.job_id()].circuits()
        assert differences(again.data[0].operation.params, [STATE]) == []
    assert list(project[targets[0].job_id()].target().operation_names) == list(device.target.operation_names)


def test_runs_that_wait_for_a_commit_keep_their_arrays(path: Path) -> None:
    script = """
        import os, signal, sys
        from qiskit import QuantumCircuit
        from qiskit.quantum_info import random_statevector
        from aerchive.aer import AerSimulator

        simulator = AerSimulator(project=sys.argv[1], durability="exit")
        for number in range(3):
            circuit = QuantumCircuit(12)
            circuit.set_statevector(random_statevector(2**12, seed=7))
            circuit.rx(number, 0)
            circuit.measure_all()
            simulator.run(circuit, shots=10).result()
        assert not os.path.exists(sys.argv[1])
        if sys.argv[2] == "dies":
            print(flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    for end in ("ends", "dies"):
        with processes.start(script, path.with_name(f"{end}.h5"), end) as process:
            process.communicate(timeout=120)
        project = aerchive.open(path.with_name(f"{end}.h5"))
        project.save(result(0))

        assert len(project) == 4
        assert objects(project.path)["arrays"] == 1
        assert project.verify().problems == []
        states = [run.circuits()[0].data[0].operation.params for run in project.runs() if run.job_id != "job0"]
        assert [differences(state, [STATE]) for state in states] == [[], [], []]


def test_a_large_array_does_not_wait(path: Path) -> None:
    simulator = AerSimulator(project=path, durability="exit")
    large = QuantumCircuit(17)
    large.set_statevector(np.eye(1, 2**17, 5, dtype=complex)[0])
    large.measure_all()
    simulator.run(QuantumCircuit(1), shots=1).result()
    assert not path.exists()
    simulator.run(large, shots=1).result()

    assert path.exists()
    assert objects(path)["arrays"] == 1
    assert len(aerchive.open(path)) == 2


def test_copies_and_deletions(path: Path, tmp_path: Path) -> None:
    project = aerchive.open(path)
    for number in range(3):
        project.save(result(number), circuits=[starting(number)])
    copy = project.copy(tmp_path / "copy.h5")
    project.delete_job("job0")
    project.delete_job("job1")

    for one in (project, copy):
        (again,) = one["job2"].circuits()
        assert differences(again.data[0].operation.params, [STATE]) == []
        assert one.verify().problems == []


def link(path: Path, name: str, target: str) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = file[target]


def test_a_link_to_another_array_is_refused(path: Path) -> None:
    project = aerchive.open(path)
    project.save(result(0), circuits=[starting(0)])
    other = project.save(result(1), circuits=[starting(0, STATE[::-1])])
    with h5py.File(path, "r") as file:
        wrong = file[other.path]["circuits/array_0"].attrs["object"].decode()
    link(path, f"{project['job0'].path}/circuits/array_0", wrong)

    with pytest.raises(IntegrityError) as caught:
        project["job0"].circuits()

    where = f"{path}: /{project['job0'].path}/circuits/array_0"
    assert str(caught.value) == f"{where}: leads to /{wrong}, which is another array; restore it from a copy"
    assert any("does not match its name" in problem for problem in project.verify().problems)


def test_circuits_of_a_newer_encoding_are_refused(path: Path) -> None:
    project = aerchive.open(path)
    run = project.save(result(0), circuits=[starting(0)])
    with h5py.File(path, "r+") as file:
        file[run.path]["circuits"].attrs["encoding_version"] = 2

    with pytest.raises(FormatError, match="circuits encoding 2 is newer than this aerchive: upgrade it"):
        run.circuits()


def test_many_names_are_no_problem(path: Path) -> None:
    """Such a list is too long for an attribute."""
    circuits = [QuantumCircuit(1, name=f"a name of some length, number {number}") for number in range(1500)]
    project = aerchive.open(path)
    run = project.save(result(0), circuits=circuits)

    assert [circuit.name for circuit in run.circuits()] == [circuit.name for circuit in circuits]
    assert project.verify().problems == []


def test_transpiled_circuits_are_one(path: Path) -> None:
    """Qiskit writes the registers of a layout in another order each time."""
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 2)
    circuit.measure_all()
    mapped = transpile(circuit, coupling_map=[[i, i + 1] for i in range(6)], seed_transpiler=1)
    project = aerchive.open(path)
    with project.transaction():
        for number in range(30):
            project.save(result(number), circuits=[mapped.copy()])

    assert objects(path)["circuits"] == 1
    assert collections.Counter(map(str, project["job7"].circuits()[0].layout.initial_layout.get_virtual_bits())) == (
        collections.Counter(map(str, mapped.layout.initial_layout.get_virtual_bits()))
    )
