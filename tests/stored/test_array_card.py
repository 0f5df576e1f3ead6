"""What notebooks show of stored arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit.quantum_info import DensityMatrix, Operator, Statevector, random_statevector

import aerchive
from aerchive.storage.medium.trace import record_reads
from aerchive.stored import array_card
from tests.html_pages import texts_of
from tests.jobs import make_result

LARGE = random_statevector(2**17, seed=1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    project = aerchive.open(tmp_path_factory.mktemp("arrays") / "project.h5")
    values = {
        "bell": Statevector([0.6, 0, 0, 0.8j]),
        "qutrit": Statevector([1, 0, 0], dims=(3,)),
        "large": LARGE,
        "rho": DensityMatrix(np.diag([0.5, 0.5, 0, 0])),
        "unitary": Operator(np.eye(4)),
        "<b>": Statevector([1, 0]),
        "numbers": np.arange(6.0).reshape(2, 3),
    }
    return project.save(make_result(**values))


def test_a_small_state(run: Any) -> None:
    texts = texts_of(run.state("bell")._repr_html_())
    assert texts[:7] == ["StoredState ", "4", " complex128", "label", "bell", "qubits", "2"]
    assert "norm 1; the most probable basis states, qubit 0 is the last bit:" in texts
    first = texts.index("11")
    assert texts[first : first + 3] == ["11", "+0.0000 +0.8000i", "0.6400"]
    assert texts[first + 3 : first + 6] == ["00", "+0.6000 +0.0000i", "0.3600"]


def test_numbers_of_no_state(tmp_path: Path) -> None:
    run = aerchive.open(tmp_path / "project.h5").save(make_result(psi=Statevector([1e200, np.nan, np.inf, 1])))
    texts = texts_of(run.state()._repr_html_())
    assert any(one.startswith("norm nan") for one in texts)


def test_a_state_that_is_not_of_qubits(run: Any) -> None:
    texts = texts_of(run.state("qutrit")._repr_html_())
    assert texts[texts.index("subsystems") + 1] == "3"
    assert any(one.startswith("norm 1") for one in texts)


def test_a_large_state_is_not_read(run: Any) -> None:
    state = run.state("large")
    with record_reads() as log:
        texts = texts_of(state._repr_html_())
    assert log.nbytes < 20_000
    assert (
        "not read for this card: top(8), norm(), probabilities([0, 1]), plot() read the state piece by piece" in texts
    )
    size = texts[texts.index("size") + 1]
    assert size.startswith("2.0 MiB in memory, ")
    assert size.endswith(" on disk")


def test_the_bound_of_what_is_read(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_card, "MOST_READ_BYTES", 63)
    assert not any("norm 1" in one for one in texts_of(run.state("bell")._repr_html_()))
    assert "trace 1, purity 0.5" not in texts_of(run.state("rho")._repr_html_())


def test_matrices_and_arrays(run: Any) -> None:
    assert "trace 1, purity 0.5" in texts_of(run.state("rho")._repr_html_())
    assert texts_of(run.state("unitary")._repr_html_())[:2] == ["StoredOperator ", "4 × 4"]
    texts = texts_of(run.array("numbers")._repr_html_())
    assert texts[:3] == ["StoredArray ", "2 × 3", " float64"]
    assert texts[texts.index("run") + 1] == run.job_id
    assert texts[-1] == "[[0. 1. 2.]\n [3. 4. 5.]]"
    assert "&lt;b&gt;" in run.state("<b>")._repr_html_()


def test_a_stack(run: Any) -> None:
    texts = texts_of(run.stack(["bell", "bell"])._repr_html_())
    assert texts[:2] == ["StackedArray ", "2 × 4"]
    assert texts[texts.index("of") + 1] == "statevector"
    assert texts[texts.index("labels") + 1] == "bell"


def test_a_stack_across_runs(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "project.h5")
    for number in range(3):
        project.save(make_result(f"job{number}", psi=Statevector([1, 0])), params={"theta": number / 2})
    texts = texts_of(project.stack("psi", x="theta")._repr_html_())
    assert texts[texts.index("runs") + 1] == "3"
    assert texts[texts.index("theta") + 1] == "[0.  0.5 1. ]"


def test_an_array_of_a_deleted_run_is_shown_as_its_repr(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "project.h5")
    state = project.save(make_result(psi=LARGE)).state()
    project.path.unlink()
    assert state._repr_html_() is None
