"""Two runs compared: what was asked for, and what came out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SuperOp
from qiskit_aer.noise import NoiseModel, depolarizing_error

import aerchive
from aerchive.aer.again.diff import compare_counts
from aerchive.cli import main
from aerchive.errors import InvalidInputError
from aerchive.project.run import Run
from tests.jobs import make_result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project.h5"


def run_of(path: Path, angle: float = 0.3, save: str = "statevector", **options: Any) -> Run:
    circuit = QuantumCircuit(3, 3, name="c")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.ry(angle, 2)
    getattr(circuit, f"save_{save}")()
    if save != "unitary":
        circuit.measure([0, 1, 2], [0, 1, 2])
    options = {"shots": 4000, "seed_simulator": 1, **options}
    return aerchive.open(path).save(qiskit_aer.AerSimulator().run(circuit, **options))


def found(one: Run, other: Run) -> dict[str, tuple[str, str]]:
    return {d.what: (d.verdict, d.detail) for d in one.diff(other).differences}


def test_a_run_and_itself(path: Path) -> None:
    one = run_of(path)
    report = one.diff(run_of(path))
    assert report.same
    assert {d.verdict for d in report.differences} == {"same"}
    assert {d.what for d in report.differences} == {"circuits", "counts 0", "statevector 0"}


def test_what_is_no_run_cannot_be_compared(path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"diff\('latest'\): a run is expected, such as project\['latest'\]"):
        run_of(path).diff("latest")


def test_another_seed(path: Path) -> None:
    told = found(run_of(path), run_of(path, seed_simulator=5))
    assert told["option seed_simulator"] == ("different", "1, and 5")
    assert told["circuits"] == ("same", "")
    assert told["counts 0"][0] == "compatible"
    assert told["counts 0"][1].startswith("total variation distance 0.0")
    assert told["statevector 0"] == ("same", "")


def test_another_angle(path: Path) -> None:
    told = found(run_of(path), run_of(path, angle=0.6))
    assert told["circuits"][0] == "different"
    assert told["circuits"][1].startswith("circuit 0: 3 qubits, depth 3 (3 measure, 1 h, 1 cx")
    assert told["counts 0"][0] == "different"
    verdict, detail = told["statevector 0"]
    assert verdict == "different"
    expected = 1 - np.cos(0.15) ** 2
    assert detail == f"fidelity 1 - {expected:.2g}"


def test_states_up_to_rounding_and_unitaries_up_to_a_phase(path: Path) -> None:
    double, single = run_of(path), run_of(path, precision="single")
    assert found(double, single)["statevector 0"][0] in ("compatible", "different")
    one = run_of(path, save="unitary", method="unitary")
    circuit = one.circuits()[0].copy()
    circuit.global_phase = 1.0
    other = aerchive.open(path).save(
        qiskit_aer.AerSimulator().run(circuit, shots=4000, seed_simulator=1, method="unitary")
    )
    verdict, detail = found(one, other)["unitary 0"]
    assert verdict == "compatible"
    assert detail.startswith("up to a phase")
    assert found(one, run_of(path, 0.5, save="unitary", method="unitary"))["unitary 0"][0] == "different"
    dense = run_of(path, save="density_matrix")
    assert found(dense, run_of(path, 0.5, save="density_matrix"))["density_matrix 0"][0] == "different"


def test_noise_is_compared_by_content(path: Path) -> None:
    def noise(p: float) -> NoiseModel:
        model = NoiseModel()
        model.add_all_qubit_quantum_error(depolarizing_error(p, 1), ["h"])
        return model

    clean, one = run_of(path), run_of(path, noise_model=noise(0.1))
    assert found(one, run_of(path, noise_model=noise(0.1)))["noise_model"][0] == "same"
    assert found(one, run_of(path, noise_model=noise(0.4)))["noise_model"][0] == "different"
    assert found(clean, one)["noise_model"] == ("different", f"only {one.job_id} has any")


def test_targets_are_compared_by_content(path: Path) -> None:
    def mapped(seed: int) -> Run:
        device = GenericBackendV2(2, seed=seed)
        simulator = qiskit_aer.AerSimulator(target=device.target, seed_simulator=1)
        circuit = QuantumCircuit(2)
        circuit.x(0)
        circuit.measure_all()
        return aerchive.open(path).save(simulator.run(circuit, shots=10))

    one = mapped(1)
    assert found(one, mapped(1))["target"] == ("same", "")
    assert found(one, mapped(2))["target"] == ("different", "another device, or its properties at another time")
    assert found(one, run_of(path))["target"] == ("different", f"only {one.job_id} has any")


def test_prepared_states_are_not_synthesised(path: Path) -> None:
    def prepared(number: int) -> Run:
        circuit = QuantumCircuit(16, name="c")
        circuit.initialize(np.eye(1, 2**16, number)[0])
        circuit.measure_all()
        return aerchive.open(path).save(qiskit_aer.AerSimulator().run(circuit, shots=1))

    verdict, detail = found(prepared(3), prepared(5))["circuits"]

    assert verdict == "different"
    assert detail.startswith("circuit 0: 16 qubits, depth 2 (")


def test_values_that_only_one_has(path: Path) -> None:
    one, other = run_of(path), run_of(path, save="density_matrix")
    told = found(one, other)
    assert told["statevector 0"] == ("different", f"only {one.job_id} has it")
    assert told["density_matrix 0"] == ("different", f"only {other.job_id} has it")


# -- counts


def sampled(probabilities: list[float], shots: int, seed: int) -> dict[str, int]:
    drawn = np.random.default_rng(seed).multinomial(shots, probabilities)
    return {format(i, "03b"): int(n) for i, n in enumerate(drawn) if n}


UNIFORM = [1 / 8] * 8


def test_false_alarms_are_rare() -> None:
    verdicts = [
        compare_counts("c", sampled(UNIFORM, 500, s), sampled(UNIFORM, 800, s + 5000)).verdict for s in range(400)
    ]
    assert verdicts.count("different") == 0
    assert verdicts.count("compatible") > 380


def test_what_differs_is_found() -> None:
    skewed = [0.2, *[0.8 / 7] * 7]
    verdicts = [
        compare_counts("c", sampled(UNIFORM, 4000, s), sampled(skewed, 4000, s + 5000)).verdict for s in range(50)
    ]
    assert verdicts.count("different") == 50


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        ({"0": 3}, {"0": 3}, "same"),
        ({"0": 3}, {"1": 3}, "inconclusive"),  # six shots
        ({"0": 300}, {"1": 300}, "different"),
        ({"0": 300}, {"0": 900}, "inconclusive"),
        ({}, {"0": 1}, "inconclusive"),
        ({format(n, "b"): 1 for n in range(50)}, {format(n, "b"): 1 for n in range(50, 100)}, "inconclusive"),
    ],
)
def test_few_shots_decide_nothing(one: dict[str, int], other: dict[str, int], verdict: str) -> None:
    assert compare_counts("counts", one, other).verdict == verdict


def test_diff_on_the_command_line(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = run_of(path), run_of(path, angle=0.6)
    assert main(["-p", str(path), "diff", one.job_id, one.job_id]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"{one.job_id} and {one.job_id}"
    assert main(["-p", str(path), "diff", one.job_id, other.job_id, "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["same"] is False
    assert {d["what"] for d in answer["differences"]} == {"circuits", "counts 0", "statevector 0"}
    elsewhere = path.with_name("other.h5")
    aerchive.open(path).copy(elsewhere)
    assert main(["-p", str(path), "diff", one.job_id, one.job_id, "--other", str(elsewhere)]) == 0


def test_superoperators_of_other_dimensions_differ(path: Path) -> None:
    project = aerchive.open(path)
    one, other = (
        project.save(make_result(f"job-{number}", map=SuperOp(np.eye(16), dims, dims)))
        for number, dims in enumerate([None, (4,)])
    )
    assert found(one, other)["map 0"] == ("different", "it has other dimensions")
    assert found(one, one)["map 0"] == ("same", "")
