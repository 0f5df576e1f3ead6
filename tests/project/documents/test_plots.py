"""The plots of a run: what they show, as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aerchive.models.config import RunConfig
from aerchive.project.documents.plots import (
    LARGE,
    counts_plot,
    described,
    first_plot,
    matrix_of,
    plots_of,
    probability_plot,
)
from aerchive.storage.chunks.drafts import DatasetDraft

ROW = [("experiment", "<u4"), ("bitstring", "S9"), ("count", "<i8")]
CONFIG = RunConfig(num_circuits=20, circuit_names=["GHZ"] * 20)


def counts(*rows: tuple[int, bytes, int]) -> dict[str, DatasetDraft]:
    return {"counts": DatasetDraft([np.array(list(rows), ROW)])}


def state(*parts: np.ndarray, kind: str = "statevector", **more: Any) -> dict[str, DatasetDraft]:
    return {kind: DatasetDraft(list(parts), len(parts) > 1, {"kind": kind, **more})}


def test_bars_are_outlines_over_the_outcomes() -> None:
    plot = counts_plot(counts((3, b"1 01", 7), (3, b"0 10", 9), (4, b"1 11", 5)), CONFIG)
    assert plot is not None
    assert plot.places.tolist() == [1, 1.625, 1.625, 2.375, 2.375, 4.625, 4.625, 5.375, 5.375, 6]
    assert plot.values.tolist() == [0, 0, 9, 9, 0, 0, 7, 7, 0, 0]
    assert plot.bars == ("0 10", "1 01")
    assert plot.label == "shots of GHZ (circuit 4 of 20)"
    assert plot.axis_label == "outcome: 2 = 0 10, 5 = 1 01; last bit: classical bit 0"


@pytest.mark.parametrize(
    "table",
    [
        np.zeros(0, [("experiment", "<u4"), ("bitstring", "S2"), ("count", "<i8")]),
        np.zeros((1, 1), [("experiment", "<u4"), ("bitstring", "S2"), ("count", "<i8")]),
        np.array([(0, b"", 3)], [("experiment", "<u4"), ("bitstring", "S2"), ("count", "<i8")]),
        np.array([(0, b"0b", 3), (0, b"\xff", 2)], [("experiment", "<u4"), ("bitstring", "S2"), ("count", "<i8")]),
        np.array([(0, 1.5, 3)], [("experiment", "<u4"), ("bitstring", "<f8"), ("count", "<i8")]),
        np.array([(0, b"0", b"3")], [("experiment", "<u4"), ("bitstring", "S2"), ("count", "S1")]),
        np.array([(0, b"0")], [("experiment", "<u4"), ("bitstring", "S2")]),
    ],
    ids=["no row", "two axes", "no bit", "other letters", "no text", "no numbers", "a column less"],
)
def test_counts_of_a_stranger_have_no_plot(table: np.ndarray) -> None:
    assert counts_plot({"counts": DatasetDraft([table])}, CONFIG) is None


def test_the_most_frequent_of_many_outcomes_are_ranked() -> None:
    plot = counts_plot(counts(*[(0, format(n, "09b").encode(), n + 1) for n in range(300)]), CONFIG)
    assert plot is not None
    assert plot.values[2::4].tolist() == list(range(300, 236, -1))
    assert plot.places[1:-1].tolist() == [k + d for k in range(64) for d in (-0.375, -0.375, 0.375, 0.375)]
    assert plot.label.endswith(", 64 most frequent")
    assert plot.axis_label.startswith("rank; 0: 100101011; ")
    assert plot.places.nbytes + plot.values.nbytes <= 1032


@pytest.mark.parametrize(("count", "dtype"), [(65535, "<u2"), (65536, "<f8"), (-1, "<f8")])
def test_large_and_negative_counts(count: int, dtype: str) -> None:
    plot = counts_plot(counts((0, b"0", count)), CONFIG)
    assert plot is not None
    assert plot.values.dtype == dtype
    assert plot.values.tolist() == [0, 0, count, count, 0, 0]


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("qubits", [1, 6, 7, 11, 14])
def test_probabilities_in_bins(qubits: int, dtype: type) -> None:
    rng = np.random.default_rng(qubits)
    amplitudes = (rng.normal(size=2**qubits) + 1j * rng.normal(size=2**qubits)).astype(dtype)
    plot = probability_plot(state(amplitudes))
    assert plot is not None
    bins = min(2**qubits, 1024)
    expected = (np.abs(amplitudes.astype(complex)) ** 2).reshape(bins, -1).sum(axis=1)
    if qubits <= 6:
        assert plot.places[1:-1].tolist() == [n + d for n in range(bins) for d in (-0.375, -0.375, 0.375, 0.375)]
        assert np.allclose(plot.values[1:-1].reshape(-1, 4), expected[:, None] * [0, 1, 1, 0], rtol=1e-6)
    else:
        assert np.allclose(plot.values, expected, rtol=1e-14 if dtype is np.complex128 else 1e-5)
        assert plot.places.tolist() == [n * 2**qubits // bins for n in range(bins)]
    assert max(len(plot.axis_label), len(plot.label)) <= 60
    assert f", {qubits} qubit" in plot.label
    assert ("in bins of" in plot.label) == (qubits > 10)


def test_the_last_of_several_states() -> None:
    plot = probability_plot(state(np.array([1, 0j]), np.array([0, 1j])))
    assert plot is not None
    assert plot.values.tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 0, 0]
    assert plot.label == "probability, 1 qubit, state 2 of 2"


def test_the_diagonal_of_a_large_density_matrix() -> None:
    diagonal = np.random.default_rng(0).random(2048)
    plot = probability_plot(state(np.diag(diagonal).astype(np.complex64), kind="density_matrix"))
    assert plot is not None
    assert np.allclose(plot.values, diagonal.reshape(1024, 2).sum(axis=1), rtol=1e-6)


@pytest.mark.parametrize("values", [np.ones(3, complex), np.ones(4), np.ones((2, 2), complex), np.ones(1, complex)])
def test_what_is_no_state_has_no_profile(values: np.ndarray) -> None:
    assert probability_plot(state(values)) is None


def test_a_matrix_is_a_link_to_its_dataset() -> None:
    datasets = state(np.eye(8, dtype=complex), kind="unitary")
    plots = plots_of(datasets, CONFIG)
    assert list(plots) == ["matrix"]
    assert plots["matrix"].attributes == {"NX_class": "NXdata", "signal": "unitary", "axes": ("row", "column")}
    assert {name: one.parts[0].tolist() for name, one in plots["matrix"].datasets.items()} == {
        "row": [*range(8)],
        "column": [*range(8)],
    }
    assert plots["matrix"].datasets["row"].attributes == {"long_name": "row; last bit: qubit 0"}
    assert plots["matrix"].links == {"unitary": "unitary"}
    assert first_plot(plots) == "matrix"
    attributes = described(datasets)["unitary"].attributes
    assert attributes["interpretation"] == "image"
    assert attributes["long_name"] == "unitary of 3 qubits (first axis: row)"
    assert "note" not in attributes
    assert matrix_of(state(np.zeros((0, 0), complex), kind="unitary")) is None
    assert matrix_of(state(np.broadcast_to(np.complex128(0), (2048, 2048)), kind="unitary")) is None


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_unitary_of_one_magnitude_shows_its_phases(order: str) -> None:
    root = np.exp(2j * np.pi / 4)
    matrix = np.array([[root ** (j * j * k) for k in range(4)] for j in range(4)]) / 2
    stored = matrix.T if order == "F" else matrix
    phase = plots_of(state(stored, kind="unitary", order=order), CONFIG)["matrix"].datasets["phase"]
    assert phase.parts[0].tolist() == [[0, 0, 0, 0], [0, 0.5, 1, -0.5], [0, 0, 0, 0], [0, 0.5, 1, -0.5]]
    assert phase.nbytes == 32
    assert str(phase.attributes["long_name"]).startswith("phase / pi of the unitary of 2 qubits")
    several = state(np.eye(4) + 0j, np.eye(4) + 0j, kind="density_matrix", order="F", layout="stacked")
    assert plots_of(several, CONFIG)["matrix"].attributes["axes"] == (".", "column", "row")
    for other in (state(np.eye(4) + 1e-3j, kind="unitary"), state(stored, kind="density_matrix")):
        assert plots_of(other, CONFIG)["matrix"].links
    large = state(np.full((128, 128), 1 / np.sqrt(128) + 0j), kind="unitary")
    assert plots_of(large, CONFIG)["matrix"].links


def test_a_superoperator_says_its_qubits() -> None:
    attributes = described(state(np.eye(16, dtype=complex), kind="superop"))["superop"].attributes
    assert attributes["long_name"] == "superoperator of 2 qubits (first axis: row)"


def test_names_that_qiskit_made_up_are_not_shown() -> None:
    plot = counts_plot(counts((0, b"0", 3)), RunConfig(num_circuits=1, circuit_names=["circuit-154"]))
    assert plot is not None
    assert plot.label == "shots of the circuit"


def test_a_large_state_says_how_to_see_a_part() -> None:
    large = np.broadcast_to(np.complex64(0), (LARGE,))
    note = str(described(state(large, encoding="array"))["statevector"].attributes["note"])
    assert note.startswith("A statevector of 24 qubits: qubit 0 is the last bit of an index.")
    assert "Open As" in note
    assert "view/probability" in note
    assert "note" not in described(state(large[:-1], encoding="array"))["statevector"].attributes
