"""Archived runs run again from the file alone, in a fresh process, and every bit is compared."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer.backends.aerbackend import AerBackend
from qiskit_aer.noise import NoiseModel, depolarizing_error

import aerchive
from aerchive.aer import AerSimulator, ReproduceReport
from aerchive.aer.again import reproduce
from aerchive.aer.again.compare import compare_values
from aerchive.cli import main
from aerchive.project.run import Run
from tests import processes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project.h5"


def ghz(qubits: int = 3, *, state: bool = True) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, qubits, name="ghz")
    circuit.h(0)
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.ry(0.3, 0)
    if state:
        circuit.save_statevector()
    circuit.measure(range(qubits), range(qubits))
    return circuit


def archived(path: Path, circuits: Any, backend: Any = None, binds: Any = None, **options: Any) -> Run:
    backend = backend or qiskit_aer.AerSimulator()
    return aerchive.open(path).save(backend.run(circuits, parameter_binds=binds, **options))


NOISE = NoiseModel()
NOISE.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["h", "ry"])
P = Parameter("p")
SWEEP = QuantumCircuit(1, 1)
SWEEP.rx(P, 0)
SWEEP.measure(0, 0)

RUNS: dict[str, dict[str, Any]] = {
    "seeded": {"circuits": ghz(), "seed_simulator": 7},
    "seeded with nothing": {"circuits": ghz(), "shots": 500},
    "a batch without a seed": {"circuits": [ghz(), ghz(4), ghz(2)], "shots": 200, "memory": True},
    "noise": {"circuits": ghz(state=False), "noise_model": NOISE, "shots": 300},
    "binds": {"circuits": [SWEEP, SWEEP], "binds": [{P: [0.1, 1.0]}, {P: [2.0, 3.0, 0.5]}]},
    "options of the backend": {
        "circuits": ghz(),
        "backend": qiskit_aer.AerSimulator(method="statevector", precision="single", memory=True, shots=77),
    },
    "from a target": {
        "circuits": ghz(state=False),
        "backend": qiskit_aer.AerSimulator.from_backend(GenericBackendV2(5, seed=3)),
    },
    "all failed": {"circuits": ghz(), "method": "stabilizer"},
    "some failed": {"circuits": [ghz(), ghz(2, state=False)], "method": "stabilizer"},
    "no circuits": {"circuits": []},
}

REPRODUCE = """
import json, logging, sys
logging.disable(logging.CRITICAL)
import aerchive
told = []
for path in sys.argv[1:]:
    report = aerchive.open(path, "r").latest().reproduce()
    told.append([report.verdict, list(report.reasons), [list(v) for v in report.values], report.environment])
print(json.dumps(told))
"""


def test_runs_come_out_the_same_in_another_process(tmp_path: Path) -> None:
    logging.getLogger("qiskit_aer").setLevel(logging.CRITICAL)
    paths = [tmp_path / f"{number}.h5" for number in range(len(RUNS))]
    for path, made in zip(paths, RUNS.values(), strict=True):
        archived(path, **made)
    before = [path.read_bytes() for path in paths]

    told = json.loads(processes.run(REPRODUCE, *paths, warnings="default"))

    for name, (verdict, reasons, values, environment) in zip(RUNS, told, strict=True):
        assert (verdict, environment) == ("identical", {}), (name, reasons, values)
        assert all(value[2] == "identical" for value in values), name
    assert [path.read_bytes() for path in paths] == before


def test_a_legacy_backend_runs_again(path: Path) -> None:
    with pytest.warns(PendingDeprecationWarning):
        run = archived(path, ghz(state=False), qiskit_aer.QasmSimulator())
    with pytest.warns(PendingDeprecationWarning):
        assert run.reproduce().verdict == "identical"


def test_autosaved_runs_run_again(path: Path) -> None:
    simulator = AerSimulator(project=path, method="statevector")
    result = simulator.run(ghz(), shots=100).result()
    again = aerchive.open(path).latest().rerun()

    assert again.get_counts() == result.get_counts()
    assert np.array_equal(np.asarray(again.get_statevector()), np.asarray(result.get_statevector()))
    assert len(aerchive.open(path)) == 1


def test_the_new_run_may_be_kept(path: Path) -> None:
    run = archived(path, ghz(), seed_simulator=3)
    again = run.rerun(save=True)
    project = aerchive.open(path)

    kept = project[again.job_id]
    assert len(project) == 2
    assert kept.counts() == run.counts()
    assert kept.notes == f"run again of job {run.job_id}"
    assert kept.reproduce().verdict == "identical"


def test_a_new_run_without_a_place_is_not_simulated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = aerchive.open(archived(path, ghz()).project.file.path, "r").latest()
    monkeypatch.setattr(AerBackend, "_execute_circuits_job", lambda *_: pytest.fail("it was simulated"))
    with pytest.raises(aerchive.ReadOnlyError, match="is open for reading"):
        run.rerun(save=True)


def test_an_exception_is_reproduced(path: Path) -> None:
    run = archived(path, SWEEP)  # a parameter without a value
    assert run.outcome == "error"
    report = run.reproduce()
    assert report.verdict == "identical"
    assert "parameter_binds is not specified" in report.reasons[0]
    with pytest.raises(qiskit_aer.AerError, match="parameter_binds is not specified"):
        run.rerun()


# -- what differs


def with_seed(monkeypatch: pytest.MonkeyPatch, seed: int, **more: Any) -> None:
    """Makes the machine compute something else."""
    real = qiskit_aer.AerSimulator.run

    def run(self: Any, circuits: Any, parameter_binds: Any = None, **options: Any) -> Any:
        return real(self, circuits, parameter_binds, **{**options, "seed_simulator": seed, **more})

    monkeypatch.setattr(qiskit_aer.AerSimulator, "run", run)


def test_other_counts_are_different(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = archived(path, ghz(state=False), seed_simulator=3)
    with_seed(monkeypatch, 4)
    report = run.reproduce()

    assert report.verdict == "different"
    (value,) = report.values
    assert (value.label, value.verdict) == ("counts", "different")
    assert "counts differ by" in value.detail
    assert f"{run.job_id}: different\n  0 of 1 values identical" in str(report)


def test_other_bits_of_a_state_with_the_same_counts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.save_statevector()
    circuit.measure([0, 1], [0, 1])
    run = archived(path, circuit, seed_simulator=3)
    real = reproduce.archived_result

    def nudged(run: Run) -> Any:
        result = real(run)
        result.results[0].data.statevector.data[1] += 1e-15
        return result

    monkeypatch.setattr(reproduce, "archived_result", nudged)
    report = run.reproduce()

    assert report.verdict == "same_counts"
    assert [value.verdict for value in report.values if value.label == "statevector"] == ["other bits"]


def test_another_environment_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = archived(path, ghz(), seed_simulator=3)
    changed = reproduce.provenance().model_copy(update={"qiskit_aer": "9.9", "threads": {"OMP_NUM_THREADS": "1"}})
    monkeypatch.setattr(reproduce, "provenance", lambda: changed)
    report = run.reproduce()

    assert report.environment["qiskit_aer"] == (qiskit_aer.__version__, "9.9")
    assert "threads" in report.environment
    assert f"qiskit_aer was {qiskit_aer.__version__}, is 9.9" in str(report)


# -- what cannot be run again


def test_a_bare_result_has_no_circuits(path: Path) -> None:
    result = qiskit_aer.AerSimulator().run(ghz()).result()
    run = aerchive.open(path).save(result)
    report = run.reproduce()
    assert report.verdict == "not_rerunnable"
    assert report.reasons == (f"{path}: /{run.path}: run {run.job_id} was saved without its circuits",)
    with pytest.raises(aerchive.NotFoundError, match="was saved without its circuits"):
        run.rerun()
    kept = aerchive.open(path).save(qiskit_aer.AerSimulator().run(ghz(), seed_simulator=1).result(), circuits=ghz())
    assert kept.rerun().get_counts() == kept.counts()


def test_a_foreign_backend_is_named(path: Path) -> None:
    class Own(qiskit_aer.AerSimulator):
        pass

    run = archived(path, ghz(), Own(), seed_simulator=3)
    report = run.reproduce()
    assert report.verdict == "identical"
    assert report.reasons == (f"was run by {Own.__module__}.{Own.__qualname__}; a stock AerSimulator runs it again",)


def test_what_was_lost_is_named(path: Path) -> None:
    class Odd:
        pass

    with pytest.raises(aerchive.UnsupportedTypeError):
        archived(path, ghz(), shots=10, max_parallel_threads=1, seed_simulator=4, fusion_threshold=Odd())
    run = aerchive.open(path).latest()
    report = run.reproduce()
    assert report.verdict == "not_rerunnable"
    assert "cannot be run again: these were not archived: option 'fusion_threshold': no codec for" in report.reasons[0]


def test_what_does_not_matter_may_be_lost(path: Path) -> None:
    circuit = ghz()
    circuit.metadata = {"odd": object()}
    with pytest.raises(aerchive.UnsupportedTypeError):
        archived(path, circuit, seed_simulator=4, an_option_that_aer_ignores=object())
    assert aerchive.open(path).latest().reproduce().verdict == "identical"


# -- comparing


@pytest.mark.parametrize(
    ("one", "other", "verdict", "detail"),
    [
        (1, 1, "identical", ""),
        (1, True, "different", "it is a int, and a bool"),
        (0.0, -0.0, "other bits", "it differs by up to 0"),
        (float("nan"), float("nan"), "identical", ""),
        (1.0, float("nan"), "different", "it differs by up to nan"),
        ([1, 2], [1, 2, 3], "different", "it has 2 items, and 3"),
        ({"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0}, "other bits", "it has its keys in another order"),
        ({"a": 1}, {"b": 1}, "different", "it has 1 keys that the other has not, and lacks 1"),
        (np.arange(4), np.arange(4) + 1, "different", "it differs in 4 of 4 elements"),
        (np.eye(2), np.asfortranarray(np.ones((2, 2))), "different", "it differs by up to 1"),
        (
            np.array([[1.0, 2.0], [3.0, 4.0]]),
            np.array([[1.0, 3.0], [2.0, 4.0]]).T,
            "other bits",
            "another memory layout",
        ),
        (np.zeros(2), np.zeros(3), "different", "shape (2,), and float64 and (3,)"),
        ("x" * 100, "y", "different", "..., and 'y'"),
    ],
)
def test_values_are_compared_strictly(one: Any, other: Any, verdict: str, detail: str) -> None:
    found, told = compare_values(one, other)
    assert found == verdict
    assert detail in told


# -- on the command line


def test_rerun_on_the_command_line(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = archived(path, ghz(), seed_simulator=3)

    assert main(["-p", str(path), "rerun", run.job_id[:8]]) == 0
    assert capsys.readouterr().out == f"{run.job_id}: identical\n  2 of 2 values identical, bit for bit\n"
    assert main(["-p", str(path), "rerun", run.job_id, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["verdict"] == "identical"
    assert {value["label"] for value in answer["values"]} == {"counts", "statevector"}
    assert main(["-p", str(path), "rerun", run.job_id, "--save"]) == 0
    assert f"{run.job_id}: run again and archived as " in capsys.readouterr().out
    assert len(aerchive.open(path)) == 2
    bare = aerchive.open(path).save(qiskit_aer.AerSimulator().run(ghz()).result())
    assert main(["-p", str(path), "rerun", bare.job_id]) == 1
    assert "not rerunnable" in capsys.readouterr().out


def test_a_report_is_one_of_the_public_names() -> None:
    assert isinstance(ReproduceReport("job", "identical"), ReproduceReport)
