from __future__ import annotations

import concurrent.futures
import copy
import pickle
import re
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qiskit_aer
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Clbit, Instruction, Parameter, ParameterVector, Qubit
from qiskit.providers import JobStatus
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import DensityMatrix, Pauli, SparsePauliOp, random_clifford, random_statevector
from qiskit_aer.jobs import AerJob
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

import aerchive
from aerchive.aer import AerJobError, AerSimulator
from aerchive.errors import ArchiveWarning, InvalidInputError, NotFoundError
from tests import processes
from tests.aer.conftest import assert_same, bell
from tests.strict import differences

OPERATOR = SparsePauliOp.from_list([("ZZ", 0.5), ("XI", -0.25), ("IY", 1.5)])
THETA, PHI = Parameter("θ"), Parameter("φ")
VECTOR = ParameterVector("v", 3)
FAKE = GenericBackendV2(5, seed=7)


def prepared(qubits: int = 2, *, clifford: bool = False, mid: bool = False, name: str | None = None) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, qubits, name=name)
    circuit.h(0)
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    if not clifford:
        circuit.t(0)
        circuit.ry(0.3, qubits - 1)
    if mid:
        circuit.measure(0, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.x(qubits - 1)
    return circuit


def measured(circuit: QuantumCircuit) -> QuantumCircuit:
    circuit.measure(range(circuit.num_qubits), range(circuit.num_qubits))
    return circuit


def saving(add: Callable[[QuantumCircuit], Any], **options: Any) -> QuantumCircuit:
    circuit = prepared(**options)
    add(circuit)
    return measured(circuit)


def noisy() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 1), ["h", "t", "ry"])
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    return model


def swept() -> QuantumCircuit:
    circuit = QuantumCircuit(2, name="sweep", metadata={"sweep": True, 5: (1, 2)})
    circuit.rx(THETA, 0)
    circuit.rz(THETA + 2 * PHI, 0)
    circuit.cx(0, 1)
    circuit.save_statevector()
    circuit.measure_all()
    return circuit


def with_vector() -> QuantumCircuit:
    circuit = QuantumCircuit(1, global_phase=VECTOR[2])
    circuit.u(VECTOR[0], VECTOR[1], VECTOR[2], 0)
    circuit.measure_all()
    return circuit


def registers() -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(4), ClassicalRegister(3, "a"), ClassicalRegister(2, "ç"))
    circuit.h(range(4))
    circuit.measure(range(4), [4, 3, 2, 0])
    return circuit


def loose() -> QuantumCircuit:
    circuit = QuantumCircuit([Qubit(), Qubit()], [Clbit(), Clbit(), Clbit()])
    circuit.h(0)
    circuit.measure([0, 1], [2, 0])
    return circuit


def wide() -> QuantumCircuit:
    circuit = QuantumCircuit(100, 100)
    circuit.h([0, 50])
    circuit.measure(range(100), range(100))
    return circuit


def foreign() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2, name="bad")
    circuit.append(Instruction("nosuch", 2, 0, []), [0, 1])
    return circuit


def large() -> QuantumCircuit:
    circuit = QuantumCircuit(45, name="large")
    circuit.h(range(45))
    circuit.t(range(45))
    circuit.save_statevector()
    return circuit


def set_state(add: Callable[[QuantumCircuit], Any], qubits: int = 2) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, qubits)
    add(circuit)
    circuit.save_state()
    return measured(circuit)


def channel() -> QuantumCircuit:
    circuit = prepared()
    circuit.append(depolarizing_error(0.3, 1).to_instruction(), [0])
    return measured(circuit)


CASES: dict[str, tuple[Callable[[], Any], dict[str, Any], dict[str, Any]]] = {
    # name: circuits, options of the backend, options of the run
    "counts": (lambda: bell(save=False), {}, {"shots": 100}),
    "memory": (registers, {}, {"shots": 50, "memory": True}),
    "loose bits": (loose, {}, {"memory": True}),
    "100 bits": (wide, {"method": "stabilizer"}, {"shots": 20, "memory": True}),
    "no shots": (bell, {}, {"shots": 0}),
    "statevector": (lambda: saving(lambda c: c.save_statevector()), {}, {}),
    "hostile labels": (
        lambda: saving(lambda c: [c.save_statevector(label=x) for x in ("a/b", "..", "ψ\n", "x" * 300)]),
        {},
        {},
    ),
    "pershot": (lambda: saving(lambda c: c.save_statevector(pershot=True), mid=True), {}, {"shots": 5}),
    "conditional": (lambda: saving(lambda c: c.save_statevector(conditional=True), mid=True), {}, {"shots": 9}),
    "dictionary": (lambda: saving(lambda c: c.save_statevector_dict(), qubits=4), {}, {}),
    "density matrix": (lambda: saving(lambda c: c.save_density_matrix([1])), {"method": "density_matrix"}, {}),
    "unitary": (lambda: prepared().copy_empty_like().compose(with_save("save_unitary")), {"method": "unitary"}, {}),
    "superop": (lambda: with_save("save_superop"), {"method": "superop"}, {}),
    "stabilizer": (lambda: saving(lambda c: c.save_stabilizer(), clifford=True), {"method": "stabilizer"}, {}),
    "clifford": (lambda: saving(lambda c: c.save_clifford(), clifford=True), {"method": "stabilizer"}, {}),
    "mps": (lambda: saving(lambda c: c.save_matrix_product_state(), qubits=4), {"method": "matrix_product_state"}, {}),
    "mps log": (lambda: measured(prepared(4)), {"method": "matrix_product_state"}, {"mps_log_data": True}),
    "expectation": (lambda: saving(lambda c: c.save_expectation_value(OPERATOR, [0, 1])), {}, {}),
    "variance": (lambda: saving(lambda c: c.save_expectation_value_variance(Pauli("Z"), [1])), {}, {}),
    "expectation pershot": (
        lambda: saving(lambda c: c.save_expectation_value(OPERATOR, [0, 1], pershot=True), mid=True),
        {},
        {"shots": 7},
    ),
    "probabilities": (lambda: saving(lambda c: c.save_probabilities([1])), {}, {}),
    "probabilities dict": (lambda: saving(lambda c: c.save_probabilities_dict()), {}, {}),
    "amplitudes": (lambda: saving(lambda c: c.save_amplitudes([0, 3])), {}, {}),
    "amplitudes squared": (lambda: saving(lambda c: c.save_amplitudes_squared([0, 3])), {}, {}),
    "single precision": (lambda: saving(lambda c: c.save_statevector()), {"precision": "single"}, {}),
    "extended stabilizer": (lambda: measured(prepared(3)), {"method": "extended_stabilizer"}, {}),
    "batch": (lambda: [bell("a"), registers(), bell("a")], {}, {"shots": 30, "memory": True}),
    "batch with and without bits": (lambda: [with_save("save_statevector"), bell()], {}, {}),
    "tuple": (lambda: (bell(), registers()), {}, {}),
    "set statevector": (lambda: set_state(lambda c: c.set_statevector(random_statevector(4, seed=3))), {}, {}),
    "set density matrix": (
        lambda: set_state(lambda c: c.set_density_matrix(DensityMatrix(random_statevector(4, seed=3)))),
        {"method": "density_matrix"},
        {},
    ),
    "set stabilizer": (
        lambda: set_state(lambda c: c.set_stabilizer(random_clifford(2, seed=5))),
        {"method": "stabilizer"},
        {},
    ),
    "noise of the backend": (lambda: measured(prepared()), {"noise_model": noisy()}, {}),
    "noise of the run": (lambda: measured(prepared()), {}, {"noise_model": noisy()}),
    "noise in the circuit": (channel, {}, {}),
    "binds": (swept, {}, {"parameter_binds": [{THETA: [0, 0.1, np.pi], PHI: [0, 1, 2]}]}),
    "binds in arrays": (swept, {}, {"parameter_binds": [{THETA: np.linspace(0, 1, 4), PHI: np.zeros(4, np.float32)}]}),
    "binds of two": (
        lambda: [swept(), with_vector()],
        {},
        {"parameter_binds": [{THETA: [0, 1], PHI: [2, 3]}, {VECTOR[0]: [0.1], VECTOR[1]: [0.2], VECTOR[2]: [0.3]}]},
    ),
    "binds at run time": (
        swept,
        {},
        {"parameter_binds": [{THETA: [0, 1], PHI: [0, 1]}], "runtime_parameter_bind_enable": True},
    ),
    "names": (lambda: [bell("ψ→φ 😀"), bell("a/b"), bell(""), bell("x" * 1000), bell("nul\0x")], {}, {}),
    "metadata": (lambda: with_metadata({"c": 1j, 5: (1, {2}), "a": np.arange(3), "n": None}), {}, {}),
    "empty circuit": (lambda: QuantumCircuit(1, 1), {}, {}),
    "threads": (lambda: measured(prepared(5)), {"max_parallel_threads": 1}, {"shots": 500}),
    "fails": (large, {"method": "statevector"}, {}),
    "fails in part": (lambda: [measured(prepared(clifford=True)), measured(prepared())], {"method": "stabilizer"}, {}),
    "duplicate label": (lambda: saving(lambda c: [c.save_statevector(), c.save_statevector()]), {}, {}),
}


def with_save(name: str) -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    getattr(circuit, name)()
    return circuit


def with_metadata(metadata: dict[Any, Any]) -> QuantumCircuit:
    circuit = bell()
    circuit.metadata = metadata
    return circuit


RAISING: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "unknown instruction": (foreign, {}),
    "unknown instruction in a batch": (lambda: [bell(), foreign()], {}),
    "unbound": (swept, {}),
    "one bind missing": (swept, {"parameter_binds": [{THETA: [0.0]}]}),
    "binds of other number": (swept, {"parameter_binds": [{THETA: [0.0], PHI: [0.0]}] * 2}),
    "option of a wrong type": (bell, {"shots": "many"}),
    "unknown method": (bell, {"method": "nope"}),
    "seed too large": (bell, {"seed_simulator": 2**70}),
    "no circuits": (list, {}),
    "no circuit": (lambda: None, {}),
    "not circuits": (lambda: [5, "x"], {}),
    "generator": (lambda: (bell() for _ in range(2)), {}),
    "binds that are none": (swept, {"parameter_binds": 5}),
    "binds that are text": (swept, {"parameter_binds": ["x"]}),
}


def without_addresses(message: object) -> str:
    return re.sub("0x[0-9a-f]+", "0x", str(message))


def outcome(simulator: Any, circuits: Any, options: dict[str, Any]) -> tuple[str, Any]:
    """The result, or the exception and where it was raised."""
    try:
        job = simulator.run(circuits, **options)
    except Exception as error:  # noqa: BLE001  (compared with the stock simulator's)
        return "run", error
    try:
        return "ok", job.result()
    except Exception as error:  # noqa: BLE001  (compared with the stock simulator's)
        return "result", error


@pytest.mark.parametrize("case", CASES)
def test_is_the_stock_simulator(path: Path, case: str) -> None:
    make, backend_options, run_options = CASES[case]
    backend_options = {"seed_simulator": 1234} | backend_options
    circuits = make()
    stock = qiskit_aer.AerSimulator(**backend_options).run(circuits, **run_options).result()

    job = AerSimulator(project=path, **backend_options).run(circuits, **run_options)
    mine = job.result()

    assert type(mine) is type(stock)
    assert_same(stock, mine, timing=False)
    # and another process finds exactly that
    read = aerchive.open(path, "r").job(job.job_id())
    assert_same(mine, read.result())
    expected = "ok" if mine.success else "partial" if any(one.success for one in mine.results) else "failed"
    assert read.run.outcome == expected
    assert read.status() is JobStatus.DONE
    assert job.run.job_id == job.job_id()
    assert job.run.durable


@pytest.mark.parametrize("case", RAISING)
def test_raises_what_the_stock_simulator_raises(path: Path, case: str) -> None:
    make, options = RAISING[case]
    where, stock = outcome(qiskit_aer.AerSimulator(), make(), options)
    assert isinstance(stock, Exception)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArchiveWarning)  # not all of these circuits can be stored
        my_where, mine = outcome(AerSimulator(project=path), make(), options)

    assert (my_where, type(mine), without_addresses(mine)) == (where, type(stock), without_addresses(stock))
    if where == "result":
        (run,) = aerchive.open(path, "r")
        assert run.outcome == "error"
        assert run.record.status.error_type.endswith(type(stock).__qualname__)
        assert without_addresses(run.record.status.message) in without_addresses(stock)
        assert run.job().status() is JobStatus.ERROR
        with pytest.raises(AerJobError) as raised:
            run.result()
        assert raised.value.message == run.record.status.message
        assert type(stock).__name__ in raised.value.stored_traceback


def test_live_job_is_that_of_aer(simulator: AerSimulator) -> None:
    circuits = [bell()]
    job = simulator.run(circuits, shots=5, seed_simulator=3)

    result = job.result()

    assert isinstance(job, AerJob)
    assert job.circuits() is circuits
    assert job.backend() is simulator
    assert job.result() is result
    assert job.status() is JobStatus.DONE
    assert job.done()
    assert not job.cancel()
    assert job.job_id() == result.job_id
    assert job._run_options == {"shots": 5, "seed_simulator": 3}
    slow = QuantumCircuit(20)
    for _ in range(20):
        slow.h(range(20))
    slow.measure_all()
    late = simulator.run(slow)
    with pytest.raises(concurrent.futures.TimeoutError):
        late.result(timeout=0)


def test_labels(simulator: AerSimulator, project: aerchive.Project) -> None:
    job = simulator.run(bell(), shots=5, name="bell", tags=["a", "b"], notes="n", params={"x": 0.5})
    job.result()

    run = project[job.job_id()]
    assert (run.name, run.tags, run.notes, run.params) == ("bell", ("a", "b"), "n", {"x": 0.5})
    assert run.record.config.options == {"shots": 5}
    assert job._run_options == {"shots": 5}
    simulator.run(bell(), tags="single").result()
    assert len(project.find(tags="single")) == 1


@pytest.mark.parametrize(
    "labels", [{"name": 5}, {"tags": [5]}, {"notes": 5}, {"params": {5: 1}}, {"params": {"x": object}}], ids=str
)
def test_wrong_labels_are_refused_before_anything_is_simulated(
    simulator: AerSimulator, path: Path, labels: Any
) -> None:
    with pytest.raises((InvalidInputError, aerchive.UnsupportedTypeError)):
        simulator.run(bell(), **labels)

    assert not path.exists()


def test_saving_an_archived_job_adds_labels(simulator: AerSimulator, project: aerchive.Project) -> None:
    job = simulator.run(bell(), tags="a")

    project.save(job, tags="b", name="named")

    assert len(project) == 1
    assert project.latest().tags == ("a", "b")


# what ran is what is archived


def test_circuit_changed_after_run(simulator: AerSimulator, gate: Callable[[], None]) -> None:
    circuit = bell(save=False)
    original = circuit.copy()
    circuits = [circuit]
    job = simulator.run(circuits, shots=10)
    circuit.x(0)
    circuit.measure_all()
    circuit.name = "changed"
    circuit.metadata = {"changed": True}
    circuits.append(QuantumCircuit(1, 1))
    circuits[0] = QuantumCircuit(3, 3)

    gate()

    result = job.result()
    assert len(result.results) == 1
    assert result.results[0].header["name"] == "bell"
    assert result.results[0].header["metadata"] in ({}, None)
    assert {key.count(" ") for key in result.get_counts()} == {0}
    assert job.run.circuits() == [original]
    assert job.run.circuits()[0].name == "bell"
    assert job.run.record.config.circuit_names == ["bell"]


def test_options_changed_after_run(simulator: AerSimulator, gate: Callable[[], None]) -> None:
    simulator.set_options(shots=11, seed_simulator=5)
    job = simulator.run(bell())
    simulator.set_options(shots=7, method="density_matrix", seed_simulator=6)

    gate()

    result = job.result()
    assert result.results[0].shots == 11
    assert result.results[0].seed_simulator == 5
    assert result.results[0].metadata["method"] == "statevector"
    options = job.run.record.config.options
    assert (options["shots"], options["seed_simulator"], options.get("method")) == (11, 5, None)
    assert simulator.options.shots == 7
    assert simulator.run(bell(save=False)).result().results[0].shots == 7


def test_binds_changed_after_run(simulator: AerSimulator, gate: Callable[[], None]) -> None:
    values, array = [0.0, np.pi], np.array([0.0, 0.0])
    binds = [{THETA: values, PHI: array}]
    job = simulator.run(swept(), parameter_binds=binds, shots=10)
    values[:] = [5.0, 5.0]
    array[:] = 5
    binds[0][THETA] = [1.0]
    binds.append({})

    gate()

    result = job.result()
    assert [set(counts) for counts in result.get_counts()] == [{"00"}, {"11"}]
    assert job.run.counts(1) == {"11": 10}
    (given,) = job.run.parameter_binds() or []
    assert given.keys() == {THETA, PHI}
    assert given[THETA] == [0.0, np.pi]
    assert given[PHI].tolist() == [0.0, 0.0]


def test_run_options_changed_after_run(simulator: AerSimulator, gate: Callable[[], None]) -> None:
    gates = ["h", "cx", "measure", "save_statevector"]
    job = simulator.run(bell(), shots=5, basis_gates=gates)
    gates.clear()

    gate()
    job.result()

    assert job.run.record.config.options["basis_gates"] == ["h", "cx", "measure", "save_statevector"]


def test_noise_model_changed_after_run(simulator: AerSimulator, gate: Callable[[], None]) -> None:
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[1, 0], [0, 1]]))
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    job = simulator.run(circuit, shots=20, noise_model=model)
    model.add_all_qubit_readout_error(ReadoutError([[0, 1], [1, 0]]), warnings=False)

    gate()

    assert job.result().get_counts() == {"0": 20}


def test_archived_circuits_run_again_to_the_same(path: Path) -> None:
    for number, case in enumerate(("conditional", "binds of two", "noise of the backend", "set stabilizer", "mps")):
        make, backend_options, run_options = CASES[case]
        simulator = AerSimulator(project=path, **{"seed_simulator": number} | backend_options)
        job = simulator.run(make(), **run_options)
        result = job.result()

        again = qiskit_aer.AerSimulator(**{"seed_simulator": number} | backend_options).run(
            job.run.circuits(), **run_options
        )

        assert_same(result, again.result(), timing=False)


# what may become of a job


def test_cancelled(simulator: AerSimulator, project: aerchive.Project, gate: Callable[[], None]) -> None:
    job = simulator.run(bell(), tags="cancelled")
    assert job.status() is JobStatus.INITIALIZING

    assert job.cancel()

    gate()
    with pytest.raises(concurrent.futures.CancelledError):
        job.result()
    (run,) = project
    assert run.outcome == "cancelled"
    assert run.tags == ("cancelled",)
    assert len(run.circuits()) == 1
    archived = run.job()
    assert archived.status() is JobStatus.CANCELLED
    assert archived.cancelled()
    with pytest.raises(concurrent.futures.CancelledError):
        archived.result()


class Interrupted(Exception):
    """Raised at the end of a transaction."""


def begin_and_fail(project: aerchive.Project, step: Callable[[], Any]) -> None:
    with project.transaction():
        assert step()
        raise Interrupted


def test_cancelled_in_a_transaction_that_raises(project: aerchive.Project, gate: Callable[[], None]) -> None:
    simulator = AerSimulator(project=project)

    with pytest.raises(Interrupted):
        begin_and_fail(project, lambda: simulator.run(bell()).cancel())

    gate()
    assert [run.outcome for run in project] == ["cancelled"]


def test_simulated_in_a_transaction_that_raises(project: aerchive.Project) -> None:
    simulator = AerSimulator(project=project)

    with pytest.raises(Interrupted):
        begin_and_fail(project, lambda: simulator.run(bell()).result())

    assert [run.outcome for run in project] == ["ok"]


def test_many_jobs_at_once(simulator: AerSimulator, project: aerchive.Project) -> None:
    jobs = [simulator.run(bell(), shots=10, seed_simulator=number) for number in range(20)]

    counts = [job.result().get_counts() for job in jobs]

    assert [project[job.job_id()].counts() for job in jobs] == counts
    assert len(project) == 20


def test_binds_know_their_circuit(simulator: AerSimulator) -> None:
    make, _, options = CASES["binds of two"]
    job = simulator.run(make(), **options)
    job.result()

    rows = {(row.experiment, row.bind) for row in job.run.saved}

    assert rows == {(0, 0), (1, 1), (2, 0)}
    assert job.run.record.config.num_circuits == 2
    assert job.run.record.config.num_experiments == 3


# the simulator itself


def test_pickle_copy_and_deepcopy(simulator: AerSimulator, project: aerchive.Project) -> None:
    simulator.set_options(shots=13)

    for number, other in enumerate(
        (copy.copy(simulator), copy.deepcopy(simulator), pickle.loads(pickle.dumps(simulator))), 1
    ):
        assert type(other) is AerSimulator
        assert other.options.shots == 13
        job = other.run(bell())
        assert job.result().results[0].shots == 13
        assert len(project) == number
        assert job.job_id() in project
    simulator.run(bell()).result()
    for other in (copy.deepcopy(simulator), pickle.loads(pickle.dumps(simulator))):
        other.set_options(shots=1)
        assert simulator.options.shots == 13


def test_from_backend(path: Path, project: aerchive.Project) -> None:
    circuit = transpile(bell(save=False), FAKE, seed_transpiler=1)
    stock = qiskit_aer.AerSimulator.from_backend(FAKE, seed_simulator=3).run(circuit, shots=50).result()

    simulator = AerSimulator.from_backend(FAKE, seed_simulator=3, project=path)
    job = simulator.run(circuit, shots=50)

    assert type(simulator) is AerSimulator
    assert_same(stock, job.result(), timing=False)
    run = project[job.job_id()]
    assert run.record.config.backend_name == simulator.name
    assert "noise_model" in run.record.config.options
    assert run.result().get_counts() == stock.get_counts()
    assert run.job().backend().options.seed_simulator == 3


def test_from_backend_without_a_project_uses_that_of_the_settings() -> None:
    AerSimulator.from_backend(FAKE).run(transpile(bell(save=False), FAKE)).result()

    assert len(aerchive.open(None, "r")) == 1


def test_is_accepted_by_the_transpiler_and_primitives(simulator: AerSimulator, project: aerchive.Project) -> None:
    from qiskit_aer.primitives import SamplerV2

    circuit = transpile(bell(save=False), simulator)

    result = SamplerV2.from_backend(simulator).run([circuit], shots=25).result()

    assert sum(result[0].data.meas.get_counts().values()) == 25
    assert project.latest().program == "sampler"
    assert sum(project.latest(program="run", parent__ne="").counts().values()) == 25


def test_two_simulators_of_one_process(tmp_path: Path) -> None:
    one, other = (AerSimulator(project=tmp_path / name) for name in ("one.h5", "other.h5"))

    jobs = [simulator.run(bell()) for simulator in (one, other, one)]
    for job in jobs:
        job.result()

    assert len(one.project) == 2
    assert [run.job_id for run in other.project] == [jobs[1].job_id()]


def test_project_may_be_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    simulator = AerSimulator(project="here.h5")
    monkeypatch.chdir("/")

    simulator.run(bell()).result()

    assert (tmp_path / "here.h5").exists()


def test_nothing_is_made_before_the_first_run(simulator: AerSimulator, tmp_path: Path) -> None:
    assert len(simulator.project) == 0
    assert list(tmp_path.iterdir()) == []


# when archiving fails


def test_value_without_a_codec_is_named(simulator: AerSimulator, project: aerchive.Project) -> None:
    circuit = with_metadata({"foreign": object(), "kept": 1})
    stock = qiskit_aer.AerSimulator().run(with_metadata({"kept": 1}), shots=10, seed_simulator=1).result()
    job = simulator.run(circuit, shots=10, seed_simulator=1, unknown_option=object())

    with pytest.warns(ArchiveWarning, match=f"{job.job_id()}.*builtins.object") as caught:
        result = job.result()

    assert [warning.filename for warning in caught] == [__file__]
    assert "unknown_option" in str(caught[0].message)
    assert differences(dict(stock.get_counts()), dict(result.get_counts())) == []
    assert type(result.results[0].header["metadata"]["foreign"]) is object
    run = project[job.job_id()]
    assert run.counts() == dict(result.get_counts())
    assert differences(result.get_statevector(), run.value("statevector")) == []
    assert run.result().results[0].header["metadata"]["kept"] == 1
    assert run.record.config.missing
    assert job.result() is result, "the warning is given once"


class Copied(Exception):
    """Raised by a circuit that cannot be copied."""


class Uncopyable(QuantumCircuit):
    """Of somebody else."""

    def copy(self, name: str | None = None) -> Any:
        raise Copied(name)


def test_circuit_that_cannot_be_copied(simulator: AerSimulator, project: aerchive.Project) -> None:
    circuit = Uncopyable(1, 1, name="odd")
    circuit.measure(0, 0)

    job = simulator.run(circuit, shots=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArchiveWarning)
        result = job.result()

    assert result.get_counts() == {"0": 5}
    assert project[job.job_id()].counts() == {"0": 5}


def spoil(path: Path, how: str) -> None:
    if how == "not HDF5":
        path.write_bytes(b"hello" * 100)
        return
    aerchive.open(path).save(qiskit_aer.AerSimulator().run(bell()))
    data = bytearray(path.read_bytes())
    if how == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif how == "catalogue":
        at = data.index(b"statevector\0")
        data[at] ^= 1
        path.write_bytes(data)


def test_a_damaged_row_of_the_catalogue_keeps_nobody_from_saving(tmp_path: Path) -> None:
    path = tmp_path / "project.h5"
    spoil(path, "catalogue")

    job = AerSimulator(project=path).run(bell(), shots=10)
    job.result()

    assert sum(job.run.counts().values()) == 10
    assert any("row 0 is damaged" in problem for problem in aerchive.open(path, "r").verify().problems)


@pytest.mark.parametrize("how", ["not HDF5", "truncated", "a folder", "no folder"])
def test_place_that_goes_bad_while_aer_runs(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("AERCHIVE_PENDING_FOLDER", str(tmp_path / "file" / "pending"))  # that place is bad, too
    (tmp_path / "file").touch()
    path = tmp_path / "folder" / "project.h5"
    path.parent.mkdir()
    stock = qiskit_aer.AerSimulator().run(bell(), shots=10, seed_simulator=1).result()
    spoilt = tmp_path / "spoilt.h5"
    if how in ("not HDF5", "truncated"):
        spoil(spoilt, how)
    gate = request.getfixturevalue("gate")
    simulator = AerSimulator(project=path)
    monkeypatch.setenv("AERCHIVE_ON_ERROR", "warn")
    job = simulator.run(bell(), shots=10, seed_simulator=1)
    monkeypatch.setenv("AERCHIVE_ON_ERROR", "raise")
    raising = simulator.run(bell(), shots=10)
    if how == "a folder":
        path.mkdir()
    elif how == "no folder":
        shutil.rmtree(path.parent)
    else:
        spoilt.rename(path)
    before = path.read_bytes() if path.is_file() else None
    gate()

    with pytest.warns(ArchiveWarning, match=f"{job.job_id()} was not archived in .*{path.name}") as caught:
        result = job.result()

    assert [warning.filename for warning in caught] == [__file__]
    assert_same(stock, result, timing=False)
    with pytest.raises(NotFoundError, match="was not archived"):
        job.run  # noqa: B018
    assert (path.read_bytes() if path.is_file() else None) == before
    with pytest.raises(aerchive.AerchiveError):
        raising.result()
    assert raising.result().success, "the result is there all the same"


def test_job_that_raised_and_cannot_be_archived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("AERCHIVE_PENDING_FOLDER", "/dev/null/pending")
    path = tmp_path / "project.h5"
    _, stock = outcome(qiskit_aer.AerSimulator(), bell(), {"shots": "many"})
    gate = request.getfixturevalue("gate")
    job = AerSimulator(project=path).run(bell(), shots="many")
    spoil(path, "not HDF5")
    gate()

    with pytest.warns(ArchiveWarning), pytest.raises(type(stock)) as raised:
        job.result()

    assert str(raised.value) == str(stock)


def test_locked_project(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aerchive.open(path).save(qiskit_aer.AerSimulator().run(bell()))
    monkeypatch.setenv("AERCHIVE_LOCK_TIMEOUT", "0.2")
    script = """
        import fcntl, os, sys, time
        fd = os.open(sys.argv[1], os.O_RDWR)
        fcntl.flock(fd, fcntl.LOCK_EX)
        print("locked", flush=True)
        time.sleep(60)
    """
    with processes.start(script, path) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "locked\n"
            job = AerSimulator(project=path).run(bell(), shots=10, tags="meanwhile")
            result = job.result()
            assert sum(result.get_counts().values()) == 10
            assert job.run.in_pending_file
            assert job.run.counts() == dict(result.get_counts())
        finally:
            holder.kill()

    later = AerSimulator(project=path).run(bell())
    later.result()
    project = aerchive.open(path)
    assert len(project) == 3
    assert [run.job_id for run in project.find(tags="meanwhile")] == [job.job_id()]
    assert project[job.job_id()].counts() == dict(result.get_counts())
    assert not project[job.job_id()].in_pending_file
    assert [file.name for file in path.parent.iterdir() if not file.name.startswith(".")] == ["project.h5"]


def test_script_that_ends_without_asking_for_the_result(path: Path) -> None:
    script = """
        import sys
        from aerchive.aer import AerSimulator
        from tests.aer.conftest import bell
        simulator = AerSimulator(project=sys.argv[1])
        for number in range(3):
            print(simulator.run(bell(), shots=10 + number, tags="script", params={"n": number}).job_id())
    """

    ids = processes.run(script, path).split()

    project = aerchive.open(path, "r")
    assert [run.job_id for run in project.find(tags="script", outcome="ok")] == ids
    assert [sum(project[job_id].counts().values()) for job_id in ids] == [10, 11, 12]
    assert [file.name for file in path.parent.iterdir()] == ["project.h5"]
