"""Arrays that are replaced by what computes them again: read, compared, written back, and refused where bits differ."""

from __future__ import annotations

import dataclasses
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.quantum_info import Pauli

import aerchive
from aerchive.aer import SamplerV2
from aerchive.aer.again import recompute
from aerchive.cli import main
from aerchive.errors import (
    FormatError,
    InvalidInputError,
    NotFoundError,
    OtherBitsError,
    TransactionError,
    UnsafeContentError,
    WriteError,
)
from aerchive.project.documents.draft import missing_of
from aerchive.project.location import RunPlace
from aerchive.project.project import Project
from aerchive.project.recomputing import kept
from aerchive.project.recomputing.comparison import wanted_of
from aerchive.project.recomputing.environment import environment
from aerchive.settings import load_settings
from aerchive.storage.chunks.drafts import text_dataset
from aerchive.storage.chunks.missing import read_missing
from aerchive.storage.chunks.witness import Deviation, share_beyond, witness_drafts, witness_indices
from aerchive.storage.file import ProjectFile
from tests import processes
from tests.jobs import bell
from tests.project.care.again import HereBridge, archive, circuit, opened, other_values

SMALL = "64 KiB"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a state of 128 KiB, a run with a small one, and a sampler with a run beneath it."""
    path = tmp_path_factory.mktemp("shrink") / "whole.h5"
    archive(path)
    archive(path, bell(), name="small")
    SamplerV2(seed=3, project=str(path)).run([bell()], shots=10).result()
    return path


@pytest.fixture(scope="module")
def light(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same project, shrunk."""
    path = tmp_path_factory.mktemp("light") / "light.h5"
    copied = aerchive.open(whole, "r").copy(path)
    report = opened(copied.path, HereBridge()).shrink("num_qubits > 0", min_bytes=SMALL)
    assert [one.name for one in report.runs] == ["first"]
    return path


def psi(project: Project) -> bytes:
    found: bytes = project["first"].array("psi")[...].tobytes()
    return found


@pytest.fixture
def taken(light: Path, path: Path) -> Path:
    """A copy of the shrunk project that a test may change."""
    aerchive.open(light, "r").copy(path)
    return path


def test_a_shrunk_run_keeps_its_seal_and_says_that_it_is_recomputed(
    whole: Path, light: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, before = aerchive.open(light, "r"), aerchive.open(whole, "r")
    run = project["first"]
    assert project.seal().root == before.seal().root
    assert run.results_sha256 == before["first"].results_sha256
    assert run.is_recomputed
    assert not project["small"].is_recomputed
    assert run.missing == {"statevector": ((2**13,), "<c16")}
    assert run.counts() == before["first"].counts()
    assert project.verify().ok
    assert aerchive.validate(light).ok
    for text in (repr(run), repr(run.array("psi")), repr(run.state("psi")), str(project.jobs())):
        assert "recomputed" in text
    assert [one.is_recomputed for one in run.saved if one.label == "psi"] == [True]
    for command in (["ls", str(light)], ["show", str(light), "first"], ["du", str(light)]):
        assert main(command) == 0
        assert "recomputed" in capsys.readouterr().out


def test_reading_computes_once_and_later_processes_find_it(whole: Path, light: Path) -> None:
    first, second = HereBridge(), HereBridge()
    wanted, run = psi(aerchive.open(whole, "r")), opened(light, first, "r")["first"]
    assert run.array("psi")[5:9].tobytes() == wanted[5 * 16 : 9 * 16]
    assert run.array("psi")[...].tobytes() == wanted
    assert run.state("psi").top(1) == aerchive.open(whole, "r")["first"].state("psi").top(1)
    assert run.result().data(0)["psi"].data.tobytes() == wanted
    assert run.job().result().data(0)["psi"].data.tobytes() == wanted
    assert run.stack(["psi"])[0].tobytes() == wanted
    assert run.value("psi").data.tobytes() == wanted
    assert first.calls == 1
    script = """
        import sys
        import aerchive
        from aerchive.aer.opening import QiskitBridge
        QiskitBridge.compute_again = None
        print(aerchive.open(sys.argv[1], "r")["first"].array("psi")[...].tobytes().hex()[:64])
    """
    assert processes.run(script, light).strip() == wanted.hex()[:64]
    again = opened(light, second, "r")["first"]
    assert again.recompute().is_identical
    assert again.array("psi")[...].tobytes() == wanted
    assert second.calls == 1


def test_threads_that_read_the_same_array_compute_it_once(whole: Path, taken: Path) -> None:
    bridge = HereBridge()
    run = opened(taken, bridge, "r")["first"]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: run.array("psi")[...].tobytes(), range(3)))
    assert found == [psi(aerchive.open(whole, "r"))] * 3
    assert bridge.calls == 1
    assert not [one for one in load_settings().recomputed.iterdir() if not one.is_dir()]


def test_a_folder_that_cannot_be_made_is_named(taken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERCHIVE_RECOMPUTED", str(taken / "in a file"))
    with pytest.raises(WriteError, match="setting recomputed"):
        opened(taken, HereBridge(), "r")["first"].array("psi")[0]


def test_what_is_kept_is_compared_and_made_anew_if_it_is_damaged(whole: Path, taken: Path) -> None:
    bridge = HereBridge()
    assert psi(opened(taken, bridge, "r")) == psi(aerchive.open(whole, "r"))
    (kept,) = load_settings().recomputed.iterdir()
    (kept / "run.h5").write_bytes(b"something else")
    assert psi(opened(taken, bridge, "r")) == psi(aerchive.open(whole, "r"))
    assert bridge.calls == 2


def test_the_folder_of_what_was_computed_has_a_limit(taken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERCHIVE_RECOMPUTED_BYTES", "1")
    root, older = load_settings().recomputed, "0" * 40
    for name in (older, "thesis"):  # the user may have named a folder with other things
        (root / name).mkdir(parents=True)
        (root / name / "run.h5").write_bytes(b"x" * 5000)
    psi(opened(taken, HereBridge(), "r"))
    assert (root / "thesis" / "run.h5").exists()
    assert not (root / older).exists()
    assert len([*root.iterdir()]) == 2


def test_what_others_may_have_put_into_the_folder_is_not_read(taken: Path) -> None:
    bridge, run = HereBridge(), aerchive.open(taken, "r")["first"]
    with run.opened() as group:
        folder = load_settings().recomputed / wanted_of(group).key
    opened(taken, bridge, "r")["first"].array("psi")[0]
    assert folder.stat().st_mode & 0o077 == 0
    folder.chmod(0o707)
    aerchive.open(taken).copy(taken.with_name("other.h5"))
    opened(taken.with_name("other.h5"), bridge, "r")["first"].array("psi")[0]
    assert bridge.calls == 2
    assert folder.stat().st_mode & 0o077 == 0


def test_a_kept_run_that_is_damaged_is_made_anew(whole: Path, taken: Path) -> None:
    bridge = HereBridge()
    run = opened(taken, bridge, "r")["first"]
    run.array("psi")[0]
    (copy,) = load_settings().recomputed.glob("*/run.h5")
    with aerchive.open(copy, "r").latest().opened() as group:
        address = group.plan("statevector", str(group.run_uuid())).locations[0].address
    content = bytearray(copy.read_bytes())
    content[address + 100] ^= 0xFF
    copy.write_bytes(content)
    assert run.array("psi")[...].tobytes() == psi(aerchive.open(whole, "r"))
    assert bridge.calls == 2


def test_a_kept_run_that_was_removed_in_part_is_made_anew(whole: Path, taken: Path) -> None:
    run = opened(taken, HereBridge(), "r")["first"]
    run.array("psi")[0]
    (folder,) = load_settings().recomputed.iterdir()
    (folder / "run.h5").unlink()
    (folder / "rest").touch()
    assert psi(opened(taken, HereBridge(), "r")) == psi(aerchive.open(whole, "r"))


def test_arrays_that_are_stored_by_their_structure_stay_and_are_not_called_identical(path: Path) -> None:
    low = QuantumCircuit(16)
    for qubit in range(16):
        low.ry(0.1 + 0.3 * qubit, qubit)
    for qubit in range(15):
        low.cx(qubit, qubit + 1)
    low.save_statevector(label="low")
    project = opened(path, HereBridge())
    for name, options in (("structure", {"compression": "structure"}), ("product", {"max_infidelity": 1e-9})):
        job = qiskit_aer.AerSimulator(method="statevector", seed_simulator=4).run([low, circuit()], shots=5)
        job.result()
        project.save(job, name=name, **options)
        run = project[name]
        values = [run.array(label, number)[...].tobytes() for number, label in enumerate(("low", "psi"))]
        report = project.shrink(name=name, min_bytes=SMALL)
        assert [one.arrays for one in report.runs] == [("statevector_2",)]
        assert [run.array(label, number).is_recomputed for number, label in enumerate(("low", "psi"))] == [False, True]
        assert [run.array(label, number)[...].tobytes() for number, label in enumerate(("low", "psi"))] == values
        found = run.recompute()
        assert found.not_compared == ("statevector",)
        assert not found.deviations
        assert not found.is_identical
        assert "not compared" in str(found)


def test_unshrinking_gives_the_same_nodes_back(whole: Path, taken: Path) -> None:
    project, before = opened(taken, HereBridge()), aerchive.open(whole, "r")
    handle, array = project["first"], project["first"].array("psi")
    assert handle.is_recomputed
    with project.transaction(), pytest.raises(TransactionError, match="a transaction is open"):
        project.unshrink("num_qubits > 0")
    report = project.unshrink("num_qubits > 0")
    assert report.job_ids == [before["first"].job_id]
    run = project["first"]
    assert not run.is_recomputed
    assert not handle.is_recomputed
    assert array[...].tobytes() == psi(before)
    assert not run.missing
    assert run.nbytes == before["first"].nbytes
    assert psi(project) == psi(before)
    assert project.seal().root == before.seal().root
    assert project.verify().ok
    assert aerchive.validate(taken).ok
    assert not project.unshrink("num_qubits > 0").job_ids


def test_other_bits_are_never_given_as_the_archived_ones(taken: Path) -> None:
    project = opened(taken, HereBridge(other_values))
    run = project["first"]
    for read in (lambda: run.array("psi")[0], lambda: run.state("psi").norm(), lambda: run.result().data(0)["psi"]):
        with pytest.raises(OtherBitsError, match="99% confidence") as caught:
            read()
    (deviation,) = caught.value.deviations
    assert deviation.name == "statevector"
    assert deviation.number == 512
    assert 0 < deviation.differing < 512
    assert 0 < deviation.greatest < 1e-14
    assert deviation.share == pytest.approx(1 - 0.01 ** (1 / 512))
    assert "software and processor are those" in str(caught.value)
    found = run.recompute()
    assert not found.is_identical
    assert found.deviations == (deviation,)
    assert abs(found.run.array("psi")[0]) > 0
    assert "not the archived ones" in str(found)
    report = project.unshrink(tags="scan")
    assert not report.job_ids
    assert "other bits" in report.left_out[0].reason
    assert project.verify().ok


def test_a_changed_number_of_threads_is_named_and_is_tried_anew(
    taken: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = HereBridge(other_values)
    run = opened(taken, bridge, "r")["first"]
    before = environment()["OMP_NUM_THREADS"]
    monkeypatch.setenv("OMP_NUM_THREADS", "77")
    with pytest.raises(OtherBitsError, match=f"OMP_NUM_THREADS was {before}, is 77"):
        run.array("psi")[0]
    with pytest.raises(OtherBitsError, match="is 77"):
        run.array("psi")[0]
    assert bridge.calls == 1
    bridge.spoil = None
    monkeypatch.setenv("OMP_NUM_THREADS", "76")
    assert psi(opened(taken, bridge, "r")) == psi(aerchive.open(whole, "r"))


def test_a_kept_run_that_another_process_removes_meanwhile_is_made_anew(
    whole: Path, taken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = HereBridge()
    run, found = opened(taken, bridge, "r")["first"], RunPlace.recomputed

    def removed(place: RunPlace) -> Any:
        again = found(place)
        if bridge.calls == 1:
            for folder in load_settings().recomputed.iterdir():
                shutil.rmtree(folder)
        return again

    run.array("psi")[0]
    monkeypatch.setattr(RunPlace, "recomputed", removed)
    assert run.array("psi")[...].tobytes() == psi(aerchive.open(whole, "r"))
    assert bridge.calls == 2


def test_a_process_that_is_forked_leaves_what_its_parent_is_making(whole: Path) -> None:
    script = """
        import os
        from aerchive.project.recomputing import kept
        with kept.making() as folder:
            child = os.fork()
            if not child:
                raise SystemExit
            os.waitpid(child, 0)
            print(folder.exists())
        print(folder.exists())
    """
    assert processes.run(script, whole).split() == ["True", "False"]


def test_a_run_without_arrays_is_not_called_identical(path: Path) -> None:
    counted = QuantumCircuit(2)
    counted.h(0)
    counted.measure_all()
    archive(path, counted)
    found = opened(path, HereBridge(), "r")["first"].recompute()
    assert not found.is_identical
    assert "run.reproduce() compares counts" in str(found)


def test_ctrl_c_while_another_computes_leaves_its_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with kept.alone("0" * 40):
        (lock,) = load_settings().recomputed.iterdir()
        with monkeypatch.context() as patch:
            patch.setattr(kept.fcntl, "flock", interrupted)
            with pytest.raises(KeyboardInterrupt), kept.alone("0" * 40):
                pass
        assert lock.exists()
    assert not lock.exists()


def test_a_full_disk_ends_shrinking_at_the_first_run(whole: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aerchive.open(whole, "r").copy(path)
    answer = {"error": "run.h5: No space left on device", "is_of_writing": True, "left_out": []}
    monkeypatch.setattr(recompute, "run_limited", lambda *_, **__: answer)
    with pytest.raises(WriteError, match="could not be kept"):
        aerchive.open(path).shrink(name="first", min_bytes=SMALL)
    assert not aerchive.open(path, "r")["first"].is_recomputed


def test_without_a_witness_it_only_says_that_bits_differ(whole: Path, path: Path) -> None:
    aerchive.open(whole, "r").copy(path)
    project = opened(path, HereBridge())
    project.shrink(name="first", min_bytes=SMALL)
    bridge = HereBridge(other_values)
    place = project["first"].path

    def without_witness(session: Any) -> None:
        group = session.root.group(place)
        missing = missing_of(group, str(group.run_uuid()))
        assert missing is not None
        bare = missing.__class__(missing.original, missing.datasets, missing.environment)
        session.replace_group(place, "missing", bare.draft(), str(group.run_uuid()))

    project.file.commit(without_witness, "2026-12-01T00:00:00.000000Z")
    with pytest.raises(OtherBitsError, match="statevector has other bits; ") as caught:
        opened(path, bridge, "r")["first"].array("psi")[0]
    assert caught.value.deviations == (Deviation("statevector"),)


def test_a_run_that_comes_out_otherwise_stays_as_it_is(whole: Path, path: Path) -> None:
    aerchive.open(whole, "r").copy(path)
    before = path.read_bytes()
    report = opened(path, HereBridge(other_values)).shrink(name="first", min_bytes=SMALL)
    assert not report.runs
    assert "other bits" in report.left_out[0].reason
    assert path.read_bytes() == before


def test_a_dry_run_tries_nothing_and_says_why_runs_stay(whole: Path, light: Path, path: Path) -> None:
    bridge = HereBridge()
    report = opened(whole, bridge, "r").shrink("nbytes >= 0", dry_run=True, min_bytes=1)
    reasons = {one.name or one.job_id[:4]: one.reason for one in report.left_out}
    assert [one.name for one in report.runs] == ["first"]
    assert report.runs[0].saved_bytes > 50_000
    assert report.runs[0].seconds is not None
    assert "nothing is saved" in reasons["small"]
    (sampler,) = opened(whole, bridge, "r").find(program="sampler")
    for run in (sampler, *sampler.children()):
        assert "of a primitive" in str(bridge.obstacle(run))
    assert bridge.calls == 0
    assert "seconds" in str(report)
    slow = opened(whole, bridge, "r").shrink(name="first", dry_run=True, min_bytes=SMALL, max_seconds=0)
    assert "it took" in slow.left_out[0].reason
    again = opened(light, bridge, "r").shrink(name="first", dry_run=True, min_bytes=SMALL)
    assert "already" in again.left_out[0].reason
    shutil.copy(whole, path)
    foreign = opened(path, bridge, "r").shrink(name="first", dry_run=True, min_bytes=SMALL)
    assert "aerchive trust" in foreign.left_out[0].reason
    with pytest.raises(InvalidInputError, match="say which runs"):
        opened(whole, bridge).shrink()
    with pytest.raises(NotFoundError, match="first, small"):
        opened(whole, bridge).shrink("name == nothing")
    with pytest.raises(InvalidInputError, match="min_bytes"):
        opened(whole, bridge).shrink("nbytes > 0", min_bytes="many")


def test_a_run_of_a_foreign_file_is_not_started_by_reading(light: Path, path: Path) -> None:
    shutil.copy(light, path)
    with pytest.raises(UnsafeContentError, match="aerchive trust"):
        aerchive.open(path, "r")["first"].array("psi")[0]


def test_merging_gives_the_arrays_back_and_extracts_keep_the_recipe(whole: Path, taken: Path, tmp_path: Path) -> None:
    project, before = opened(taken, HereBridge()), aerchive.open(whole, "r")
    one = project.extract(tmp_path / "one.h5", name="first")
    assert one["first"].is_recomputed
    assert one.verify().ok
    assert aerchive.validate(one.path).ok
    assert psi(one) == psi(before)
    anonymous = project.extract(tmp_path / "anonymous.h5", name="first", anonymous=True)
    assert psi(anonymous) == psi(before)
    assert anonymous.verify().ok
    with anonymous["first"].opened() as group:
        missing = read_missing(group, anonymous["first"].run_uuid)
    assert missing is not None
    assert missing.environment.keys() == {"qiskit-aer", "qiskit", "numpy", "python"}
    bare = before.extract(tmp_path / "bare.h5", "name == first", payloads=False)
    assert not bare["first"].is_recomputed
    assert opened(bare.path, HereBridge())["first"].recompute().is_identical
    assert bare.merge(project).filled == 1
    assert bare["first"].is_recomputed
    assert psi(opened(bare.path, HereBridge())) == psi(before)
    assert project.merge(before).filled == 1
    assert not project["first"].is_recomputed
    assert project.verify().ok
    assert aerchive.validate(taken).ok
    copied = before.copy(tmp_path / "copy.h5")
    assert copied.merge(one).filled == 0
    assert not copied["first"].is_recomputed


def test_compaction_gives_the_space_back_also_of_a_run_that_shrinks_meanwhile(
    whole: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aerchive.open(whole, "r").copy(path)
    project, last_pass = opened(path, HereBridge()), ProjectFile.without_writers

    def without_writers(file: ProjectFile) -> Any:
        monkeypatch.setattr(ProjectFile, "without_writers", last_pass)
        assert project.shrink(name="first", min_bytes=SMALL).runs
        return last_pass(file)

    monkeypatch.setattr(ProjectFile, "without_writers", without_writers)
    project.compact(force=True)
    assert project["first"].is_recomputed
    size = path.stat().st_size
    project.compact(force=True)
    assert path.stat().st_size < whole.stat().st_size - 50_000
    assert path.stat().st_size <= size
    assert project.verify().ok
    project.rebuild_catalogue()
    assert project["first"].is_recomputed
    assert psi(project) == psi(aerchive.open(whole, "r"))


def test_rounded_stacked_and_transposed_arrays_come_back_too(path: Path) -> None:
    snapshots = QuantumCircuit(12)
    for step in range(3):
        for qubit in range(12):
            snapshots.ry(0.1 + 0.3 * qubit, qubit)
            snapshots.cx(qubit, (qubit + 1) % 12)
        snapshots.save_statevector(label=f"t{step}")
    density = QuantumCircuit(7)
    for qubit in range(7):
        density.ry(0.1 + 0.3 * qubit, qubit)
        density.rx(0.2 + 0.2 * qubit, qubit)
    density.save_density_matrix(label="rho")
    density.save_expectation_value(Pauli("ZZIIIII"), range(7), label="zz")
    archive(path, snapshots, name="steps")
    archive(path, density, name="rho", method="density_matrix")
    bridge = HereBridge()
    project = opened(path, bridge)
    job = qiskit_aer.AerSimulator(method="statevector", seed_simulator=4).run(circuit(), shots=5)
    job.result()
    project.save(job, name="rounded", max_infidelity=1e-6)
    values = {
        "steps": project["steps"].stack("t*")[...].tobytes(),
        "rho": project["rho"].array("rho")[...].tobytes(),
        "rounded": project["rounded"].array("psi")[...].tobytes(),
    }
    root = project.seal().root
    assert len(project.shrink("nbytes > 0", min_bytes=1).runs) == 3
    assert project.seal().root == root
    assert project["steps"].stack("t*")[...].tobytes() == values["steps"]
    assert project["rho"].array("rho")[...].tobytes() == values["rho"]
    assert project["rounded"].array("psi")[...].tobytes() == values["rounded"]
    assert project["rounded"].saved[0].infidelity or project["rounded"].saved[-1].infidelity
    assert len(project.unshrink("nbytes >= 0").job_ids) == 3
    assert project.verify().ok
    assert project.seal().root == root


@pytest.mark.parametrize(
    "change",
    [
        {"chunk": [0]},
        {"chunk": [64, 64]},
        {"chunk": "all"},
        {"shape": [2**60]},
        {"reason": "lost"},
        {"sha256": "short"},
        {"dtype": "O"},
        {"attributes": {"kind": ["statevector"]}},
    ],
)
def test_what_no_writer_says_of_missing_arrays_is_refused(taken: Path, change: dict[str, Any]) -> None:
    project = opened(taken, HereBridge())
    run = project["first"]
    place, owner = run.path, run.run_uuid

    def forge(session: Any) -> None:
        group = session.root.group(place)
        draft = read_missing(group, owner).draft()
        (known,) = json.loads(group.group("missing").read_json("datasets", owner))
        text = json.dumps([{**known, **change}]).encode("ascii")
        forged = dataclasses.replace(draft, datasets={"datasets": text_dataset(text)})
        session.replace_group(place, "missing", forged, owner)

    project.file.commit(forge, "2026-12-01T00:00:00.000000Z")
    with pytest.raises(FormatError, match="not a list of datasets that are missing"):
        run.array("psi")[0]
    assert not project.verify().ok


@pytest.mark.parametrize("indices", [np.array([2**40]), np.array([1, 2, 3])])
def test_a_witness_that_does_not_fit_tells_nothing_and_harms_nobody(taken: Path, indices: Any) -> None:
    project = opened(taken, HereBridge(other_values))
    run = project["first"]
    place, owner = run.path, run.run_uuid

    def forge(session: Any) -> None:
        missing = read_missing(session.root.group(place), owner)
        assert missing is not None
        beyond = witness_drafts("statevector", indices, np.zeros(len(indices), complex))
        forged = dataclasses.replace(missing, witnesses=beyond)
        session.replace_group(place, "missing", forged.draft(), owner)

    project.file.commit(forge, "2026-12-01T00:00:00.000000Z")
    with pytest.raises(OtherBitsError) as caught:
        run.array("psi")[0]
    assert caught.value.deviations == (Deviation("statevector"),)


def test_witnesses_are_drawn_by_the_digest_alone() -> None:
    indices = witness_indices("ab" * 32, 2**20)
    assert indices.tolist() == witness_indices("ab" * 32, 2**20).tolist() != witness_indices("ac" * 32, 2**20).tolist()
    counted = np.bincount(indices * 8 // 2**20, minlength=8)
    assert (counted > 400).all()
    assert (counted < 630).all()
    assert share_beyond(4096) == pytest.approx(0.001124, rel=1e-3)


def test_the_commands_show_the_promise_and_do_it_in_a_child(
    whole: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aerchive.open(whole, "r").copy(path)
    wanted = psi(aerchive.open(path, "r"))
    options = ["--min-size", SMALL, "--json"]
    assert main(["shrink", str(path), "name == first", *options]) == 2
    out, err = capsys.readouterr()
    assert len(json.loads(out)["runs"]) == 1
    assert "promised for these alone" in err
    assert "--yes" in err
    assert not aerchive.open(path, "r")["first"].is_recomputed
    assert main(["shrink", str(path), "name == first", *options, "--yes"]) == 0
    assert json.loads(capsys.readouterr().out)["saved_bytes"] > 50_000
    assert aerchive.open(path, "r")["first"].is_recomputed
    assert main(["unshrink", str(path), "name == first"]) == 0
    assert "written back" in capsys.readouterr().out
    assert psi(aerchive.open(path, "r")) == wanted
