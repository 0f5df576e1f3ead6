"""Circuits in older versions of QPY: asked for by setting or argument, in copies, and where this Qiskit is too old."""

from __future__ import annotations

import enum
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import qiskit
import qiskit_aer
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Gate, Measure, Parameter
from qiskit.circuit.classical import expr
from qiskit.circuit.library import SXGate
from qiskit.quantum_info import Kraus
from qiskit.transpiler import Target
from qiskit_aer.primitives import SamplerV2 as StockSampler

import aerchive
from aerchive.aer import AerSimulator, SamplerV2
from aerchive.cli import main
from aerchive.codecs.circuits.losses import differences
from aerchive.errors import ArchiveWarning, FormatError, InvalidInputError
from tests.golden.description import describe_target
from tests.small_chunks import small_chunks

X = np.array([[0, 1], [1, 0]])
NEWEST = qpy.QPY_VERSION
OLD = 15


def circuit(angle: float = 0.5) -> QuantumCircuit:
    """A circuit with definitions in QPY, a bound parameter, control flow, instructions of Aer and a large array."""
    theta = Parameter("θ")
    made = QuantumCircuit(9, 3, name="c", metadata={"angle": angle})
    made.set_statevector(np.eye(1, 512, 3)[0].astype(complex))
    for strength in (0.25, 0.5):
        made.append(Kraus([np.sqrt(1 - strength) * np.eye(2), np.sqrt(strength) * X]).to_instruction(), [0])
    made.rz(2 * theta + angle, 0)
    made.measure(0, 0)
    with made.if_test((0, 1)):
        made.append(Kraus([X]).to_instruction(), [1])
    made.save_statevector()
    made.measure([0, 1, 2], [0, 1, 2])
    made = made.assign_parameters({theta: 0.25})
    made.name = "c"
    return made


def versions(project: aerchive.Project) -> dict[str, int]:
    """The version of QPY of each object with circuits, by path."""
    found: dict[str, int] = {}
    with project.file.read() as session:
        kinds = session.root.group("objects/circuits")
        for folder in kinds.groups():
            for one in folder.groups():
                found[one.path] = one.read_bytes("qpy", str(one.attribute("object")))[6]
    return found


def test_the_newest_is_written_by_default(path: Path) -> None:
    AerSimulator(project=path).run(circuit(), shots=5).result()

    assert set(versions(aerchive.open(path)).values()) == {NEWEST}


@pytest.mark.parametrize("way", ["setting", "open", "simulator", "run", "autosave", "save"])
def test_an_older_version_is_written_where_it_is_asked_for(
    way: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = circuit()
    if way == "setting":
        monkeypatch.setenv("AERCHIVE_QPY_VERSION", "15")
        AerSimulator(project=path).run(made, shots=5).result()
    elif way == "open":
        AerSimulator(project=aerchive.open(path, qpy_version=OLD)).run(made, shots=5).result()
    elif way == "simulator":
        AerSimulator(project=path, qpy_version=OLD).run(made, shots=5).result()
    elif way == "run":
        AerSimulator(project=path, qpy_version=13).run(made, shots=5, qpy_version=OLD).result()
    elif way == "autosave":
        with aerchive.autosave(path, qpy_version=OLD):
            qiskit_aer.AerSimulator().run(made, shots=5).result()
    else:
        job = qiskit_aer.AerSimulator().run(made, shots=5)
        aerchive.open(path).save(job, qpy_version=OLD)

    project = aerchive.open(path)
    assert set(versions(project).values()) == {OLD}
    (run,) = project
    assert run.record.config.missing is None
    assert list(differences(made, run.circuits()[0])) == []
    assert project.verify().ok


def device() -> qiskit_aer.AerSimulator:
    """A simulator of a device whose target has an operation that is stored as a circuit."""
    target = Target(num_qubits=1)
    target.add_instruction(SXGate(), {(0,): None})
    target.add_instruction(Measure(), {(0,): None})
    target.add_instruction(Gate("odd", 1, []), {(0,): None})
    return qiskit_aer.AerSimulator(target=target)


def test_primitives_and_targets_are_written_in_it(path: Path) -> None:
    measured = QuantumCircuit(1)
    measured.sx(0)
    measured.measure_all()
    project = aerchive.open(path, qpy_version=OLD)
    SamplerV2(project=project).run([measured], shots=5).result()
    with aerchive.autosave(project):
        StockSampler().run([measured], shots=5).result()
        device().run(measured, shots=5).result()

    assert set(versions(project).values()) == {OLD}
    assert len(project.runs()) == 5


@pytest.mark.parametrize("version", range(13, NEWEST + 1))
def test_a_circuit_is_stored_once_in_every_version(version: int, path: Path) -> None:
    simulator = AerSimulator(project=path, qpy_version=version)
    for _ in range(3):
        simulator.run(circuit(), shots=5).result()

    assert list(versions(aerchive.open(path)).values()) == [version]


@pytest.mark.parametrize("version", [12, NEWEST + 1, "15", 15.0, True])
def test_a_version_that_cannot_be_written(version: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = aerchive.open(path)
    project.save(qiskit_aer.AerSimulator().run(circuit(), shots=5))
    for wrong in (
        lambda: AerSimulator(project=path, qpy_version=version),
        lambda: AerSimulator(project=path).run(circuit(), qpy_version=version),
        lambda: aerchive.open(path, qpy_version=version),
        lambda: project.save(qiskit_aer.AerSimulator().run(circuit()), qpy_version=version),
        lambda: project.copy(path.with_name("copy.h5"), qpy_version=version),
    ):
        with pytest.raises(InvalidInputError, match=r"^qpy_version"):
            wrong()
    assert os.listdir(path.parent) == [path.name]
    monkeypatch.setenv("AERCHIVE_QPY_VERSION", "fifteen")
    with pytest.raises(InvalidInputError, match="settings: qpy_version"):
        aerchive.open(path)


def with_floats() -> QuantumCircuit:
    """QPY 13 has no numbers of floating point in expressions."""
    made = QuantumCircuit(1, 1)
    made.measure(0, 0)
    made.add_var("f", expr.lift(0.5))
    return made


def test_what_the_older_version_would_lose_is_stored_in_the_newest(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = with_floats()

    result = qiskit_aer.AerSimulator().run(circuit(), shots=5).result()
    aerchive.open(path).save(result, circuits=made, qpy_version=13)

    (run,) = aerchive.open(path)
    assert run.record.config.missing is None
    assert list(differences(made, run.circuits()[0])) == []
    assert list(versions(aerchive.open(path)).values()) == [NEWEST]
    assert "circuits are stored in the newest QPY; the version asked for loses: circuit 0" in caplog.text


class Level(enum.IntEnum):
    HIGH = 3


def fill(path: Path) -> aerchive.Project:
    project = aerchive.open(path)
    simulator = AerSimulator(project=project)
    for angle in (0.1, 0.2, 0.1):
        params = {"level": Level.HIGH}
        simulator.run(circuit(angle), shots=50, seed_simulator=7, tags="a", params=params, level=Level.HIGH).result()
    project.save(device().run(QuantumCircuit(1, 1, name="t"), shots=5))
    project.save(qiskit_aer.AerSimulator().run(circuit(0.3), shots=5), name="gone")
    project.delete_job(project.latest(name="gone").job_id)
    next(iter(project)).add_tags("b")
    return project


def has_class_of_enum(project: aerchive.Project, job_id: str) -> bool:
    """Whether params and options of a run name the class of a member of an ``Enum``."""
    with h5py.File(project.path) as file:
        run = file[project[job_id].path]
        texts = [str(dict(run[name].attrs)) for name in ("labels", "config") if name in run]
    return len(texts) == 2 and all("Level" in text and '"enum"' in text for text in texts)


@pytest.mark.parametrize("anonymous", [False, True])
def test_a_copy_for_an_older_qiskit(anonymous: bool, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = fill(path)
    target = path.with_name("older.h5")

    words = ["copy", "--qpy", "15", str(path), str(target), *(["--anonymous"] if anonymous else [])]
    assert main(words) == 0

    assert f"{target}: 4 runs" in capsys.readouterr().out
    copied = aerchive.open(target)
    assert copied.verify().ok
    assert max(versions(copied).values()) == OLD
    # The two equal circuits are one object, and the target's operations are another.
    assert len(versions(copied)) == len(versions(project)) - 1 == 4
    for run in project:
        other = copied[run.job_id]
        assert [list(differences(*pair)) for pair in zip(run.circuits(), other.circuits(), strict=True)] == [[]]
        assert run.result().to_dict() == other.result().to_dict()
        assert bool(other.history) == (bool(run.history) and not anonymous)
        targets = [one.target() and describe_target(one.target()) for one in (run, other)]
        assert targets[0] == targets[1]
        assert has_class_of_enum(copied, run.job_id) == (has_class_of_enum(project, run.job_id) and not anonymous)
    assert copied.latest(tags="a").reproduce().verdict == "identical"


def test_a_copy_of_what_is_old_enough_is_the_same(path: Path) -> None:
    project = fill(path)
    copied = project.copy(path.with_name("newest.h5"), qpy_version=NEWEST)

    assert versions(copied).items() <= versions(project).items()
    assert {run.core_sha256 for run in copied} == {run.core_sha256 for run in project}


def test_a_copy_keeps_attachments_and_long_texts(path: Path) -> None:
    project = aerchive.open(path)
    with small_chunks(4096):
        run = project.save(qiskit_aer.AerSimulator().run(circuit(), shots=5), notes="long " * 8000)
    run.attach("fit", {"value": 1.5})
    project.attach("plan", np.arange(3.0))

    copied = project.copy(path.with_name("older.h5"), qpy_version=NEWEST - 1)

    assert copied.latest().notes == "long " * 8000
    assert copied.latest().attachments["fit"] == {"value": 1.5}
    assert copied.attachments["plan"][...].tolist() == [0.0, 1.0, 2.0]
    assert copied.verify().ok


def test_a_copy_keeps_what_the_older_version_would_lose(path: Path) -> None:
    project = aerchive.open(path)
    project.save(qiskit_aer.AerSimulator().run([with_floats(), circuit()], shots=5))
    project.save(qiskit_aer.AerSimulator().run(circuit(), shots=5))

    with pytest.warns(ArchiveWarning, match=r"1 list of circuits stayed in a newer version of QPY, .*\(Unsupported"):
        copied = project.copy(path.with_name("older.h5"), qpy_version=13)

    assert sorted(versions(copied).values()) == [13, NEWEST]


@pytest.fixture
def too_new(path: Path, monkeypatch: pytest.MonkeyPatch) -> aerchive.Project:
    """A project whose circuits the installed Qiskit cannot read, as if it was one version older."""
    project = fill(path)
    monkeypatch.setattr(qpy, "QPY_VERSION", NEWEST - 1)
    return project


def test_what_this_qiskit_cannot_read_is_said(too_new: aerchive.Project, capsys: pytest.CaptureFixture[str]) -> None:
    run = too_new.latest(tags="a")

    with pytest.raises(FormatError) as caught:
        run.circuits()

    said = str(caught.value)
    assert f"are QPY version {NEWEST}, and the installed Qiskit {qiskit.__version__} reads versions up to" in said
    assert "Results, arrays and documents of this run can be read as they are" in said
    assert f"install Qiskit {({15: '2.1', 16: '2.2', 17: '2.3', 18: '2.6'})[NEWEST]} or newer" in said
    assert f"aerchive copy --qpy {NEWEST - 1}." in said
    assert "'c' (qubits: 9, clbits: 3, instructions: " in said
    assert "2 kraus" in said
    assert sum(run.counts().values()) == 50
    assert run.value("statevector") is not None
    assert run.reproduce().verdict == "not_rerunnable"
    assert too_new.verify().ok
    assert main(["-p", str(too_new.path), "show", run.job_id]) == 0
    assert len(too_new.copy(too_new.path.with_name("plain.h5"))) == 4
    with pytest.raises(FormatError, match="are QPY version"):
        too_new.copy(too_new.path.with_name("older.h5"), qpy_version=13)
    assert not too_new.path.with_name("older.h5").exists()
