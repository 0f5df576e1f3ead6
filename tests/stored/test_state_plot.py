"""Plots of stored states."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from qiskit.quantum_info import DensityMatrix, Statevector, random_statevector
from qiskit.visualization import plot_bloch_multivector, plot_histogram, plot_state_city, plot_state_hinton

import aerchive
from aerchive.errors import InvalidInputError, MissingExtraError
from tests.jobs import make_result

LARGE = random_statevector(2**12, seed=1)


pytestmark = pytest.mark.usefixtures("no_window")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    project = aerchive.open(tmp_path_factory.mktemp("states") / "project.h5")
    values = {
        "$x_": Statevector([0.6, 0, 0, 0.8j]),
        "large": LARGE,
        "six": random_statevector(2**6, seed=2),
        "rho": DensityMatrix(np.diag([0.25, 0.75, 0, 0])),
        "qutrit": Statevector([1, 0, 0], dims=(3,)),
    }
    return project.save(make_result(counts={"0x0": 3, "0x3": 5}, **values))


def heights(axes: Any) -> list[float]:
    return [one.get_height() for one in axes.patches]


def labels(axes: Any) -> list[str]:
    return [one.get_text() for one in axes.get_xticklabels()]


def test_a_small_state_has_a_bar_for_each_basis_state(run: Any) -> None:
    axes = run.state("$x_").plot()
    assert heights(axes) == pytest.approx([0.36, 0, 0, 0.64])
    assert labels(axes) == ["00", "01", "10", "11"]
    axes.figure.canvas.draw()  # a label is no formula
    assert heights(run.state("rho").plot()) == pytest.approx([0.25, 0.75, 0, 0])


def test_a_large_state_is_a_profile(run: Any) -> None:
    axes = run.state("large").plot()
    values = np.abs(LARGE.data.reshape(1024, 4) ** 2).sum(axis=1)
    (area,) = axes.collections
    drawn = area.get_paths()[0].vertices
    assert drawn[:, 1].max() == pytest.approx(values.max())
    assert axes.get_ylabel() == "probability in bins of 4 basis states"
    axes = run.state("six").plot()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("index of the basis state; last bit: qubit 0", "probability")


def test_the_most_probable_basis_states(run: Any) -> None:
    axes = run.state("large").plot(top=3)
    wanted = np.sort(np.abs(LARGE.data) ** 2)[::-1][:3]
    assert heights(axes) == pytest.approx(wanted)
    assert labels(axes) == [*run.state("large").top(3)]
    assert axes.get_ylabel() == "probability, 3 most probable of 4,096"
    axes = run.state("rho").plot(top=4)
    assert (heights(axes), labels(axes)) == ([0.75, 0.25], ["01", "00"])


def test_axes_of_the_user(run: Any) -> None:
    figure, axes = plt.subplots()
    assert run.state("rho").plot(ax=axes) is axes
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"top": 0}, r"top=0: a number of basis states from 1 to 1000 is expected"),
        ({"top": "all"}, r"top='all': a number of basis states"),
        ({"ax": 3}, r"ax: a int is no Axes of matplotlib; plt.subplots\(\) returns a pair of figure and Axes"),
    ],
)
def test_wrong_arguments(run: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        run.state("rho").plot(**arguments)


def test_subsystems_that_are_not_qubits(run: Any) -> None:
    with pytest.raises(InvalidInputError, match="plot is for qubits"):
        run.state("qutrit").plot()


def test_without_matplotlib(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    for plot in (run.state("rho").plot, run.plot):
        with pytest.raises(MissingExtraError, match=r"pip install 'aerchive\[plot\]'"):
            plot()


def test_pictures_of_qiskit_take_stored_states(run: Any) -> None:
    state = run.state("$x_")
    for draw in (plot_state_city, plot_state_hinton, plot_bloch_multivector):
        assert draw(state).axes
    assert plot_histogram(run.counts()).axes
    assert Statevector(state.to_qiskit()) == Statevector([0.6, 0, 0, 0.8j])
