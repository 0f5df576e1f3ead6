"""A project as HDF5's own tools show it, to somebody who does not have aerchive."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qiskit_aer
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.quantum_info import Pauli
from qiskit_aer.noise import NoiseModel, depolarizing_error

import aerchive

TOOLS = [tool for tool in ("h5dump", "h5ls") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(TOOLS), reason=f"not installed (Debian: hdf5-tools): {', '.join(TOOLS)}")


def show(*command: object) -> str:
    """What a tool prints; it must succeed and complain of nothing."""
    answer = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    return answer.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    """With all that a project can hold."""
    project = aerchive.open(tmp_path_factory.mktemp("viewers") / "study.h5")
    theta = Parameter("θ[0] α")
    circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(1, "a"), ClassicalRegister(1, "b"), name="ansatz")
    circuit.rx(theta, 0)
    circuit.cx(0, 1)
    circuit.save_statevector(label="psi/0")
    circuit.save_density_matrix([0])
    circuit.save_expectation_value(Pauli("ZZ"), [0, 1], label="energy")
    circuit.save_probabilities_dict(label="probabilities")
    circuit.measure([0, 1], [0, 1])
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.01, 1), ["rx"])
    simulator = qiskit_aer.AerSimulator(method="density_matrix")
    large = QuantumCircuit(17, name="large")
    large.ry(0.4, range(17))
    large.save_statevector()
    mps = QuantumCircuit(3, name="mps")
    mps.h(range(3))
    mps.save_matrix_product_state()
    stabilizer = QuantumCircuit(2, name="stabilizer")
    stabilizer.h(0)
    stabilizer.save_clifford()
    with project.transaction():
        project.save(
            qiskit_aer.AerSimulator().run(
                [circuit], parameter_binds=[{theta: [0.1, 0.2]}], shots=50, memory=True, seed_simulator=7
            ),
            name="first sweep",
            tags=["vqe", "ψ"],
            notes="a note\nof two lines",
            params={"distance": 0.7, "list": [1, 2]},
        )
        project.save(qiskit_aer.AerSimulator().run(large))
        project.save(qiskit_aer.AerSimulator(method="matrix_product_state").run(mps))
        project.save(qiskit_aer.AerSimulator(method="stabilizer").run(stabilizer))
        noisy = QuantumCircuit(1, 1, name="noisy")
        noisy.rx(0.5, 0)
        noisy.measure(0, 0)
        project.save(simulator.run(noisy, noise_model=model), notes="long " * 10_000)
        project.save(qiskit_aer.AerSimulator().run(noisy, shots="many"))
    return project


def group_of(project: aerchive.Project, **conditions: Any) -> str:
    (run,) = project.find(**conditions)
    return str(run.path)


def test_h5dump_of_everything(project: aerchive.Project) -> None:
    text = show("h5dump", project.path)

    for wanted in (
        "aerchive project",
        "Quantum simulations archived by aerchive",
        "first sweep",
        "a note",
        "density_matrix",
        "ansatz",
    ):
        assert wanted in text
    assert text.count("UNKNOWN") == 0
    table = show("h5dump", "-d", f"/{group_of(project, name='first sweep')}/table", project.path)
    assert '"θ[0] α"' in table
    assert "nan" not in table


def test_h5ls_of_everything(project: aerchive.Project) -> None:
    text = show("h5ls", "-r", project.path)

    for run in project:
        assert f"/{run.path} " in text
    for wanted in (
        "/catalogue",
        "/counts",
        "/memory",
        "/table",
        "/statevector",
        "/circuits",
        "/noise_model",
        "/provenance",
    ):
        assert wanted in text
    assert "ansatz" in show("h5ls", "-r", "-v", "-d", project.path)


def test_text_is_whole_and_unescaped(project: aerchive.Project) -> None:
    labels = show("h5dump", "-A", "-g", f"/{group_of(project, name='first sweep')}/labels", project.path)

    assert '"first sweep"' in labels
    assert '"a note\n' in labels
    assert 'of two lines"' in labels
    assert "params.distance" in labels
    assert "0.7" in labels
    assert "vqe" in labels
    config = show("h5dump", "-A", "-g", f"/{group_of(project, name='first sweep')}/config", project.path)
    for wanted in ('"aer_simulator"', "options.seed_simulator", "used.method", '"statevector"', "options.shots"):
        assert wanted in config


def test_counts_are_a_table(project: aerchive.Project) -> None:
    run = project.latest(name="first sweep")
    text = show("h5dump", "-d", f"/{run.path}/counts", project.path)

    for column in ('"experiment"', '"bitstring"', '"count"'):
        assert column in text
    assert "0x" not in text
    for experiment in (0, 1):
        for key, value in run.counts(experiment).items():
            assert f'"{key}"' in text
            assert f" {value}\n" in text


def test_amplitudes_can_be_read(project: aerchive.Project) -> None:
    run = project.latest(num_qubits=17)
    text = show("h5dump", "-d", f"/{run.path}/statevector", "-s", "0", "-c", "1", "-m", "%.17g", project.path)

    first = run.array()[0]
    assert '"r"' in text
    assert f"{first.real:.17g}" in text


def test_stock_h5py_reads_all_of_it(project: aerchive.Project) -> None:
    import h5py

    read = []
    with h5py.File(project.path, "r") as file:
        file.visititems(lambda name, node: read.append(node[()]) if isinstance(node, h5py.Dataset) else None)
        run = project.latest(num_qubits=17)
        assert np.array_equal(file[run.path]["statevector"][...], np.asarray(run.array()))
    assert len(read) > 20


def test_h5dump_as_xml(project: aerchive.Project) -> None:
    from xml.dom import minidom

    document = minidom.parseString(show("h5dump", "--xml", "-A", project.path))

    assert document.documentElement.tagName == "hdf5:HDF5-File"


def test_a_reader_holds_nobody_up(project: aerchive.Project) -> None:
    with project.transaction():
        pass
    show("h5ls", project.path)

    project.save(qiskit_aer.AerSimulator().run(QuantumCircuit(1)), tags="after")

    assert len(project.find(tags="after")) == 1
    assert Path(project.path).exists()


def test_h5dump_writes_a_state_as_pairs_of_floats(project: aerchive.Project, tmp_path: Path) -> None:
    run = project.latest(num_qubits=17)
    sizes = {}
    for order in ("NATIVE", "LE"):
        show("h5dump", "-d", f"/{run.path}/statevector", "-b", order, "-o", tmp_path / order, project.path)
        sizes[order] = (tmp_path / order).stat().st_size

    assert np.array_equal(np.fromfile(tmp_path / "NATIVE", "<c16"), np.asarray(run.array()))
    assert sizes == {"NATIVE": 16 * 2**17, "LE": 0}


def test_h5dump_shows_a_part_of_a_large_state(project: aerchive.Project) -> None:
    run = project.latest(num_qubits=17)
    where = ("-d", f"/{run.path}/statevector", "-s", "70000", "-c", "8")
    text = show("h5dump", *where, "-y", "-m", "%.17g", project.path)

    lines = [line.strip(" ,") for line in text.splitlines()]
    numbers = [float(line) for line in lines if re.fullmatch(r"[-+.e\d]+", line)]
    expected = np.asarray(run.array())[70000:70008]
    assert numbers[:16] == expected.view(float).tolist()


def test_the_readme_is_lines_for_h5dump(project: aerchive.Project) -> None:
    text = show("h5dump", "-d", "/README", "-y", project.path)

    assert "\\000" not in text
    rows = [line.strip(' ",').rstrip() for line in text.splitlines()]
    assert {"WHAT THIS FILE IS", "WHERE THINGS ARE", "read_without_aerchive.py"} <= set(rows)


def test_all_pages_are_ascii_for_octave(project: aerchive.Project) -> None:
    import h5py

    with h5py.File(project.path, "r") as file:
        for page in (file["README"], *file["format"].values()):
            assert b"".join(page[...]).isascii()
