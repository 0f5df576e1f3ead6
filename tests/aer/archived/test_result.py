from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Statevector
from qiskit.result import Counts, Result, marginal_counts, marginal_memory
from qiskit.result.models import ExperimentResult, ExperimentResultData
from qiskit_aer.backends import compatibility

import aerchive
from aerchive.aer import ArchivedResult
from aerchive.storage.medium.trace import record_reads
from tests import processes
from tests.aer.conftest import assert_same, bell, everything
from tests.strict import differences


def simulate() -> Result:
    """Of three circuits, two of which have one name."""
    circuits = [bell("first"), QuantumCircuit(2, 3, name="second"), bell("first")]
    circuits[1].h(0)
    circuits[1].measure([0, 1], [2, 0])
    circuits[2].x(0)
    for circuit in (circuits[0], circuits[2]):
        circuit.save_density_matrix([0])
        circuit.save_probabilities_dict()
    return qiskit_aer.AerSimulator(seed_simulator=5).run(circuits, shots=40, memory=True).result()


@pytest.fixture
def stock() -> Result:
    return simulate()


@pytest.fixture
def archived(stock: Result, path: Path) -> ArchivedResult:
    aerchive.open(path).save(stock)
    return aerchive.open(path, "r").latest().result()


def test_is_a_result(stock: Result, archived: ArchivedResult) -> None:
    assert isinstance(archived, Result)
    assert all(type(one) is ExperimentResult for one in archived.results)
    assert all(isinstance(one.data, ExperimentResultData) for one in archived.results)
    assert_same(stock, archived)
    assert repr(stock.results[0].data)[:20] == repr(archived.results[0].data)[:20]
    assert archived.run.job_id == stock.job_id


@pytest.mark.parametrize("key", [0, 1, 2, "second"])
def test_getters(stock: Result, archived: ArchivedResult, key: Any) -> None:
    assert type(archived.get_counts(key)) is Counts
    assert differences(dict(stock.get_counts(key)), dict(archived.get_counts(key))) == []
    assert vars(archived.get_counts(key)) == vars(stock.get_counts(key))
    assert archived.get_memory(key) == stock.get_memory(key)
    assert list(archived.data(key)) == list(stock.data(key))
    for label, value in stock.data(key).items():
        assert differences(value, archived.data(key)[label]) == []
    assert archived.get_counts(QuantumCircuit(1, name="second")) == stock.get_counts("second")


def test_getters_of_states(stock: Result, archived: ArchivedResult) -> None:
    assert differences(stock.get_statevector(0), archived.get_statevector(0)) == []
    assert type(archived.get_statevector(0)) is compatibility.Statevector
    assert differences(stock.get_statevector(2, decimals=3), archived.get_statevector(2, decimals=3)) == []
    assert archived.get_statevector(0) is archived.get_statevector(0), "as the stock result: the object itself"
    with pytest.raises(QiskitError) as mine:
        archived.get_unitary(0)
    with pytest.raises(QiskitError) as other:
        stock.get_unitary(0)
    assert str(mine.value) == str(other.value)


def test_all_counts(stock: Result, archived: ArchivedResult) -> None:
    assert [dict(counts) for counts in archived.get_counts()] == [dict(counts) for counts in stock.get_counts()]


@pytest.mark.parametrize("key", ["none", 3, -4, 1.5])
@pytest.mark.parametrize("getter", ["get_counts", "get_memory", "data", "get_statevector"])
def test_experiment_that_there_is_not(stock: Result, archived: ArchivedResult, getter: str, key: Any) -> None:
    with pytest.raises(Exception) as other:  # noqa: PT011  (whatever Qiskit raises)
        getattr(stock, getter)(key)
    with pytest.raises(type(other.value)) as mine:
        getattr(archived, getter)(key)
    assert str(mine.value) == str(other.value)


def test_name_that_two_have(stock: Result, archived: ArchivedResult) -> None:
    for result in (stock, archived):
        with pytest.warns(UserWarning, match="multiple results matching name"):
            assert result.get_counts("first") == stock.get_counts(0)


def test_fields(stock: Result, archived: ArchivedResult) -> None:
    for name in (
        "backend_name",
        "backend_version",
        "job_id",
        "success",
        "status",
        "date",
        "header",
        "time_taken",
        "metadata",
    ):
        assert differences(getattr(stock, name), getattr(archived, name), name) == []
    for name in ("shots", "success", "status", "seed_simulator", "meas_level", "header", "metadata", "time_taken"):
        assert differences(getattr(stock.results[0], name), getattr(archived.results[0], name), name) == []
    with pytest.raises(AttributeError, match="nonsense"):
        archived.nonsense  # noqa: B018
    with pytest.raises(AttributeError, match="nonsense"):
        archived.results[0].data.nonsense  # noqa: B018


def test_to_dict_and_back(stock: Result, archived: ArchivedResult) -> None:
    values = archived.to_dict()

    assert list(values) == list(stock.to_dict())
    again = Result.from_dict(values)
    assert type(again) is Result
    assert_same(stock, again)
    assert type(again.results[0].data) is ExperimentResultData
    assert_same(stock, type(archived).from_dict(stock.to_dict()))


@pytest.mark.parametrize(
    "copied",
    [
        copy.deepcopy,
        *(lambda result, protocol=protocol: pickle.loads(pickle.dumps(result, protocol)) for protocol in range(6)),
    ],
    ids=["deepcopy", *(f"pickle protocol {protocol}" for protocol in range(6))],
)
def test_copies(stock: Result, archived: ArchivedResult, path: Path, copied: Any) -> None:
    other = copied(archived)

    assert type(other) is Result
    assert type(other.results[0].data) is ExperimentResultData
    path.unlink()
    assert_same(stock, other)
    assert [dict(counts) for counts in other.get_counts()] == [dict(counts) for counts in stock.get_counts()]


def test_a_shallow_copy_shares_what_it_holds_as_that_of_a_stock_result(stock: Result, archived: ArchivedResult) -> None:
    for result in (stock, archived):
        other = copy.copy(result)
        assert other is not result
        assert type(other) is type(result)
        assert other.results is result.results
        other.job_id = "another"
        assert result.job_id != "another"
    assert_same(stock, copy.copy(archived))
    assert copy.copy(archived).run is archived.run


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda part: pickle.loads(pickle.dumps(part))])
def test_copies_of_parts(stock: Result, archived: ArchivedResult, copied: Any) -> None:
    for number in range(3):
        one, other = stock.results[number], copied(archived.results[number])
        assert differences(dict(one.data.to_dict()), dict(other.data.to_dict())) == []
        assert differences(one.to_dict()["header"], other.to_dict()["header"]) == []
        data = copied(archived.data(number))
        assert differences(dict(stock.data(number)), dict(data)) == []
        assert differences(dict(one.data.to_dict()), dict(copied(archived.results[number].data).to_dict())) == []


def test_marginals(stock: Result, archived: ArchivedResult) -> None:
    mine, other = marginal_counts(archived, [0]), marginal_counts(stock, [0])

    assert [dict(counts) for counts in mine.get_counts()] == [dict(counts) for counts in other.get_counts()]
    assert mine.get_memory(0) == other.get_memory(0)
    assert_same(stock, archived)
    assert marginal_memory(archived.get_memory(1), [2]) == marginal_memory(stock.get_memory(1), [2])
    assert marginal_counts(archived.get_counts(0), [1]) == marginal_counts(stock.get_counts(0), [1])


WAYS = {
    "dict": dict,
    "two stars": lambda data: {**data},
    "keywords": lambda data: _keywords(**data),
    "union": lambda data: data | {},
    "union from the right": lambda data: {} | data,
    "update": lambda data: (values := {}, values.update(data))[0],
    "items": lambda data: dict(data.items()),
    "zip": lambda data: dict(zip(data.keys(), data.values(), strict=True)),
    "iteration": lambda data: {key: data[key] for key in data},
    "get": lambda data: {key: data.get(key) for key in data},
    "copy": lambda data: data.copy(),
    "setdefault": lambda data: {key: data.setdefault(key, "default") for key in list(data)},
    "pop": lambda data: {key: data.pop(key) for key in list(data)},
    "popitem": lambda data: dict([data.popitem() for _ in range(len(data))][::-1]),
    "copy.copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "from_dict": lambda data: ExperimentResultData.from_dict(data).to_dict(),
    "ExperimentResultData": lambda data: ExperimentResultData(**data).to_dict(),
    "ChainMap": lambda data: dict(__import__("collections").ChainMap(data)),
    "sorted": lambda data: {key: value for key, value in data.items()},  # noqa: C416  (a comprehension of its own)
}


def _keywords(**values: Any) -> dict[str, Any]:
    return values


def _match(data: Any) -> dict[str, Any]:
    match data:
        case {"counts": counts, **rest}:
            return {"counts": counts, **rest}
    raise AssertionError


WAYS["match"] = _match


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_the_values_of_data(stock: Result, archived: ArchivedResult, way: str) -> None:
    expected = dict(stock.data(0))

    got = WAYS[way](archived.data(0))

    assert {key: describe(value) for key, value in got.items()} == {
        key: describe(value) for key, value in expected.items()
    }
    assert set(got) == set(expected)
    assert all(differences(expected[key], got[key]) == [] for key in expected)


def describe(value: Any) -> str:
    return type(value).__qualname__


def test_data_compares_as_a_dictionary(stock: Result, archived: ArchivedResult) -> None:
    data = archived.data(1)

    assert data == stock.data(1)
    assert stock.data(1) == data
    assert (data != stock.data(1)) is False
    assert data != {}
    assert len(data) == len(stock.data(1))
    assert "counts" in data
    assert "nothing" not in data
    assert data.get("nothing") is None
    assert repr(data) == repr(stock.data(1))
    assert json.dumps(data) == json.dumps(stock.data(1))
    with pytest.raises(TypeError):
        hash(data)
    with pytest.raises(KeyError):
        data["nothing"]
    with pytest.raises(KeyError):
        data.pop("nothing")


def test_what_a_user_changes_is_changed_as_in_a_stock_result(stock: Result, archived: ArchivedResult) -> None:
    for result in (stock, archived):
        result.data(0).pop("counts")
        result.data(0)["new"] = 5
        result.data(0).clear()
        result.data(0).update(counts={})
    assert_same(stock, archived)

    for result in (stock, archived):
        result.data(0)["statevector"].data[0] = 7
        result.data(1)["counts"]["0x7"] = 100
        result.results[0].data.counts = {"0x0": 1}
        result.results[0].header["name"] = "renamed"
        result.results[0].shots = 99
        result.results[0].data.extra = "not an attribute of the data"
        result.job_id = "another"
        result.own = [1]
    assert_same(stock, archived)
    assert archived.get_counts("renamed") == {"00": 1}
    assert archived.get_statevector(0).data[0] == 7
    assert "extra" not in archived.data(0)
    assert archived.results[0].data.extra == "not an attribute of the data"

    for result in (stock, archived):
        del result.results[1:]
        result.results[0] = result.results[0]
    assert_same(stock, archived)


def test_what_a_user_changes_is_not_in_the_project(archived: ArchivedResult, path: Path, stock: Result) -> None:
    archived.get_statevector(0).data[:] = 0
    archived.data(0)["counts"].clear()
    archived.results[0].header["name"] = "renamed"

    assert_same(stock, aerchive.open(path, "r").latest().result())


def test_value_is_read_once(archived: ArchivedResult) -> None:
    first = archived.data(0)["density_matrix"]

    with record_reads() as log:
        assert archived.data(0)["density_matrix"] is first
        assert archived.results[0].data.density_matrix is first

    assert log.nbytes == 0


def test_no_value_is_read_with_the_result(stock: Result, path: Path) -> None:
    aerchive.open(path).save(stock)
    run = aerchive.open(path, "r").latest()
    run.record  # noqa: B018

    archived = run.result()
    (
        len(archived.results),
        archived.success,
        archived.results[0].header,
        list(archived.data(0)),
        archived.results[0].data.to_dict(),
    )
    path.unlink()

    assert archived.results[0].shots == 40
    with pytest.raises(aerchive.NotFoundError):
        archived.get_counts(0)


def test_labels_that_are_also_names_of_methods(path: Path) -> None:
    labels = ["from_dict", "snapshots", "header", "kwargs", "keys", "_values", "__len__", "memory ", "a.b", "__doc__"]
    values = {label: float(number) for number, label in enumerate(labels)}
    result = Result(job_id="odd", success=True, results=[ExperimentResult(1, True, ExperimentResultData(**values))])

    archived = aerchive.open(path).save(result).result()

    order = list(result.results[0].data._data_attributes)
    assert archived.results[0].data._data_attributes == order
    data = archived.data(0)
    assert {label: data[label] for label in order} == values
    assert archived.results[0].data.from_dict == 0.0
    assert archived.results[0].data.__doc__ == 9.0


def test_a_label_that_hides_a_method_hides_it_as_in_a_stock_result(path: Path) -> None:
    data = ExperimentResultData(**{"to_dict": 1.5, "beside": 2.5})
    result = Result(job_id="odd", success=True, results=[ExperimentResult(1, True, data)])

    run = aerchive.open(path).save(result)

    for one in (result, run.result(), pickle.loads(pickle.dumps(run.result())), copy.deepcopy(run.result())):
        assert one.results[0].data.to_dict == 1.5
        assert one.results[0].data.beside == 2.5
        with pytest.raises(QiskitError, match="No data for experiment"):
            one.data(0)
    assert run.value("to_dict") == 1.5


# a result of 20 qubits, with a state that nobody asked for


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int], str]:
    """A project with a state of 16 MiB that does not compress, its counts, and the job's id."""
    path = tmp_path_factory.mktemp("large") / "large.h5"
    circuit = QuantumCircuit(20)
    for qubit in range(20):
        circuit.ry(0.1 + 0.13 * qubit, qubit)
        circuit.rz(0.7 * qubit, qubit)
    circuit.cx(range(19), range(1, 20))
    circuit.ry(0.3, range(20))
    circuit.save_statevector()
    circuit.measure_all()
    from aerchive.aer import AerSimulator

    job = AerSimulator(project=path, method="statevector").run(circuit, shots=100, seed_simulator=1)
    counts = dict(job.result().get_counts())
    assert path.stat().st_size > 2**23
    return path, counts, job.job_id()


def chunks_of_the_state(path: Path) -> list[tuple[int, int]]:
    with h5py.File(path, "r") as file:
        found: list[Any] = []
        file.visititems(lambda name, node: found.append(node) if name.endswith("/statevector") else None)
        (node,) = found
        chunks = [node.id.get_chunk_info(number) for number in range(node.id.get_num_chunks())]
    assert sum(chunk.size for chunk in chunks) > 2**23
    return [(chunk.byte_offset, chunk.size) for chunk in chunks]


def test_get_counts_does_not_read_the_state(large: tuple[Path, dict[str, int], str]) -> None:
    path, counts, job_id = large
    chunks = chunks_of_the_state(path)

    with record_reads() as log:
        result = aerchive.open(path, "r").job(job_id).result()
        assert dict(result.get_counts()) == counts
    with record_reads() as without_qiskit:
        assert aerchive.open(path, "r")[job_id].counts() == counts
    with record_reads() as listing:
        assert job_id in repr(aerchive.open(path, "r").jobs())

    for one in (log, without_qiskit, listing):
        assert 1000 < one.nbytes < 100_000
        assert not any(one.touches(*chunk) for chunk in chunks)


def test_printing_reads_no_payload(large: tuple[Path, dict[str, int], str]) -> None:
    path, _, job_id = large
    job = aerchive.open(path, "r").job(job_id)
    result = job.result()

    with record_reads() as log:
        shown = [str(job), repr(result), str(result), repr(result.results[0]), repr(result.results[0].data)]
    assert log.nbytes < 100_000
    for text in shown[1:]:
        assert "counts=<counts of " in text
        assert "statevector=<statevector (1048576,) complex128, 16.0 MiB>" in text
    with record_reads() as log:
        text = repr(result.data(0))
    assert text.startswith("{'counts': {'0x")  # what is printed of a dictionary is small enough to read
    assert text.endswith("'statevector': <statevector (1048576,) complex128, 16.0 MiB>}")
    assert log.nbytes < 100_000


def test_printing_what_cannot_be_read_does_not_raise(archived: ArchivedResult, path: Path) -> None:
    data = archived.data(0)
    path.unlink()
    assert f"<cannot be read: {path}: no such project>" in repr(archived)
    assert "'statevector': <cannot be read: " in repr({"statevector": data}["statevector"])[-2000:]


def test_what_was_read_is_printed_as_stock_data_print_it(stock: Result, archived: ArchivedResult) -> None:
    for result in (stock, archived):
        for experiment in result.results:
            for name in experiment.data._data_attributes:
                getattr(experiment.data, name)
    assert repr(archived) == repr(stock)


def test_data_have_the_names_that_stock_data_have(stock: Result, archived: ArchivedResult) -> None:
    for one, other in zip(stock.results, archived.results, strict=True):
        assert dir(other.data) == dir(one.data)


def test_the_list_of_what_was_saved_reads_little(large: tuple[Path, dict[str, int], str]) -> None:
    path, _, job_id = large

    with record_reads() as log:
        assert [row.label for row in aerchive.open(path, "r")[job_id].saved] == ["counts", "statevector"]

    assert 1000 < log.nbytes < 100_000


def test_a_few_amplitudes_read_a_chunk_or_two(large: tuple[Path, dict[str, int], str]) -> None:
    path, _, job_id = large

    with record_reads() as log:
        amplitude = aerchive.open(path, "r")[job_id].array()[2**19]

    assert log.nbytes < 2 * 2**20
    result = aerchive.open(path, "r")[job_id].result()
    assert amplitude == result.get_statevector().data[2**19]
    assert Statevector(result.get_statevector()).is_valid()


def test_get_counts_reads_little_as_the_system_counts_it(large: tuple[Path, dict[str, int], str], path: Path) -> None:
    file, counts, job_id = large
    small = aerchive.open(path).save(qiskit_aer.AerSimulator().run(bell())).job_id
    script = """
        import sys
        import aerchive

        def bytes_read():
            with open("/proc/self/io") as file:
                return int(file.read().split()[1])

        def ask(path, job_id):
            return aerchive.open(path, "r").job(job_id).result().get_counts()

        ask(*sys.argv[1:3])  # imports what it needs
        before = bytes_read()
        counts = ask(*sys.argv[3:5])
        middle = bytes_read()
        aerchive.open(sys.argv[3], "r").job(sys.argv[4]).result().get_statevector()
        print(middle - before, bytes_read() - middle, sum(counts.values()), len(counts))
    """

    printed = processes.run(script, path, small, file, job_id)

    for_counts, for_state, shots, number = map(int, printed.split())
    assert for_counts < 100_000
    assert for_state > 2**23, "or the count means nothing"
    assert (shots, number) == (100, len(counts))


def test_memory_of_many_results_is_small(large: tuple[Path, dict[str, int], str]) -> None:
    import tracemalloc

    path, counts, job_id = large
    project = aerchive.open(path, "r")
    project.job(job_id).result().get_counts()
    tracemalloc.start()

    results = [project.job(job_id).result() for _ in range(5)]
    assert all(dict(result.get_counts()) == counts for result in results)

    assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    tracemalloc.stop()
    assert everything(results[0])["experiments"][0][1]["statevector"].data.shape == (2**20,)
    assert np.asarray(project[job_id].array()).nbytes == 2**24
