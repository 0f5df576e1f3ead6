"""The studies among the examples, with small sizes: they go on where they were stopped, and their numbers are right."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from qiskit.quantum_info import SparsePauliOp, Statevector, entropy, partial_trace

import aerchive
from tests.examples.test_examples import ROOT, STUDIES


@pytest.fixture(autouse=True)
def plt() -> Iterator[Any]:
    """Draws figures without a screen, and closes them."""
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    yield plt
    plt.close("all")


def study(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def states(circuit: Any) -> list[Statevector]:
    """The states at the snapshots of a circuit, by Qiskit."""
    state, found = Statevector.from_int(0, 2**circuit.num_qubits), []
    for instruction in circuit.data:
        if instruction.operation.name.startswith("save"):
            found.append(state)
        else:
            qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
            state = state.evolve(instruction.operation, qubits)
    return found


def test_a_landscape_goes_on_and_has_the_energies(tmp_path: Path) -> None:
    landscape = study("variational_landscape")
    landscape.main(tmp_path, 2, 2)
    landscape.main(tmp_path, 3, 3)  # the four corners are there already

    table = aerchive.open(tmp_path / "landscape.h5").table(["gamma", "beta"], "energy")
    assert len(table) == 9
    for row in table.itertuples(index=False):
        (state,) = states(landscape.qaoa(row.gamma, row.beta))
        assert row.energy == pytest.approx(state.expectation_value(landscape.COST).real, abs=1e-12)
    assert (tmp_path / "landscape.png").stat().st_size > 1000
    assert_frame_equal(pd.read_csv(tmp_path / "landscape.csv", comment="#")[list(table)], table)


def test_an_evolution_has_its_magnetisation_and_entropy(tmp_path: Path) -> None:
    quench = study("trotter_evolution")
    quench.main(tmp_path, 4, 3)

    run = aerchive.open(tmp_path / "quench.h5").latest(params__h=quench.H)
    archived = run.stack("t*")
    expected = states(quench.ising_chain(4, 3))
    z = [SparsePauliOp.from_sparse_list([("Z", [site], 1)], num_qubits=4) for site in range(4)]
    by_qiskit = [[state.expectation_value(one) for one in z] for state in expected]
    np.testing.assert_allclose(archived.expectation_values(z), by_qiskit, atol=1e-12)
    halves = [entropy(partial_trace(state, [2, 3])) for state in expected]
    np.testing.assert_allclose([run.state(label).entropy([0, 1]) for label in archived.labels], halves, atol=1e-9)
    assert (tmp_path / "quench.png").stat().st_size > 1000


def test_a_noise_study_goes_on_and_has_its_error_bars(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noisy = study("noise_study")
    noisy.main(tmp_path, 2, 1, 2)
    capsys.readouterr()
    noisy.main(tmp_path, 2, 2, 2)

    project = aerchive.open(tmp_path / "noise.h5")
    assert project.done("strength", "depth", "seed") == {
        (s, d, n) for s in (0.001, 0.01) for d in (1, 2) for n in (0, 1)
    }
    assert len(project) == 8
    runs = project.find(params__strength=0.01, params__depth=2)
    mean = np.mean([run.counts()["0000"] / 1000 for run in runs])
    assert capsys.readouterr().out.splitlines()[-1].split()[2] == f"{mean:g}"
    assert (tmp_path / "noise.png").stat().st_size > 1000
    written = pd.read_csv(tmp_path / "noise.csv", comment="#")
    assert written["success"].tolist() == (written["counts.0000"] / 1000).tolist()
    assert len(written) == 8


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_says_its_full_size(name: str) -> None:
    """The sizes in the usage are those that the study has without arguments."""
    text = (ROOT / "examples" / name).read_text("utf-8")
    sizes = text.partition("[folder [")[2].partition("]")[0].split()
    defaults = study(name.removesuffix(".py")).main.__defaults__
    assert [int(size) for size in sizes] == [*defaults]
    assert len(STUDIES[name]) == len(defaults)
