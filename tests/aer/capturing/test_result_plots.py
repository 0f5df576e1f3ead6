"""Plots that are made from results, as the file has them after real runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import Pauli, SparsePauliOp
from qiskit_aer import AerSimulator

import aerchive
from aerchive.aer.capturing.result_plots import plots_if_possible, plots_of_pubs, plots_of_result
from aerchive.project.documents.plots import Plot

THETA = Parameter("θ")


def ry(measured: bool = True) -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.ry(THETA, 0)
    if measured:
        circuit.measure_all()
    return circuit


def run(circuits: Any, **options: Any) -> dict[str, Plot]:
    binds = options.get("parameter_binds")
    result = AerSimulator(method="statevector", seed_simulator=1).run(circuits, **options).result()
    return plots_of_result(binds, result.results, circuits)


def heights(plot: Plot) -> list[float]:
    return plot.values[2::4].tolist()


def test_a_sweep_of_counts_shows_the_share_of_an_outcome() -> None:
    binds = [{Parameter("fixed"): [0, 0, 0], THETA: [0.0, np.pi, 2 * np.pi]}]
    circuit = ry()
    circuit.ry(next(iter(binds[0])), 1)
    (plot,) = run([circuit], parameter_binds=binds, shots=20).values()
    assert plot.values.tolist() == [1, 0, 1]
    assert plot.places.tolist() == [0, np.pi, 2 * np.pi]
    assert plot.label == "share of outcome 00, first circuit"
    assert plot.axis_label == "parameter θ (as given; angles in radians)"


def test_a_sweep_of_numbers_comes_before_one_of_counts() -> None:
    circuit = ry(measured=False)
    circuit.save_expectation_value(Pauli("IZ"), [0, 1], label="z")
    circuit.measure_all()
    (plot,) = run([circuit], parameter_binds=[{THETA: [0.0, np.pi]}], shots=5).values()
    assert plot.values == pytest.approx([1, -1])
    assert plot.label == "z of the first circuit"


@pytest.mark.parametrize("form", ["save_probabilities", "save_probabilities_dict"])
def test_saved_probabilities(form: str) -> None:
    circuit = QuantumCircuit(2)
    circuit.x(1)
    circuit.h(0)
    getattr(circuit, form)()
    (plot,) = run(circuit).values()
    places = plot.places[1:-1:4] + 0.375
    found = dict(zip(places.tolist(), heights(plot), strict=True))
    assert {place: height for place, height in found.items() if height > 1e-9} == pytest.approx({2: 0.5, 3: 0.5})
    assert plot.axis_label.endswith("last bit: qubit 0")


def test_saved_numbers_are_bars_with_their_labels() -> None:
    circuit = QuantumCircuit(1)
    circuit.save_expectation_value_variance(SparsePauliOp("Z"), [0], label="e")
    circuit.save_expectation_value(Pauli("X"), [0], label="x")
    found = run([circuit])
    assert list(found) == ["values"]  # a value and a variance with the sum 1 are no probabilities
    values = tuple(round(height, 6) for height in heights(found["values"]))
    names = found["values"].axis_label.removeprefix("saved number: ")
    assert (names, values) in [
        ("0 = e, 1 = its variance, 2 = x", (1, 0, 0)),
        ("0 = x, 1 = e, 2 = its variance", (0, 1, 0)),
    ]


def test_a_number_of_each_circuit() -> None:
    circuits = []
    for angle in (0.0, np.pi):
        circuit = QuantumCircuit(1)
        circuit.ry(angle, 0)
        circuit.save_expectation_value(Pauli("Z"), [0], label="z")
        circuits.append(circuit)
    found = run(circuits)["values"]
    assert heights(found) == pytest.approx([1, -1])
    assert (found.label, found.axis_label) == ("z of each experiment", "number of the experiment")


def sampled(*shape: int, bits: int = 9) -> Any:
    data = np.zeros((*shape, 4, 2), np.uint8)
    data[..., 3, :] = 1, 2
    return PrimitiveResult([SamplerPubResult(DataBin(c=BitArray(data, bits), shape=shape))])


def test_samples_are_bars_or_a_curve() -> None:
    plot = plots_of_pubs(sampled(), None)["counts"]
    assert heights(plot) == [3, 1]
    assert plot.bars == ("000000000", "100000010")
    assert plot.label == "shots of register c"
    circuit = QuantumCircuit(1)
    circuit.add_register(ClassicalRegister(9, "c"))
    circuit.ry(THETA, 0)
    pub = SamplerPub.coerce((circuit, [0.5, 1.5, 2.5]))
    result = sampled(3)
    result[0].data.c.array[1] = 0
    curve = plots_of_pubs(result, [pub])["sweep"]
    assert curve.values.tolist() == [0.75, 1, 0.75]
    assert curve.places.tolist() == [0.5, 1.5, 2.5]
    assert curve.label == "share of outcome 000000000, register c"


def test_expectation_values_over_the_parameter_that_changes() -> None:
    pub = EstimatorPub.coerce((ry(measured=False), [["ZZ"], ["XX"]], [[0.1], [0.2], [0.3]]))
    values = np.arange(6.0).reshape(2, 3)
    result = PrimitiveResult([PubResult(DataBin(evs=values, shape=(2, 3)))] * 2)
    curve = plots_of_pubs(result, [pub])["sweep"]
    assert curve.values.tolist() == [0, 1, 2]
    assert curve.places.tolist() == [0.1, 0.2, 0.3]
    assert curve.label == "expectation value, pub 1 of 2"
    assert heights(plots_of_pubs(result, None)["values"]) == [0, 1, 2, 3, 4, 5]
    flat = PrimitiveResult([PubResult(DataBin(evs=np.array([1, 1 - 2e-16, 1]), shape=(3,)))])
    flat_pub = EstimatorPub.coerce((ry(measured=False), "ZZ", [0.1, 0.2, 0.3]))
    assert plots_of_pubs(flat, [flat_pub])["sweep"].values.tolist() == [1, 1, 1]
    alone = PrimitiveResult([PubResult(DataBin(evs=np.array(0.25), shape=()))])
    assert heights(plots_of_pubs(alone, None)["values"]) == [0.25]


STRANGE: dict[str, Callable[[], dict[str, Plot]]] = {
    "no experiments": lambda: plots_of_result(None, []),
    "no data": lambda: plots_of_result([{THETA: [1, 2]}], [object(), object()]),
    "no pubs": lambda: plots_of_pubs([], None),
    "no values": lambda: plots_of_pubs([PubResult(DataBin(evs=np.empty(0), shape=(0,)))], None),
    "other values": lambda: plots_of_pubs([PubResult(DataBin(evs=["a"], shape=()))], None),
    "what fails": lambda: plots_of_pubs([3], None),
}


@pytest.mark.parametrize("what", STRANGE)
def test_there_may_be_no_plot(what: str) -> None:
    assert plots_if_possible(STRANGE[what]) == {}


def test_they_are_in_the_file(tmp_path: Path) -> None:
    circuit = QuantumCircuit(1)
    circuit.save_probabilities()
    circuit.save_expectation_value(Pauli("Z"), [0])
    project = aerchive.open(tmp_path / "a.h5")
    saved = project.save(AerSimulator(method="statevector").run(circuit))
    with h5py.File(project.path) as file:
        group = file[saved.path]
        assert group.attrs["default"] == b"view/probability"
        assert group["view/probability/probability"][:].tolist() == [0, 0, 1, 1, 0, 0, 0, 0, 0, 0]
        assert group["view/values/value"][:].tolist() == [0, 0, 1, 1, 0, 0]
    assert project.verify().problems == []
