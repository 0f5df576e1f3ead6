from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector

import aerchive
from aerchive.errors import InvalidInputError, NotFoundError, UnsupportedTypeError
from tests import processes
from tests.jobs import bell, make_result, run_stock
from tests.strict import differences

Reopen = Callable[[], aerchive.Project]


def test_saved_values(project: aerchive.Project) -> None:
    data = {
        "counts": {"0x1": 10},
        "b/psi": Statevector([1, 0, 0, 0]),
        "a": [np.arange(3.0), np.arange(3.0)],
        "energy": 0.5,
        "json": {"x": 1},
        "conditional": {"0x1": Statevector([1, 0])},
        "tuple": (np.arange(4), np.arange(2)),
    }

    run = project.save(make_result(**data))

    found = [(row.experiment, row.label, row.kind, row.shape, row.dtype, row.nbytes) for row in run.saved]
    assert found == [
        (0, "counts", "counts", (), "", 0),
        (0, "b/psi", "statevector", (4,), "<c16", 64),
        (0, "a", "list of array", (3,), "<f8", 48),
        (0, "energy", "scalar", (), "", 0),
        (0, "json", "dict of json", (), "", 0),
        (0, "conditional", "dict of statevector", (2,), "<c16", 32),
        (0, "tuple", "tuple of array", (4,), "<i8", 48),
    ]


def test_saved_values_know_their_circuit_and_bind(project: aerchive.Project) -> None:
    x, y = Parameter("x"), Parameter("y")
    circuits = []
    for name, parameter in (("first", x), ("second", y)):
        circuit = QuantumCircuit(1, name=name)
        circuit.rx(parameter, 0)
        circuit.save_statevector()
        circuits.append(circuit)

    run = project.save(run_stock(circuits, parameter_binds=[{x: [0.1, 0.2, 0.3]}, {y: [0.4, 0.5]}]))

    rows = [(row.experiment, row.circuit, row.bind) for row in run.saved if row.label == "statevector"]
    assert rows == [(0, "first", 0), (1, "first", 1), (2, "first", 2), (3, "second", 0), (4, "second", 1)]
    assert run.record.config.num_circuits == 2
    assert run.record.config.num_experiments == 5


def test_array_is_the_only_one(project: aerchive.Project) -> None:
    run = project.save(make_result(counts={"0x1": 10}, energy=1.5, psi=Statevector([1, 0])))

    assert run.array().shape == (2,)
    assert run.array("psi")[0] == 1


def test_choice_of_an_array(project: aerchive.Project) -> None:
    run = project.save(make_result(a=np.arange(3), b=np.arange(4), several=[np.arange(2), np.arange(2)], energy=0.5))

    assert run.array("b").shape == (4,)
    with pytest.raises(InvalidInputError, match="choose one of 'a', 'b', 'several'"):
        run.array()
    with pytest.raises(NotFoundError, match=r"'c'.*'a', 'b', 'several'"):
        run.array("c")
    with pytest.raises(NotFoundError, match="'energy'"):
        run.array("energy")
    with pytest.raises(InvalidInputError, match="each of 2 shots"):
        run.array("several")
    with pytest.raises(NotFoundError, match="1 experiments"):
        run.array("a", 1)


def test_no_array(project: aerchive.Project) -> None:
    with pytest.raises(NotFoundError, match="no array was saved"):
        project.save(make_result()).array()


def test_values(project: aerchive.Project) -> None:
    run = project.save(make_result(energy=-0.0, text="ψ"))

    assert differences(-0.0, run.value("energy")) == []
    assert run.value("text") == "ψ"
    with pytest.raises(NotFoundError, match=r"'nothing'.*'energy', 'text'"):
        run.value("nothing")
    with pytest.raises(NotFoundError, match="numbered from 0"):
        run.value("energy", 5)


def test_value_that_was_refused(project: aerchive.Project) -> None:
    with pytest.raises(UnsupportedTypeError):
        project.save(make_result(foreign=object()))

    run = project.latest()
    with pytest.raises(UnsupportedTypeError, match=r"builtins\.object"):
        run.value("foreign")
    assert "foreign" in run.record.config.missing[0]


@pytest.mark.parametrize("ask", ["counts", "memory", "array", "result", "saved"])
def test_run_without_a_result(project: aerchive.Project, ask: str) -> None:
    run = project.save(run_stock(shots="many"))

    def answer() -> None:
        given = getattr(run, ask)
        given()

    with pytest.raises(aerchive.AerchiveError):
        answer()


def test_labels(project: aerchive.Project, reopen: Reopen) -> None:
    run = project.save(run_stock())
    assert (run.name, run.tags, run.notes, run.params) == (None, (), None, {})

    run.add_tags("b", "a")
    run.add_tags("a", "c")
    run.annotate(notes="first", params={"x": 1, "y": 1})
    run.annotate(params={"y": 2})
    run.annotate(notes="second")

    for read in (run, reopen()[run.job_id]):
        assert (read.tags, read.notes, read.params) == (("b", "a", "c"), "second", {"x": 1, "y": 2})
    assert [found.job_id for found in reopen().find(tags=["a", "b"], params__y=2)] == [run.job_id]
    assert reopen().latest().counts() == run.counts()


@pytest.mark.parametrize("labels", [{"notes": 5}, {"params": {5: 1}}, {"params": {"x": object()}}])
def test_wrong_labels_change_nothing(project: aerchive.Project, reopen: Reopen, labels: Any) -> None:
    run = project.save(run_stock(), notes="kept")

    with pytest.raises((InvalidInputError, UnsupportedTypeError)):
        run.annotate(**labels)
    with pytest.raises(InvalidInputError):
        run.add_tags(5)

    assert run.notes == reopen().latest().notes == "kept"
    assert run.tags == reopen().latest().tags == ()


def test_labels_by_two_handles(project: aerchive.Project, reopen: Reopen) -> None:
    run = project.save(run_stock(), tags="a")
    other = project.latest()
    other.record  # noqa: B018  (read before the change)

    run.add_tags("b")
    other.add_tags("c")

    assert set(reopen().latest().tags) == {"a", "b", "c"}


def test_params_belong_to_the_caller(project: aerchive.Project) -> None:
    run = project.save(run_stock(), params={"x": 1})

    run.params["x"] = 5

    assert run.params == {"x": 1}


def test_times(project: aerchive.Project) -> None:
    before = datetime.datetime.now(datetime.UTC)
    run = project.save(run_stock())
    after = datetime.datetime.now(datetime.UTC)

    status = run.record.status
    assert before <= datetime.datetime.fromisoformat(run.created) <= after
    assert run.created.endswith("Z")
    assert status.submitted == run.created
    assert status.seconds is not None
    assert 0 < status.seconds < 60


def test_provenance(project: aerchive.Project) -> None:
    import platform
    from importlib import metadata

    provenance = project.save(run_stock()).record.provenance

    assert provenance is not None
    assert provenance.qiskit == metadata.version("qiskit")
    assert provenance.qiskit_aer == metadata.version("qiskit-aer")
    assert provenance.numpy == np.__version__
    assert provenance.python.startswith(platform.python_version())
    assert provenance.host == platform.node()


def test_sizes(project: aerchive.Project, reopen: Reopen) -> None:
    run = project.save(make_result(big=np.zeros(100_000)))

    assert run.nbytes >= 800_000
    assert reopen().latest().nbytes == run.nbytes


def test_equality(project: aerchive.Project, tmp_path: Any) -> None:
    job = run_stock()
    run, other = project.save(job), aerchive.open(tmp_path / "other.h5").save(job)

    assert run == project.latest()
    assert run != other
    assert run != job.job_id()
    assert len({run, project.latest(), other}) == 2


def test_repr(project: aerchive.Project) -> None:
    run = project.save(run_stock(), name="my bell")

    assert run.job_id in repr(run)
    assert "my bell" in repr(run)
    assert "ok" in repr(run)


def test_reading_counts_and_arrays_needs_no_qiskit(project: aerchive.Project, path: Any) -> None:
    project.save(run_stock(bell(), memory=True), tags="a", params={"x": 1})
    script = """
        import sys
        class Forbidden:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in ("qiskit", "qiskit_aer"):
                    raise ImportError(name)
        sys.meta_path.insert(0, Forbidden())
        import aerchive
        project = aerchive.open(sys.argv[1], "r")
        (run,) = project.find(tags="a", params__x=1, outcome="ok")
        print(sum(run.counts().values()), len(run.memory()), run.array()[...].shape, run.saved[0].label != "")
        print(run.record.config.used["method"], len(project), project.catalogue().shape, run.tags, run in list(project))
    """

    printed = processes.run(script, path).splitlines()

    assert printed == ["20 20 (4,) True", "statevector 1 (1,) ('a',) True"]


def test_columns_are_those_of_the_catalogue(tmp_path: Path) -> None:
    """Each column of the catalogue is a property, of a run from a listing and of one that reads its documents."""
    import pandas
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    from aerchive.aer import AerSimulator, SamplerV2
    from aerchive.models.catalogue import IN_TABLES

    project = aerchive.open(tmp_path / "columns.h5")
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), "x")
    circuit = QuantumCircuit(2, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    simulator = AerSimulator(project=project, seed_simulator=2**62 + 5, noise_model=noise)
    simulator.run([circuit, circuit], shots=7, name="n", tags=["a", "b"], params={"x": 1, "long": "l" * 100}).result()
    SamplerV2(project=project).run([circuit], shots=3).result()
    project.save(run_stock(shots="many"), name="a name that is longer than its column in the catalogue")
    frame = project.to_pandas().set_index("job_id", drop=False)

    for listed in project.find():
        documented = project[listed.job_id]
        documented.refresh()
        assert "record" not in listed.__dict__
        for run in (listed, documented):
            for name in IN_TABLES:
                expected = None if name == "params" else frame.loc[run.job_id, name]
                if name == "params":
                    params = {key: frame.loc[run.job_id, f"params.{key}"] for key in ("x", "long")}
                    expected = {key: value for key, value in params.items() if value is not pandas.NA}
                elif name == "created":
                    expected = expected.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
                elif name == "tags":
                    expected = tuple(expected)
                elif pandas.isna(expected):
                    expected = None
                assert getattr(run, name) == expected, name
    run = project.latest(name="n")
    assert (run.shots, run.seed, run.num_circuits, run.num_qubits, run.num_clbits) == (7, 2**62 + 5, 2, 2, 1)
    assert type(run.noisy) is bool
    assert run.noisy
    assert run.message is None
    assert type(run.seconds) is float


def test_columns_of_a_listed_run_read_nothing(project: aerchive.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.save(run_stock())
    (run,) = project.find()
    monkeypatch.setattr(type(run.place), "open", None)

    assert (run.method, run.outcome, run.parent, run.program) == ("statevector", "ok", None, "run")
    assert run.shots == 20
