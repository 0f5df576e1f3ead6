from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.result import Result, marginal_counts
from qiskit.result.models import ExperimentResult, ExperimentResultData

import aerchive
from aerchive.aer import AerSimulator
from aerchive.errors import FormatError, InvalidInputError, NotFoundError
from aerchive.stored.count_arrays import bits_of
from tests.jobs import make_result

RANDOM = np.random.default_rng(4)


def large_counts(bits: int) -> dict[str, int]:
    outcomes = {int.from_bytes(RANDOM.bytes(16), "big") % 2**bits for _ in range(200)} | {0, 2**bits - 1}
    return {hex(one): number + 1 for number, one in enumerate(outcomes)}


def experiment(counts: dict[Any, Any], header: dict[str, Any]) -> ExperimentResult:
    return ExperimentResult(10, True, ExperimentResultData(counts=counts), header=header)


WIDTHS = [1, 5, 63, 64, 65, 130]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Run:
    """An experiment for each number of bits, the next with two registers, one without a header."""
    project = aerchive.open(tmp_path_factory.mktemp("counts") / "counts.h5")
    experiments = [experiment(large_counts(bits), {"memory_slots": bits}) for bits in WIDTHS]
    experiments.append(
        experiment({"0x15": 3, "0x2": 2**62, "0x0": 1}, {"memory_slots": 5, "creg_sizes": [["a", 2], ["b", 3]]})
    )
    experiments.append(experiment({"0x5": 7, "0x0": 1, "0x12": 2}, {}))
    experiments.append(ExperimentResult(10, True, ExperimentResultData()))
    return project.save(Result(job_id="counts", success=True, results=experiments))


def as_integers(counts: dict[str, int]) -> tuple[list[int], list[int]]:
    return [int(bits.replace(" ", ""), 2) for bits in counts], list(counts.values())


@pytest.mark.parametrize("number", range(len(WIDTHS) + 2))
def test_outcomes_and_counts(run: aerchive.Run, number: int) -> None:
    expected, expected_counts = as_integers(run.counts(number))

    outcomes, counts = run.counts_array(number)
    bits, again = run.counts_array(number, as_bits=True)

    assert counts.dtype == again.dtype == np.int64
    assert counts.tolist() == again.tolist() == expected_counts
    assert bits.dtype == np.uint8
    assert [sum(int(bit) << place for place, bit in enumerate(row)) for row in bits] == expected
    if bits.shape[1] <= 64:
        assert outcomes.dtype == np.uint64
        assert outcomes.tolist() == expected
    else:
        assert (outcomes == bits).all()
        assert bits.shape[1] == WIDTHS[number]


def test_marginals(run: aerchive.Run) -> None:
    for number, width in enumerate(WIDTHS[1:-1], 1):
        kept = RANDOM.permutation(width)[:3].tolist()
        texts = {key.replace(" ", ""): value for key, value in run.counts(number).items()}
        expected: dict[int, int] = {}
        for text, count in texts.items():
            outcome = sum(int(text[-1 - bit]) << place for place, bit in enumerate(kept))
            expected[outcome] = expected.get(outcome, 0) + count
        outcomes, counts = run.counts_array(number, bits=kept)
        assert outcomes.dtype == np.uint64
        assert outcomes.tolist() == sorted(expected)
        assert dict(zip(outcomes.tolist(), counts.tolist(), strict=True)) == expected
    outcomes, counts = run.counts_array(1, bits=[])
    assert outcomes.tolist() == [0]
    assert counts.tolist() == [sum(run.counts(1).values())]
    bits, _ = run.counts_array(5, bits=range(129, -1, -1))
    assert bits.shape[1] == 130
    assert {tuple(row) for row in bits.tolist()} == {
        tuple(row[::-1]) for row in run.counts_array(5, as_bits=True)[0].tolist()
    }


def test_as_qiskit_has_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    circuit = QuantumCircuit(QuantumRegister(4), ClassicalRegister(1, "a"), ClassicalRegister(3, "b"))
    circuit.h(range(4))
    circuit.measure(range(4), range(4))
    simulator = AerSimulator(project=tmp_path_factory.mktemp("q") / "q.h5", seed_simulator=3)
    job = simulator.run(circuit, shots=500)
    result = job.result()
    outcomes, counts = job.run.counts_array()
    assert {hex(one): count for one, count in zip(outcomes.tolist(), counts.tolist(), strict=True)} == (
        result.data()["counts"]
    )
    expected = marginal_counts(result, [1, 3]).data()["counts"]
    outcomes, counts = job.run.counts_array(bits=[1, 3])
    assert dict(zip(outcomes.tolist(), counts.tolist(), strict=True)) == {
        int(key, 16): count for key, count in expected.items()
    }


def test_what_is_refused(run: aerchive.Run) -> None:
    for bits in ([5], [0, 0], [-1], ["0"], 3):
        with pytest.raises(InvalidInputError, match="bits"):
            run.counts_array(1, bits=bits)
    with pytest.raises(NotFoundError):
        run.counts_array(len(WIDTHS) + 2)
    with pytest.raises(FormatError, match="not bit strings"):
        bits_of(np.array([b"01", b"x1"]))


def test_counts_of_another_form(tmp_path_factory: pytest.TempPathFactory) -> None:
    project = aerchive.open(tmp_path_factory.mktemp("foreign") / "foreign.h5")
    for number, counts in enumerate([{}, {"01": 3, "11": 4}, {2: 5, 1: 6}]):
        run = project.save(make_result(f"made{number}", counts=counts))
        expected, expected_counts = as_integers(run.counts())
        outcomes, found = run.counts_array()
        assert (outcomes.tolist(), found.tolist()) == (expected, expected_counts)
        assert (outcomes.dtype, found.dtype) == (np.uint64, np.int64)
