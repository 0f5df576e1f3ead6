"""Plots of runs on axes of the user."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator, SparsePauliOp

import aerchive
from aerchive.aer import AerSimulator
from aerchive.errors import InvalidInputError, NotFoundError
from tests.jobs import make_result

pytestmark = pytest.mark.usefixtures("no_window")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    circuits = []
    for number in range(2):
        circuit = QuantumCircuit(2, 2, name=f"$c_{number}")
        circuit.x(number)
        circuit.save_statevector("psi")
        circuit.measure([0, 1], [0, 1])
        circuits.append(circuit)
    simulator = AerSimulator(project=tmp_path_factory.mktemp("plots") / "project.h5", method="statevector")
    job = simulator.run(circuits, shots=7)
    job.result()
    return job.run


def bars(axes: Any) -> dict[str, float]:
    texts = [one.get_text() for one in axes.get_xticklabels()]
    return dict(zip(texts, (one.get_height() for one in axes.patches), strict=True))


def test_counts_are_drawn_first(run: Any) -> None:
    axes = run.plot()
    assert bars(axes) == {"01": 7}
    assert "shots" in axes.get_ylabel()
    axes.figure.canvas.draw()


def test_the_counts_of_an_experiment(run: Any) -> None:
    assert bars(run.plot(experiment=1)) == {"10": 7}
    assert bars(run.plot("counts", experiment=-1)) == {"10": 7}
    with pytest.raises(NotFoundError, match="there is no number 2"):
        run.plot(experiment=2)


def test_the_stored_profile_of_a_state(run: Any) -> None:
    figure, axes = plt.subplots()
    assert run.plot("probability", ax=axes) is axes
    assert axes.get_ylabel() == "probability,\n2 qubits,\nstate 2 of 2"
    assert axes.collections[0].get_paths()[0].vertices[:, 1].max() == 1
    assert plt.get_fignums() == [figure.number]


def test_a_sweep(tmp_path: Path) -> None:
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.ry(theta, 0)
    circuit.save_expectation_value(SparsePauliOp("Z"), [0], label="z")
    simulator = AerSimulator(project=tmp_path / "project.h5", method="statevector")
    job = simulator.run(circuit, parameter_binds=[{theta: [0.0, 0.5, 1.0]}])
    job.result()
    (line,) = job.run.plot().lines
    assert line.get_ydata() == pytest.approx(np.cos([0.0, 0.5, 1.0]), rel=1e-6)


def test_a_matrix(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "project.h5")
    run = project.save(make_result(unitary=Operator(np.diag([1, 1j, 1, 1]))))
    (image,) = run.plot().images
    assert image.get_array().tolist() == np.eye(4).tolist()
    with pytest.raises(NotFoundError, match=r"no plot 'counts'; run.plot\(\) draws what there is"):
        run.plot("counts")


def test_nothing_to_plot(tmp_path: Path) -> None:
    run = aerchive.open(tmp_path / "project.h5").save(make_result(word="text"))
    with pytest.raises(NotFoundError, match="nothing to plot: the run has neither counts nor a sweep"):
        run.plot()


def test_wrong_arguments(run: Any) -> None:
    with pytest.raises(InvalidInputError, match="kind='count': one of sweep, counts, probability, values, matrix is"):
        run.plot("count")
    with pytest.raises(InvalidInputError, match="kind='sweep' has no experiment"):
        run.plot("sweep", experiment=1)
    with pytest.raises(InvalidInputError, match="is no Axes"):
        run.plot(ax=plt.subplots())
