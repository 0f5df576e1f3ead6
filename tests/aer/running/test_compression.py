"""Profiles and rounding, from the settings and arguments to the file and back."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.quantum_info import DensityMatrix, Statevector

import aerchive
from aerchive.aer import AerSimulator
from aerchive.cli import main
from aerchive.errors import InvalidInputError
from aerchive.filters import zstandard
from aerchive.settings import load_settings
from tests.holding import held
from tests.jobs import make_result
from tests.strict import differences

QUBITS = 13


def deep(seed: int = 0, *, unitary: bool = False) -> QuantumCircuit:
    random = np.random.default_rng(seed)
    qubits = 6 if unitary else QUBITS
    circuit = QuantumCircuit(qubits)
    for layer in range(4):
        for qubit in range(qubits):
            circuit.u(*random.uniform(0, 6, 3), qubit)
        for qubit in range(layer % 2, qubits - 1, 2):
            circuit.cx(qubit, qubit + 1)
    if unitary:
        circuit.save_unitary()
    else:
        circuit.save_statevector()
        circuit.save_amplitudes_squared(range(2**QUBITS), label="probabilities")
    return circuit


def found(run: Any, name: str = "statevector") -> dict[str, Any]:
    """How a dataset of a run is stored."""
    with h5py.File(run.place.project.path, "r") as file:
        node = file[f"{run.path}/{name}"]
        info = node.id.get_chunk_info(0)
        properties = node.id.get_create_plist()
        codec = properties.get_filter(properties.get_nfilters() - 1)[0]
        return {"codec": codec, "mask": info.filter_mask, "stored": node.dtype, **dict(node.attrs)}


def as_stored(run: Any, name: str = "statevector") -> dict[str, Any]:
    """How a dataset of a run is stored, in the project or in a spool, to the last byte of its chunks."""
    with run.place.open() as (file, group):
        plan = group.plan(name, run.run_uuid)
        chunks = [(place.number, place.mask, bytes(plan.stored_bytes(file.fd, place))) for place in plan.locations]
        shape = plan.selection.shape, plan.chunk
        return {"codec": plan.codec, "stored": plan.stored, "shape": shape, "chunks": chunks} | {
            name: value for name, value in group.dataset_attributes(name).items() if "sum" not in name
        }


def profile_of(run: Any) -> str:
    """Of the profiles but ``small``, the one a run is stored with."""
    how = found(run)
    return "fast" if how["codec"] == zstandard.FILTER else "none" if how["mask"] == 3 else "portable"


@pytest.mark.parametrize(
    ("call", "simulator", "project", "environment", "expected"),
    [
        (None, None, None, None, "portable"),
        (None, None, None, "none", "none"),
        (None, None, "fast", "none", "fast"),
        (None, "none", "fast", "fast", "none"),
        ("portable", "none", "fast", "fast", "portable"),
        ("fast", None, None, None, "fast"),
        (None, "fast", None, None, "fast"),
    ],
)
def test_the_nearest_word_counts(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str | None,
    simulator: str | None,
    project: str | None,
    environment: str | None,
    expected: str,
) -> None:
    if environment is not None:
        monkeypatch.setenv("AERCHIVE_COMPRESSION", environment)
    place: Any = path if project is None else aerchive.open(path, compression=project)

    job = AerSimulator(project=place, compression=simulator).run(deep(), compression=call)
    result = job.result()

    assert profile_of(job.run) == expected
    assert differences(result.get_statevector(), job.run.value("statevector")) == []
    saved = aerchive.open(path, compression=project).save(
        make_result(job_id="by hand", x=Statevector(result.get_statevector())), compression=call or simulator
    )
    assert profile_of(saved) == expected


def test_all_profiles_in_one_project(path: Path) -> None:
    project = aerchive.open(path)
    state = Statevector(qiskit_aer.AerSimulator().run(deep()).result().get_statevector())
    runs = {
        profile: project.save(make_result(job_id=profile, s=state, n=np.arange(9.0)), compression=profile)
        for profile in ("portable", "none", "fast", "small")
    }

    for run in runs.values():
        assert differences(state, run.value("s")) == []
        assert run.saved[0].infidelity is None
    assert {profile_of(run) for run in runs.values()} == {"portable", "none", "fast"}
    assert project.verify().ok
    copied = project.copy(path.with_name("copy.h5"))
    assert differences(state, copied["small"].value("s")) == []


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_of_a_simulator_stores_as_it_does(path: Path, again: Any) -> None:
    simulator = again(AerSimulator(project=path, compression="fast", max_infidelity=1e-9))

    job = simulator.run(deep())
    job.result()

    assert profile_of(job.run) == "fast"
    assert job.run.saved[0].max_infidelity == 1e-9


def test_a_copy_of_a_project_stores_as_it_does(path: Path) -> None:
    project = pickle.loads(pickle.dumps(aerchive.open(path, compression="fast")))

    run = project.save(make_result(s=Statevector(np.random.default_rng(0).normal(size=2**13) + 0j)))

    assert profile_of(run) == "fast"


@pytest.mark.parametrize(
    "use",
    [
        lambda path: aerchive.open(path, compression="gzip"),
        lambda path: aerchive.open(path).save(make_result(), compression="gzip"),
        lambda path: AerSimulator(project=path, compression="gzip"),
        lambda path: AerSimulator(project=path).run(deep(), compression="gzip"),
    ],
    ids=["open", "save", "simulator", "run"],
)
def test_unknown_profiles_are_refused_before_anything_is_done(path: Path, use: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        use(path)

    for choice in ("'portable'", "'none'", "'fast'", "'small'"):
        assert choice in str(caught.value)
    assert not path.exists()


@pytest.mark.parametrize("where", ["environment", "file"])
def test_unknown_profiles_in_settings(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    if where == "environment":
        monkeypatch.setenv("AERCHIVE_COMPRESSION", "zip")
    else:
        from aerchive.settings import settings_file

        settings_file().parent.mkdir(parents=True)
        settings_file().write_text('compression = "zip"\n')

    with pytest.raises(InvalidInputError, match=r"compression: Input should be 'portable', .* or 'structure'"):
        load_settings()


def test_rounding_is_not_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    from aerchive.settings import settings_file

    settings_file().parent.mkdir(parents=True)
    settings_file().write_text("max_infidelity = 1e-12\n")

    with pytest.raises(InvalidInputError, match="max_infidelity"):
        load_settings()


# -- rounding


def test_only_the_state_of_a_run_is_rounded(path: Path) -> None:
    job = AerSimulator(project=path, max_infidelity=1e-12).run(deep(), name="rounded")
    result = job.result()
    state, run = np.asarray(result.get_statevector()), job.run

    rows = {row.label: row for row in run.saved}
    back = np.asarray(run.value("statevector"))
    assert not np.array_equal(back, state)
    assert 1 - abs(np.vdot(back, state)) ** 2 / np.vdot(back, back).real < 1e-12
    assert rows["statevector"].max_infidelity == 1e-12
    assert 0 < (rows["statevector"].infidelity or 0) <= 1e-12
    assert rows["probabilities"].infidelity is rows["probabilities"].max_infidelity is None
    assert differences(result.data(0)["probabilities"], run.value("probabilities")) == []


def test_a_rounded_run_is_reproduced_on_its_grid(path: Path) -> None:
    circuit = deep()
    circuit.save_statevector(label="each", pershot=True)
    circuit.save_statevector(label="by outcome", conditional=True)
    job = AerSimulator(project=path, max_infidelity=1e-9).run(circuit, shots=3, seed_simulator=7)
    job.result()

    report = job.run.reproduce()

    assert report.verdict == "identical", str(report)
    labels = {row.label for row in job.run.saved if row.grid}
    assert "statevector" in labels
    for label in labels:
        assert (
            f"{label} of experiment 0 was rounded when it was archived; the new one was, too, before it was compared"
        ) in report.reasons
    grid = next(row.grid for row in job.run.saved if row.label == "statevector")
    parts = np.asarray(job.run.value("statevector")).view(np.float64)
    assert grid
    assert np.array_equal(np.rint(parts / grid) * grid, parts)


def test_show_tells_what_was_lost(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = AerSimulator(project=path, max_infidelity=1e-12).run(deep())
    job.result()
    main(["-p", str(path), "show", job.job_id()])
    text = capsys.readouterr().out
    main(["-p", str(path), "show", job.job_id(), "--json"])
    document = json.loads(capsys.readouterr().out)

    assert "infidelity" in text
    assert "(at most 1e-12; rounded)" in text
    assert "exact" in text
    (state,) = (row for row in document["saved"] if row["label"] == "statevector")
    assert 0 < state["infidelity"] <= state["max_infidelity"] == 1e-12


def test_show_of_an_exact_run_says_nothing_of_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = AerSimulator(project=path).run(deep())
    job.result()
    main(["-p", str(path), "show", job.job_id()])

    assert "infidelity" not in capsys.readouterr().out


def test_an_array_that_is_only_called_a_state_is_exact(path: Path) -> None:
    values = np.random.default_rng(0).normal(size=2**14).view(complex)
    result = make_result(statevector=values, state=Statevector(values))

    run = aerchive.open(path).save(result, max_infidelity=1e-6)

    assert differences(values, run.value("statevector")) == []
    assert not np.array_equal(values, np.asarray(run.value("state")))


def test_density_matrices_and_unitaries_are_exact_and_say_so(path: Path) -> None:
    vector = np.random.default_rng(0).normal(size=128).view(complex)
    density = DensityMatrix(np.outer(vector, vector.conj()) / np.vdot(vector, vector))
    unitary = qiskit_aer.AerSimulator(method="unitary").run(deep(unitary=True)).result().get_unitary()

    run = aerchive.open(path).save(make_result(rho=density, u=unitary), max_infidelity=1e-3)

    assert differences(density, run.value("rho")) == []
    assert differences(unitary, run.value("u")) == []
    assert found(run, "density_matrix")["exact"].startswith(b"max_infidelity was asked for, but")
    assert [row.infidelity for row in run.saved] == [None, None]


def test_a_stack_of_snapshots_is_rounded_together(path: Path) -> None:
    random = np.random.default_rng(0)
    states = {f"t{step}": Statevector(random.normal(size=2**13).view(complex)) for step in range(4)}

    run = aerchive.open(path).save(make_result(**states), max_infidelity=1e-8)

    for label, state in states.items():
        back = run.value(label)
        assert 0 < 1 - abs(np.vdot(state, back)) ** 2 / np.vdot(state, state).real / np.vdot(back, back).real < 1e-8
    assert {row.max_infidelity for row in run.saved} == {1e-8}
    assert found(run)["number"] == 4


@pytest.mark.parametrize("profile", ["portable", "fast", "small"])
def test_a_pending_run_moves_with_its_compression_and_what_was_lost(path: Path, profile: str) -> None:
    project = aerchive.open(path, lock_timeout=0.05)
    project.save(make_result(job_id="first"))
    state = Statevector(np.random.default_rng(1).normal(size=2**19).view(complex))
    with held(path):
        run = project.save(make_result(job_id="late", s=state), compression=profile, max_infidelity=1e-10)
        assert run.in_pending_file
        before, waiting = as_stored(run), run.saved
        bits = np.asarray(run.value("s")).tobytes()

    project.save(make_result(job_id="next"))
    moved = aerchive.open(path)["late"]

    assert not moved.in_pending_file
    assert moved.saved == waiting
    assert np.asarray(moved.value("s")).tobytes() == bits
    assert len(before["chunks"]) > 1
    assert as_stored(moved) == before
    assert aerchive.open(path).verify().ok


def test_single_precision_runs_are_stored_as_such(path: Path) -> None:
    job = AerSimulator(project=path, precision="single").run(deep())
    state = job.result().get_statevector()

    assert found(job.run)["stored"] == np.complex64
    assert job.run.saved[0].dtype == "<c16"
    assert differences(state, job.run.value("statevector")) == []
    assert np.array_equal(job.run.array("statevector")[5:9], np.asarray(state)[5:9])
    assert job.run.array("statevector").dtype == complex
    assert job.run.reproduce().verdict == "identical"


def test_a_state_with_little_entanglement_becomes_a_product_of_matrices(path: Path) -> None:
    job = AerSimulator(project=path, max_infidelity=1e-12, method="statevector").run(chain_of(14))
    before = job.result().get_statevector()

    (row,) = job.run.saved
    assert row.bond is not None
    assert 0 <= row.infidelity <= 1e-12
    after = job.run.result().get_statevector()
    assert type(after) is type(before)
    assert np.linalg.norm(after.data - before.data) < 2e-6
    report = job.run.reproduce()
    assert report.verdict == "identical", str(report)
    assert any("made a product of matrices" in reason for reason in report.reasons)
    project = aerchive.open(path)
    assert project.verify().ok
    assert aerchive.validate(path).ok
    project.compact()
    assert np.array_equal(np.asarray(job.run.state()), after.data)


def chain_of(qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits)
    for _ in range(3):
        circuit.rx(0.4, range(qubits))
        for qubit in range(qubits - 1):
            circuit.rzz(0.3, qubit, qubit + 1)
    circuit.save_statevector()
    return circuit


def test_the_structure_of_a_state_is_stored_and_every_bit_comes_back(path: Path) -> None:
    job = AerSimulator(project=path, compression="structure", method="statevector").run(chain_of(16))
    before = np.asarray(job.result().get_statevector())

    (row,) = job.run.saved
    assert row.infidelity is None
    assert (row.shape, row.dtype) == ((2**16,), "<c16")
    state = job.run.state()
    assert np.asarray(state).tobytes() == before.tobytes()
    assert np.array_equal(state[70:9000:11], before[70:9000:11])
    assert np.array_equal(state[[5, 65_535, 5]], before[[5, 65_535, 5]])
    assert state.norm() == pytest.approx(1)
    assert job.run.reproduce().verdict == "identical"
    with h5py.File(path) as file:
        paths = [name for name in _datasets(file["runs"]) if "statevector" in name]
        stored = sum(file["runs"][path].id.get_storage_size() for path in paths)
    names = {path.rpartition("/")[2] for path in paths}
    assert {"statevector", "statevector.left_real", "statevector.right_imaginary"} <= names
    assert stored < before.nbytes / 3


def _datasets(group: h5py.Group) -> list[str]:
    found: list[str] = []
    group.visititems(lambda name, node: found.append(name) if isinstance(node, h5py.Dataset) else None)
    return found


def test_composed_states_are_cared_for_as_all_others(tmp_path: Path) -> None:
    path = tmp_path / "one.h5"
    for given in ({"compression": "structure"}, {"max_infidelity": 1e-12}):
        AerSimulator(project=path, method="statevector").run(chain_of(16), **given).result()
    project = aerchive.open(path)
    values = [np.asarray(run.state()) for run in project]
    assert project.verify().ok
    report = aerchive.validate(path)
    assert report.ok, str(report)

    part = project.extract(tmp_path / "part.h5")
    merged = aerchive.open(tmp_path / "merged.h5")
    merged.merge(part.path)
    project.compact()
    for other in (project, part, merged):
        assert other.verify().ok
        for run, before in zip(other, values, strict=True):
            assert np.array_equal(np.asarray(run.state()), before)
    assert project.stack("statevector").shape == (2, 2**16)


def test_structure_and_a_loss_exclude_each_other() -> None:
    with pytest.raises(InvalidInputError, match="keeps every bit, and max_infidelity allows to lose some: give one of"):
        AerSimulator(compression="structure", max_infidelity=1e-9)
