"""Runs that are durable in a spool: damage there never harms the project, and what was moved does not come back."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

import h5py
import pytest

import aerchive
from aerchive.errors import NotFoundError
from aerchive.project.catalogue.table import Catalogue
from aerchive.project.project import Project
from aerchive.project.spooling import mover
from aerchive.project.spooling.spools import Spools
from aerchive.project.writing.runs import write_drafts
from aerchive.testing.disks import FailingDisk, using
from tests.crash.workloads import lost
from tests.drafts import draft_of, job_id, model_of, project_at
from tests.holding import held
from tests.shares import share
from tests.spool_files import DeadFile
from tests.views import project_view, stock_values


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "project.h5"
    project_at(path).archive(draft_of(0))
    return path


def add_pending(path: Path, *numbers: int, kind: int = fcntl.LOCK_SH) -> Path:
    """Saves runs while the project is held."""
    project = project_at(path, lock_timeout_s=0.02)
    with held(path, kind):
        for number in numbers:
            project.archive(draft_of(number))
    pending = max(Path(run.path) for run in project.spools.runs())
    return pending


def ids(project: Project) -> set[str]:
    return {run.job_id for run in project}


def damage(path: Path) -> None:
    """Changes a byte of a run's statevector."""
    content = bytearray(path.read_bytes())
    values = draft_of(1).datasets["statevector"].parts[0].tobytes()
    content[content.index(values[:64]) + 20] ^= 1
    path.write_bytes(content)


def test_pending_runs_are_listed_and_merged(path: Path) -> None:
    pending = add_pending(path, 1, 2)
    project = project_at(path)
    assert ids(project) == {job_id(0), job_id(1), job_id(2)}
    assert len(project) == 3
    assert all(project[job_id(n)].in_pending_file for n in (1, 2))
    assert not any(project[job_id(n)].pending for n in (1, 2))
    project.archive(draft_of(3))

    assert not pending.exists()
    assert project_view(path) == model_of(draft_of(n) for n in range(4))
    assert project.verify().ok


def test_a_damaged_run_leaves_the_project_and_the_other_runs_alone(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pending = add_pending(path, 1, 2)
    damage(pending)
    project = project_at(path)

    for number in (3, 4):
        project.archive(draft_of(number))

    assert project_view(path) == model_of(draft_of(n) for n in (0, 2, 3, 4))
    assert stock_values(path).keys() == {job_id(n) for n in (0, 2, 3, 4)}
    assert pending.exists()
    assert [record for record in caplog.records if "is damaged" in record.message or "are damaged" in record.message]
    assert not project.verify().ok
    assert any("are damaged" in problem for problem in project.verify().problems)


def test_a_disk_error_at_any_call_of_a_merge_harms_nothing(tmp_path: Path) -> None:
    wanted = model_of(draft_of(n) for n in range(3))

    def prepared(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        project_at(folder / "project.h5").archive(draft_of(0))
        add_pending(folder / "project.h5", 1)
        return folder / "project.h5"

    with using(FailingDisk(-1)) as count:
        project_at(prepared("count")).archive(draft_of(2))
    for nth in share(range(len(count.calls)), 19):
        path = prepared(str(nth))
        with using(FailingDisk(nth)), suppress(aerchive.AerchiveError):
            project_at(path).archive(draft_of(2))
        project_at(path).archive(draft_of(2))
        assert project_view(path) == wanted, count.calls[nth]
        assert project_at(path).verify().ok
        assert [entry.name for entry in path.parent.iterdir()] == ["project.h5"]


def test_a_run_that_was_merged_stays_as_it_was_changed_since(path: Path) -> None:
    """A process was killed between the commit of a merge and the removal of the pending file."""
    pending = add_pending(path, 1, 2)
    content = pending.read_bytes()
    project = project_at(path)
    project.archive(draft_of(3))
    project[job_id(1)].add_tags("changed")
    project.delete_job(job_id(2))
    before = project_view(path)

    pending.write_bytes(content)
    assert job_id(2) not in project
    assert ids(project_at(path, "r")) == {job_id(0), job_id(1), job_id(3)}
    project_at(path).archive(draft_of(4))

    assert project_view(path) == before | model_of([draft_of(4)])


def test_a_pending_file_that_cannot_be_removed_is_no_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_pending(path, 1)
    project = project_at(path)
    monkeypatch.setattr(os, "unlink", lambda *_, **__: (_ for _ in ()).throw(PermissionError(1, "no")))
    for number in (2, 3):
        run = project.archive(draft_of(number))
        assert run.path
    monkeypatch.undo()

    assert project_view(path) == model_of(draft_of(n) for n in range(4))
    project_at(path).archive(draft_of(4))
    assert [entry.name for entry in path.parent.iterdir()] == ["project.h5"]


@pytest.mark.parametrize("kind", [fcntl.LOCK_SH, fcntl.LOCK_EX])
def test_a_run_knows_the_project_it_could_not_lock(path: Path, kind: int) -> None:
    add_pending(path, 1, kind=kind)
    (run,) = project_at(path).spools.runs()
    with h5py.File(path) as own:
        assert run.head.project == own.attrs["project_uuid"].decode()


def test_a_pending_file_of_another_project_is_told_and_not_merged(path: Path) -> None:
    pending = add_pending(path, 1)
    path.unlink()
    project = project_at(path)
    project.archive(draft_of(7))

    assert ids(project) == {job_id(7)}
    assert pending.exists()
    problem = f"{pending}: holds runs of another project, which was at {path} before"
    assert project.verify().problems == [problem]
    project.close()  # without a warning: they are not its runs


def test_a_project_that_was_replaced_meanwhile(path: Path, tmp_path: Path) -> None:
    project = project_at(path, lock_timeout_s=0.02)
    with held(path):
        project.archive(draft_of(1))
    other = tmp_path / "other.h5"
    project_at(other).archive(draft_of(8))
    os.replace(other, path)
    with held(path):
        project.archive(draft_of(2))
    project.archive(draft_of(3))

    assert project_view(path) == model_of(draft_of(n) for n in (8, 2, 3))
    assert len(list(path.parent.glob("*.pending-*"))) == 1  # that of the first project


def test_the_folder_may_be_locked(path: Path) -> None:
    """By somebody who makes a large copy there, for one."""
    with held(path.parent, fcntl.LOCK_EX):
        add_pending(path, 1)
        project_at(path).copy(path.with_name("copy.h5"))
    assert project_view(path.with_name("copy.h5")) == model_of([draft_of(0), draft_of(1)])


def test_a_copy_has_all_runs_or_is_none(path: Path) -> None:
    pending = add_pending(path, 1)
    project = project_at(path, lock_timeout_s=0.05)
    target = path.with_name("copy.h5")
    damage(pending)
    with pytest.raises(aerchive.IntegrityError, match="are damaged"):
        project.copy(target)
    assert not target.exists()
    assert sorted(entry.name for entry in path.parent.iterdir()) == sorted([path.name, pending.name])


def test_a_reader_never_misses_a_run_that_moves(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pending file is merged between any two steps of the reader."""
    add_pending(path, 1)
    project = project_at(path)
    real = Spools.contents

    def look_then_move(self: Spools) -> object:
        found = real(self)
        monkeypatch.setattr(Spools, "contents", real)
        project_at(path).archive(draft_of(2))
        return found

    monkeypatch.setattr(Spools, "contents", look_then_move)
    assert job_id(1) in project
    assert ids(project) >= {job_id(0), job_id(1)}


def test_data_of_a_run_that_is_called_lost_win(path: Path) -> None:
    project_at(path).archive(lost(1))
    add_pending(path, 1)
    project = project_at(path)
    assert project[job_id(1)].outcome == "ok"
    assert len(project) == 2
    project.archive(draft_of(2))
    assert project_view(path)[job_id(1)][0].status.outcome == "ok"


def test_the_same_lost_job_twice_is_one_run(path: Path) -> None:
    project = project_at(path)
    with project.file.write("2026-11-22T00:00:00.000000Z") as session:
        paths = write_drafts(session, [lost(5), lost(5)])
    assert paths[0].path == paths[1].path
    assert len(project) == 2


def test_so_many_lost_jobs_are_moved_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mover, "_LOST_TOGETHER", 3)
    project_at(path).archive(draft_of(0))
    dead = DeadFile(path)
    for number in range(7):
        dead.submitted(f"lost-{number}", float(number))
    in_file = []
    for number in range(1, 5):
        project = project_at(path)
        project.archive(draft_of(number))
        with project.file.read() as session:
            in_file.append(sum(Catalogue(session).find(f"lost-{job}") is not None for job in range(7)))
        assert sum(run.outcome == "lost" for run in project) == 7
    assert in_file == [3, 6, 7, 7]
    assert not dead.path.exists()


def test_deleting_a_pending_run(path: Path) -> None:
    pending = add_pending(path, 1)
    project = project_at(path)
    project.delete_job(job_id(1))
    assert job_id(1) not in project
    assert not pending.exists()


def test_ids_that_fill_the_column(path: Path) -> None:
    project = project_at(path)
    long, longer = "A" * 40, "A" * 41
    project.archive(dataclasses.replace(draft_of(1), job_id=longer, run_uuid="u-1"))
    with held(path):
        project_at(path, lock_timeout_s=0.02).archive(dataclasses.replace(draft_of(2), job_id=long, run_uuid="u-2"))
    assert long in project
    assert longer in project
    assert ids(project) == {job_id(0), long, longer}


def test_a_long_name_has_pending_files_too(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 225 + ".h5")
    project_at(path).archive(draft_of(0))
    pending = add_pending(path, 1)
    assert len(pending.name) < 100
    project_at(path).archive(draft_of(2))
    assert project_view(path) == model_of(draft_of(n) for n in range(3))
    assert not pending.exists()


def test_a_folder_that_went_away(path: Path) -> None:
    project = project_at(path, lock_timeout_s=0.02)
    elsewhere = path.parent.with_name("elsewhere")
    with held(path):
        path.parent.rename(elsewhere)
        with pytest.raises(NotFoundError, match="there is no folder"):
            project.archive(draft_of(1))
    elsewhere.rename(path.parent)
    project.archive(draft_of(2))
    assert project_view(path) == model_of([draft_of(0), draft_of(2)])


def test_a_project_replaced_while_a_first_writer_waits(path: Path, tmp_path: Path) -> None:
    """The trial of the lock looks at the file that was locked, not at another of its name."""
    other = tmp_path / "other.h5"
    project_at(other).archive(draft_of(8))
    project = project_at(path, lock_timeout_s=10)
    with held(path, fcntl.LOCK_EX):
        thread = threading.Thread(target=lambda: project.archive(draft_of(1)))
        thread.start()
        threading.Event().wait(0.2)
        os.replace(other, path)
    thread.join()
    assert project_view(path) == model_of([draft_of(8), draft_of(1)])
