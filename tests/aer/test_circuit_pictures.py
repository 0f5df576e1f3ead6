"""``illustrate`` completes the texts of large circuits, and draws circuits and the messages of failed runs."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

import aerchive
from aerchive.project.drawing.pictures import Painter
from tests.aer.test_circuit_view import rows
from tests.aer.test_shared_objects import result


def large() -> QuantumCircuit:
    circuit = QuantumCircuit(3, name="large")
    for number in range(200):
        circuit.cx(number % 3, (number + 1) % 3)
    return circuit


def test_a_large_circuit_is_completed(path: Path, tmp_path: Path) -> None:
    project = aerchive.open(path)
    runs = [project.save(result(number), circuits=[large()]) for number in range(3)]
    assert len(rows(path)[0]) == 20

    assert project.illustrate() == (3, [])

    text = rows(path)[0]
    assert len(text) == 203
    assert text[3:6] == ["cx q[0], q[1];", "cx q[1], q[2];", "cx q[2], q[0];"]
    assert not any("left out" in row or "more instruction" in row for row in text)
    with h5py.File(path) as file:
        views = [file[run.path]["circuits/view"] for run in runs]
        assert views[0] == views[2]
        assert "left_out" not in views[0].attrs
        assert views[0].attrs["default"] == b"picture"
        image = views[0]["picture/image"]
        assert image.shape[1:] == (640, 3)
        assert image.chunks == image.shape
        assert image.attrs["long_name"] == b"large: 3 qubits, 200 instructions"
        assert np.unique(image[:]).size > 10
    assert project.verify().problems == []
    size = path.stat().st_size
    assert project.illustrate() == (3, [])
    assert path.stat().st_size - size < 100_000  # the circuits are not drawn again
    copied = project.copy(tmp_path / "copy.h5")
    project.compact(force=True)
    for one in (copied, aerchive.open(path)):
        assert one.verify().problems == []
        assert len(rows(Path(one.path))[0]) == 203
    assert [one.circuits() for one in aerchive.open(path).runs()] == [[large()]] * 3


def test_circuits_of_a_job_have_one_picture(path: Path) -> None:
    project = aerchive.open(path)
    run = project.save(result(0), circuits=[QuantumCircuit(1, name=name) for name in "ab"])
    project.illustrate()
    with h5py.File(path) as file:
        view = file[run.path]["circuits/view"]
        assert set(view) == {"circuit_0", "circuit_1", "picture"}
        assert view["picture/image"].attrs["long_name"] == b"2 circuits"
    assert project.verify().problems == []


def test_a_failed_run_shows_its_message(path: Path, tmp_path: Path) -> None:
    circuit = QuantumCircuit(1)
    circuit.save_state()
    circuit.save_state()
    project = aerchive.open(path)
    run = project.save(AerSimulator(method="statevector").run(circuit), name="twice")
    assert project.illustrate() == (1, [])
    with h5py.File(path) as file:
        group = file[run.path]
        assert group.attrs["default"] == b"view/picture"
        assert group["view/picture/image"].attrs["long_name"] == group.attrs["title"]
    assert project.verify().problems == []
    nameless = project.copy(tmp_path / "nameless.h5", anonymous=True)
    assert nameless.verify().problems == []
    with h5py.File(nameless.path) as file:
        assert "view" not in file[nameless.latest().path]


@pytest.mark.parametrize(("number", "height"), [(1, 160), (40, 540), (400, 540)])
def test_a_page_is_one_chunk(number: int, height: int) -> None:
    image = Painter().page(["x" * 100] * number, "title").datasets["image"]
    assert image.shape == (height, 640, 3)
    assert image.nbytes <= 2**20
    assert (np.asarray(image.parts[0])[:, -4:] == 255).all()  # the rows fit
