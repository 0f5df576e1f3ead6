"""What takes the space of a project: the sum is the file, and compaction gives back what was announced."""

from __future__ import annotations

import dataclasses
import fcntl
import math
import re
import shutil
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

import aerchive
from aerchive.errors import NotFoundError
from aerchive.project.care.space import KindSpace
from aerchive.storage.chunks.drafts import DatasetDraft, ObjectDraft, text_dataset
from aerchive.storage.hdf5.measuring import measure_group
from aerchive.testing.disks import UnsyncedDisk, using
from tests.drafts import draft_of, job_id, project_at
from tests.holding import held
from tests.jobs import bell, run_stock

NOISE = 3 * 1024 * 1024


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "project.h5"
    with using(UnsyncedDisk()):
        for number in range(6):
            project_at(path).archive(draft_of(number, extra_bytes=NOISE if number == 2 else 1000 * number))
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made, tmp_path))


def test_everything_is_accounted_for(path: Path) -> None:
    report = project_at(path).space()

    known = sum(kind.stored_bytes for kind in report.kinds) + report.structure_bytes + report.catalogue_bytes
    assert known + report.deleted_bytes + report.unused_bytes == report.file_bytes == path.stat().st_size
    assert report.unused_bytes < 4096
    assert (report.deleted_runs, report.deleted_bytes, report.beside_bytes, report.generation) == (0, 0, 0, 1)
    kinds = {kind.kind: kind for kind in report.kinds}
    assert set(kinds) == {"noise", "statevector", "counts", "result", "circuits", "provenance"}
    assert kinds["noise"].number == 5  # run 0 has none
    assert kinds["noise"].stored_bytes == pytest.approx(NOISE + 13_000, rel=0.01)
    assert kinds["statevector"] == KindSpace("statevector", 6, kinds["statevector"].stored_bytes, 6 * 90 * 16)
    assert kinds["circuits"].number == 3
    assert [kind.stored_bytes for kind in report.kinds] == sorted((k.stored_bytes for k in report.kinds), reverse=True)


def test_each_run_has_its_size(path: Path) -> None:
    report = project_at(path).space()

    assert [run.job_id for run in report.runs] == [job_id(number) for number in (2, 5, 4, 3, 1, 0)]
    largest = report.runs[0]
    assert largest.created == "2026-11-22T21:30:45.000002Z"
    assert largest.outcome == "ok"
    assert largest.nbytes == NOISE + 90 * 16 + 2 * 18 + len('{"number":2}')
    assert largest.stored_bytes == pytest.approx(NOISE + 5000, rel=0.01)
    assert 1500 < largest.structure_bytes < 6000
    kinds = {"circuits", "provenance"}
    shared = sum(kind.stored_bytes for kind in report.kinds if kind.kind in kinds)
    payload = sum(kind.stored_bytes for kind in report.kinds)
    assert sum(run.stored_bytes - run.structure_bytes for run in report.runs) == payload - shared


def test_compaction_gives_back_what_was_announced(path: Path) -> None:
    project = project_at(path)
    for note in range(20):
        project[job_id(3)].annotate(notes=f"{note}" * 500)
    only_here = draft_of(8)
    only_here = dataclasses.replace(
        only_here, objects={"circuits": ObjectDraft("circuits", {"number": 8}, {"qpy": noise_dataset(200_000)})}
    )
    project.archive(only_here)
    project.delete_jobs([job_id(2), only_here.job_id])

    report = project.space()
    assert report.deleted_runs == 2
    assert report.deleted_bytes == pytest.approx(NOISE + 200_000, rel=0.02)  # with the circuits that nobody else has
    assert report.unused_bytes > 10_000
    given_back = project.compact().bytes_given_back

    assert given_back == pytest.approx(report.reclaimable_bytes, rel=0.01)
    after = project.space()
    assert after.file_bytes == pytest.approx(report.live_bytes, rel=0.2)
    assert (after.deleted_runs, after.deleted_bytes, after.generation) == (0, 0, 2)
    assert after.unused_bytes < 4096


def noise_dataset(nbytes: int) -> DatasetDraft:
    return DatasetDraft([np.random.default_rng(0).integers(0, 256, nbytes, dtype=np.uint8)])


def test_values_of_one_kind_are_added_up(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "project.h5")
    circuit = bell()
    circuit.remove_final_measurements()
    for label, size in (("a", 100), ("b", 12_000), ("c", 13_000)):
        circuit.save_statevector(label)
        assert size
    run = project.save(run_stock(circuit))

    (space,) = project.space().runs
    kinds = {kind.kind: kind for kind in project.space().kinds}

    assert space.nbytes == sum(kind.nbytes for name, kind in kinds.items() if name not in ("circuits", "provenance"))
    assert space.job_id == run.job_id
    assert kinds["statevector"].nbytes == 4 * 4 * 16


def test_chunked_and_sparse_arrays(tmp_path: Path) -> None:
    path = tmp_path / "project.h5"
    sparse = np.zeros(2_000_000)
    sparse[1_500_000:1_500_100] = np.random.default_rng(0).random(100)
    draft = dataclasses.replace(draft_of(0), datasets={"result": text_dataset(b"{}"), "states": DatasetDraft([sparse])})
    project_at(path).archive(draft)

    kinds = {kind.kind: kind for kind in project_at(path).space().kinds}

    assert kinds["states"].nbytes == 16_000_000
    assert kinds["states"].stored_bytes < 10_000
    with project_at(path).file.read() as session:
        size = measure_group(session.root.group(project_at(path)[job_id(0)].path))
    assert size.structure_bytes > 16 * 68  # the checksums of all chunks, also of those that are all zero
    assert size.stored_bytes == size.structure_bytes + sum(dataset.stored_bytes for dataset in size.datasets)
    assert math.isclose(project_at(path).space().unused_bytes, 0, abs_tol=4096)


def test_what_other_programs_have_put_there_is_not_unused(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["mine/inner/values"] = np.arange(50_000)
        file["mine"].create_dataset("packed", data=np.zeros(10**6), compression="gzip", chunks=(10_000,))
        file["alone"] = np.arange(1000)
        file["mine/soft"] = h5py.SoftLink("/nowhere")

    report = project_at(path).space()

    assert 408_000 < report.foreign_bytes < 430_000
    assert report.unused_bytes < 4096
    assert any(line.startswith("of other programs") for line in str(report).splitlines())
    project_at(path).compact()
    assert project_at(path).space().foreign_bytes == pytest.approx(report.foreign_bytes, rel=0.01)


def test_what_was_replaced_is_told_from_what_was_added(path: Path) -> None:
    """The list of changes names both; after compaction its first entry is of many rows."""
    project = project_at(path)
    assert not project.space().replaced  # added one by one
    project.compact(force=True)
    assert not project.space().replaced
    project[job_id(3)].add_tags("one")
    assert project.space().replaced
    project.archive(draft_of(6))
    assert project.space().replaced
    project.compact()
    assert not project.space().replaced
    project.archive(draft_of(7))
    assert not project.space().replaced


def test_tables_that_were_replaced_count_as_deleted(path: Path) -> None:
    project = project_at(path)
    project.rebuild_catalogue()

    report = project.space()

    assert report.deleted_runs == 0
    assert report.deleted_bytes > 6 * 512
    assert report.reclaimable_bytes - project.compact().bytes_given_back < 4096
    assert project.space().deleted_bytes == 0


def test_a_run_without_a_row_is_counted(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        (day,) = file["runs"].values()
        file.copy(day[sorted(day)[5]], day, "again")

    report = project_at(path).space()

    assert len(report.runs) == 7
    assert [(run.outcome, run.created) for run in report.runs if not run.outcome] == [("", "")]


def test_what_lies_beside_is_told(path: Path) -> None:
    with held(path, fcntl.LOCK_EX):
        project_at(path, lock_timeout_s=0.05).archive(draft_of(9))
    (pending,) = path.parent.glob("*.pending-*")
    for name in (".project.h5.compact-1-0123abcd", ".project.h5.waiting-1-0123abcd"):
        path.with_name(name).write_bytes(bytes(100_000))

    report = project_at(path, "r").space()

    assert pending.stat().st_size + 200_000 <= report.beside_bytes < pending.stat().st_size + 220_000
    assert "more in files beside it: runs that wait, or left over" in str(report)


def test_progress(path: Path) -> None:
    seen: list[tuple[int, int]] = []
    project_at(path).delete_job(job_id(0))

    project_at(path).space(lambda done, total: seen.append((done, total)))

    assert seen == [(number, 10) for number in range(1, 11)]  # 5 runs, 1 deleted, 4 objects


def test_there_must_be_a_project(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such project"):
        project_at(tmp_path / "project.h5").space()


def test_the_report_is_two_tables(path: Path) -> None:
    project_at(path).delete_job(job_id(5))
    text = project_at(path).space().to_text(2)

    lines = text.splitlines()
    assert lines[0].startswith(f"{path}: 3.1 MiB, 5 runs; ")
    assert lines[2].split() == ["kind", "number", "stored", "share", "uncompressed"]
    assert re.fullmatch(r"noise +4 +3\.0 MiB +9[0-9.]+ % +3\.0 MiB", lines[4])
    assert any(line.split()[:2] == ["deleted", "1"] for line in lines)
    assert [line.split()[0] for line in lines if line.startswith("job-")] == [job_id(2), job_id(4)]
    assert "... the largest 2 of 5 runs" in lines
    assert re.fullmatch(r"'aerchive compact' gives back about [0-9.]+ KiB", lines[-1])


def test_runs_that_go_meanwhile_are_passed_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers get their turn between two looks, and may even replace the file."""
    monkeypatch.setattr("aerchive.storage.file._TURN_S", 0.0)

    def interfere(done: int, _total: int) -> None:
        if done == 2:
            waiting.append(threading.Thread(target=delete_and_compact))
            waiting[0].start()

    def delete_and_compact() -> None:
        project_at(path).delete_job(job_id(5))
        project_at(path).compact()

    waiting: list[threading.Thread] = []
    report = project_at(path, lock_timeout_s=60).space(interfere)
    waiting[0].join()

    assert {run.job_id for run in report.runs} >= {job_id(number) for number in range(5)}
    assert len(project_at(path).space().runs) == 5
