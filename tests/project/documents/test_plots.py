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
    assert plot.places.tolist() == [1.625, 1.625, 2.375, 2.375, 4.625, 4.625, 5.375, 5.375]
    assert plot.values.tolist() == [0, 9, 9, 0, 0, 7, 7, 0]
    assert plot.bars == ("0 10", "1 01")
    assert plot.label == "shots of GHZ (circuit 4 of 20)"
    assert plot.axis_label == "outcome: 2 = 0 10, 5 = 1 01; the last bit is classical bit 0 (qubit 0 of measure_all)"


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
    assert plot.values[1::4].tolist() == list(range(300, 236, -1))
    assert plot.places.tolist() == [k + d for k in range(64) for d in (-0.375, -0.375, 0.375, 0.375)]
    assert plot.label.endswith(", 64 most frequent")
    assert plot.axis_label.startswith("rank of the outcome; 0 = 100101011; ")
    assert plot.places.nbytes + plot.values.nbytes <= 1024


@pytest.mark.parametrize(("count", "dtype"), [(65535, "<u2"), (65536, "<f8"), (-1, "<f8")])
def test_large_and_negative_counts(count: int, dtype: str) -> None:
    plot = counts_plot(counts((0, b"0", count)), CONFIG)
    assert plot is not None
    assert plot.values.dtype == dtype
    assert plot.values.tolist() == [0, count, count, 0]


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("qubits", [1, 3, 10, 11, 14])
def test_probabilities_in_bins(qubits: int, dtype: type) -> None:
    rng = np.random.default_rng(qubits)
    amplitudes = (rng.normal(size=2**qubits) + 1j * rng.normal(size=2**qubits)).astype(dtype)
    plot = probability_plot(state(amplitudes))
    assert plot is not None
    bins = min(2**qubits, 1024)
    expected = (np.abs(amplitudes.astype(complex)) ** 2).reshape(bins, -1).sum(axis=1)
    assert np.allclose(plot.values, expected, rtol=1e-14 if dtype is np.complex128 else 1e-5)
    assert plot.places.tolist() == [n * 2**qubits // bins for n in range(bins)]
    assert f", {qubits} qubit" in plot.label
    assert ("in each bin of" in plot.label) == (qubits > 10)


def test_the_last_of_several_states() -> None:
    plot = probability_plot(state(np.array([1, 0j]), np.array([0, 1j])))
    assert plot is not None
    assert plot.values.tolist() == [0, 1]
    assert plot.label == "probability of each basis state, 1 qubit, last of 2 states"


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
    assert plots["matrix"].attributes == {"NX_class": "NXdata", "signal": "unitary"}
    assert plots["matrix"].links == {"unitary": "unitary"}
    assert first_plot(plots) == "matrix"
    attributes = described(datasets)["unitary"].attributes
    assert attributes["interpretation"] == "image"
    assert attributes["long_name"] == "unitary of 3 qubits (down: its rows; last bit of an index: qubit 0)"
    assert "note" not in attributes
    assert matrix_of(state(np.zeros((0, 0), complex), kind="unitary")) is None
    assert matrix_of(state(np.broadcast_to(np.complex128(0), (2048, 2048)), kind="unitary")) is None


def test_a_large_state_says_how_to_see_a_part() -> None:
    large = np.broadcast_to(np.complex64(0), (LARGE,))
    note = str(described(state(large, encoding="array"))["statevector"].attributes["note"])
    assert note.startswith("A statevector of 24 qubits: qubit 0 is the last bit of an index.")
    assert "Open As" in note
    assert "view/probability" in note
    assert "note" not in described(state(large[:-1], encoding="array"))["statevector"].attributes
