"""Runs that are not in the project yet: kept, read where they are, and moved, whatever became of the place."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import shutil
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aerchive
from aerchive.cli import main
from aerchive.errors import AlreadyExistsError, ReadOnlyError, TransactionError, WriteError
from aerchive.models.labels import Author, RunLabels
from aerchive.project.documents.draft import RunDraft, new_uuid
from aerchive.project.project import open_project
from aerchive.project.spooling import mover as spool_mover
from aerchive.storage.chunks.drafts import DatasetDraft
from tests import processes
from tests.drafts import DraftBridge, draft_of, job_id, model_of, project_at, values_of
from tests.holding import held
from tests.views import project_view

LARGE = 3_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "project.h5"
    path.parent.mkdir()
    project_at(path).archive(draft_of(0))
    return path


def held_back(path: Path, *numbers: int) -> Path:
    """Saves runs while the project is locked, in a process that ends then; the file where they are."""
    pid = os.fork()
    if pid == 0:
        try:
            project = project_at(path, lock_timeout_s=0.01)
            with held(path):
                for number in numbers:
                    project.archive(draft_of(number, extra_bytes=LARGE if number % 5 == 4 else 0))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    (pending,) = path.parent.glob("*.pending-*")
    return pending


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def test_a_large_run_is_read_chunk_by_chunk_where_it_is(path: Path) -> None:
    held_back(path, 4)
    run = project_at(path, "r")[job_id(4)]
    assert run.in_pending_file
    with run.place.open() as (_, group):
        whole = draft_of(4, extra_bytes=LARGE).datasets["noise"].parts[0]
        assert (group.read("noise", run.run_uuid, slice(1_000_000, 2_500_000, 7)) == whole[1_000_000:2_500_000:7]).all()
        assert len(group.plan("noise", run.run_uuid, 5).locations) == 1


def test_a_large_run_moves_with_its_stored_bytes(path: Path) -> None:
    held_back(path, 4)
    project = project_at(path)
    run = project[job_id(4)]
    with run.place.open() as (session, group):
        plan = group.plan("noise", run.run_uuid)
        before = [bytes(plan.stored_bytes(session.fd, place)) for place in plan.locations]
    project.archive(draft_of(1))
    with project[job_id(4)].place.open() as (session, group):
        plan = group.plan("noise", run.run_uuid)
        assert [bytes(plan.stored_bytes(session.fd, place)) for place in plan.locations] == before
    assert project.verify().ok


def test_a_handle_is_good_before_and_after_the_move(path: Path) -> None:
    held_back(path, 1)
    run = project_at(path)[job_id(1)]
    before = run.record
    project_at(path).archive(draft_of(2))
    assert names(path) == ["project.h5"]
    with run.place.open() as (_, group):
        assert group.read("statevector", before.run_uuid).tobytes() == values_of(draft_of(1))["statevector"][2]
    assert run.path.startswith("runs/")


def test_every_process_moves_what_a_living_one_holds(path: Path) -> None:
    project = project_at(path, lock_timeout_s=0.01)
    with held(path):
        run = project.archive(draft_of(1))
    script = """
        import sys
        from pathlib import Path
        from tests.drafts import draft_of, project_at
        project_at(Path(sys.argv[1])).archive(draft_of(2))
    """
    processes.run(script, path)
    assert project_view(path) == model_of(draft_of(n) for n in range(3))
    assert len(project) == 3
    project.archive(draft_of(3))  # recognises its own
    assert project_view(path) == model_of(draft_of(n) for n in range(4))
    assert names(path) == ["project.h5"]
    assert run.path


def test_a_copy_of_a_spool_is_read_and_moved_and_stays(path: Path, tmp_path: Path) -> None:
    """A synchronised folder: what is removed here is removed there, where the run is not in the project yet."""
    pending = held_back(path, 1)
    there = tmp_path / "synchronised"
    there.mkdir()
    for entry in path.parent.iterdir():
        shutil.copy2(entry, there / entry.name)

    other = project_at(there / "project.h5")
    assert job_id(1) in other
    other.archive(draft_of(2))
    assert project_view(there / "project.h5") == model_of(draft_of(n) for n in (0, 1, 2))
    assert (there / pending.name).exists()
    other.delete_job(job_id(1))
    project_at(there / "project.h5").archive(draft_of(3))
    assert sorted(run.job_id for run in other) == [job_id(0), job_id(2), job_id(3)]
    other.compact()
    assert sorted(run.job_id for run in project_at(there / "project.h5")) == [job_id(0), job_id(2), job_id(3)]

    project_at(path).archive(draft_of(5))
    assert project_view(path) == model_of(draft_of(n) for n in (0, 1, 5))
    assert names(path) == ["project.h5"]


def test_a_run_in_a_spool_that_cannot_be_moved_is_not_changed(path: Path) -> None:
    held_back(path, 1)
    project = project_at(path, lock_timeout_s=0.01)
    run = project[job_id(1)]
    with held(path):
        with pytest.raises(TransactionError, match=r"is in a spool beside the project; change it once"):
            run.add_tags("x")
        with pytest.raises(aerchive.AerchiveError):
            project.delete_job(job_id(1))
    run.add_tags("x")
    assert project_at(path)[job_id(1)].tags == ("x",)


def test_conflicting_runs_are_named(
    path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    other = dataclasses.replace(
        draft_of(7), job_id=job_id(0), run_uuid="11112222-aaaa-4bbb-8ccc-ddddeeeeffff", is_bare=True, objects={}
    )
    project_at(path).archive(other)
    beside = f"{job_id(0)}~11112222"
    assert f"this one is kept beside it as job {beside}" in caplog.text
    project = project_at(path)
    assert project[beside].record.config.conflicts_with == job_id(0)
    assert [problem for problem in project.verify().problems if beside in problem] == [
        f"{path}: run {beside} is another result of job {job_id(0)}, kept beside it; compare them and delete one"
    ]
    assert main(["-p", str(path), "ls"]) == 0
    assert f"run {beside} is another result of job {job_id(0)}" in capsys.readouterr().err
    project.delete_job(job_id(0))
    assert project.verify().ok
    with pytest.raises(AlreadyExistsError):
        project.save(dataclasses.replace(draft_of(8), job_id=beside, is_bare=True, objects={}))


# -- runs that are moved more than once, and what became of them meanwhile


def copied(pending: Path) -> Path:
    """A copy of a spool file as a synchronised folder has it: it is read, and stays."""
    copy = pending.with_name(f"{pending.name[:-8]}{'0' * 8}")
    copy.write_bytes(pending.read_bytes())
    return copy


def in_another_process(path: Path, number: int) -> None:
    """Another process saves a run, and moves what it may move."""
    script = """
        import sys
        from pathlib import Path
        from tests.drafts import draft_of, project_at
        project_at(Path(sys.argv[1])).archive(draft_of(int(sys.argv[2])))
    """
    with processes.start(script, path, number) as process:
        assert process.wait(timeout=60) == 0


def other_result(of: int) -> RunDraft:
    """Another result of a job."""
    values = dict(draft_of(of).datasets) | {"statevector": DatasetDraft([np.arange(90) * 1j])}
    return dataclasses.replace(draft_of(of), run_uuid=new_uuid(), datasets=values, objects={}, is_bare=True)


def test_labels_that_were_taken_away_do_not_come_back(path: Path) -> None:
    project = project_at(path, lock_timeout_s=0.01)
    with held(path):
        project.archive(draft_of(1, labels=RunLabels(name="first", tags=["a"])))
    (pending,) = path.parent.glob("*.pending-*")
    copied(pending)
    in_another_process(path, 2)
    other = project_at(path)
    other[job_id(1)].remove_tags("a")
    other[job_id(1)].rename("second")

    project.archive(draft_of(3))  # finds its own run, and the copy, in spools
    assert project[job_id(1)].tags == ()
    assert project[job_id(1)].name == "second"


def test_a_lost_job_that_was_archived_keeps_its_labels(path: Path) -> None:
    """Its process died between the commit and the note that the job has finished."""
    script = """
        import os, sys
        from pathlib import Path
        from aerchive.models.labels import RunLabels
        from tests.drafts import draft_of, job_id, project_at
        project, labels = project_at(Path(sys.argv[1])), RunLabels(name="first", tags=["a"])
        project.spools.own.submitted(job_id(1), {"created": draft_of(1).created, "labels": labels.to_attributes()})
        project.archive(draft_of(1, labels=labels))
        project[job_id(1)].remove_tags("a")
        os.kill(os.getpid(), 9)
    """
    with processes.start(script, path) as process:
        process.communicate(timeout=60)
    project_at(path).archive(draft_of(2))
    run = project_at(path)[job_id(1)]
    assert (run.tags, run.outcome) == ((), "ok")
    assert names(path) == ["project.h5"]


def test_a_run_that_is_kept_beside_another_is_moved_once(path: Path) -> None:
    project = project_at(path, lock_timeout_s=0.01)
    other = other_result(0)
    with held(path):
        project.archive(other)
    copied(next(path.parent.glob("*.pending-*")))
    in_another_process(path, 2)
    beside = f"{job_id(0)}~{other.run_uuid[:8]}"
    project_at(path).delete_job(job_id(0))
    assert sorted(run.job_id for run in project_at(path)) == [beside, job_id(2)]
    project_at(path).archive(draft_of(3))
    project.archive(draft_of(4))
    assert sorted(run.job_id for run in project_at(path)) == [beside, job_id(2), job_id(3), job_id(4)]


def test_a_handle_of_a_run_in_conflict_is_never_that_of_the_other(path: Path) -> None:
    project = project_at(path, lock_timeout_s=0.01)
    other = other_result(0)
    with held(path):
        run = project.archive(other)
        with pytest.raises(aerchive.NotFoundError, match="is not in the project yet, but in"):
            assert run.path
    in_another_process(path, 2)
    run.add_tags("other")
    assert project[job_id(0)].tags == ()
    assert run.tags == ("other",)
    project.archive(draft_of(3))
    with run.place.open() as (_, group):
        assert group.read("statevector", other.run_uuid)[1] == 1j
    assert project[run.job_id].tags == ("other",)


def test_a_deleted_run_in_a_copy_hides_no_new_one(path: Path) -> None:
    pending = held_back(path, 1)
    copied(pending)
    project = project_at(path, lock_timeout_s=0.01)
    project.archive(draft_of(2))
    project.delete_job(job_id(1))
    assert job_id(1) not in project
    with held(path):
        project.archive(other_result(1))
        assert job_id(1) in project


def test_files_that_come_back_with_a_backup_are_moved_again(path: Path, tmp_path: Path) -> None:
    """A process that lives on has moved them before, into the file that the backup has replaced."""
    pending = held_back(path, 1)
    copy = copied(pending)
    before, content = path.read_bytes(), copy.read_bytes()
    project = project_at(path)
    project.archive(draft_of(2))
    copy.unlink()
    project.archive(draft_of(3))
    path.write_bytes(before)
    copy.write_bytes(content)
    project.archive(draft_of(4))
    assert project_view(path) == model_of(draft_of(n) for n in (0, 1, 4))


# -- runs that wait


def test_runs_that_wait_are_not_forgotten_where_the_folder_is_away(path: Path, tmp_path: Path) -> None:
    project = project_at(path)
    project.archive(draft_of(1), "exit")
    path.parent.rename(tmp_path / "away")
    with pytest.raises(aerchive.NotFoundError):
        project.flush()
    (tmp_path / "away").rename(path.parent)
    project.flush()
    assert project_view(path) == model_of(draft_of(n) for n in (0, 1))


def test_too_many_open_files_are_no_sign_that_runs_were_moved(path: Path) -> None:
    script = """
        import os, resource, sys
        from pathlib import Path
        from aerchive.errors import AerchiveError
        from tests.drafts import draft_of, project_at
        project = project_at(Path(sys.argv[1]))
        project.archive(draft_of(1), "exit")
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        for room in range(4):
            number = max(map(int, os.listdir("/proc/self/fd")))
            resource.setrlimit(resource.RLIMIT_NOFILE, (number + room, limits[1]))
            try:
                project.flush()
                done = True
            except AerchiveError:
                done = False
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            if done:
                break
        project.flush()
    """
    with processes.start(script, path) as process:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert project_view(path) == model_of(draft_of(n) for n in (0, 1))


def test_a_lock_that_comes_between_two_commits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_mover, "_TOGETHER", 2)
    project = project_at(path, lock_timeout_s=0.05)
    runs = [project.archive(draft_of(n), "exit") for n in range(1, 6)]
    commit = spool_mover.SpoolMover.commit
    with contextlib.ExitStack() as stack:
        calls = iter([False, True, False])

        def late(self: spool_mover.SpoolMover, *arguments: Any) -> Any:
            if next(calls, False):
                stack.enter_context(held(path))
            return commit(self, *arguments)

        monkeypatch.setattr(spool_mover.SpoolMover, "commit", late)
        project.flush()
        assert [run.in_pending_file for run in runs] == [False, False, True, True, True]
        assert [run.record.job_id for run in runs] == [job_id(n) for n in range(1, 6)]
    project.archive(draft_of(6))
    assert project_view(path) == model_of(draft_of(n) for n in range(7))
    assert names(path) == ["project.h5"]


def test_files_of_very_many_dead_processes(path: Path) -> None:
    """More than a process may open at a time."""
    script = """
        import os, resource, sys
        from pathlib import Path
        from tests.drafts import draft_of, project_at
        path, number = Path(sys.argv[1]), int(sys.argv[2])
        for n in range(1, number):
            if os.fork() == 0:
                project_at(path).archive(draft_of(n), "exit")
                os._exit(0)
            os.wait()
        resource.setrlimit(resource.RLIMIT_NOFILE, (90, 90))
        project_at(path).archive(draft_of(number))
    """
    processes.run(script, path, 100)
    assert len(project_at(path)) == 101
    assert names(path) == ["project.h5"]


def test_the_order_of_a_process_holds_when_the_clock_was_set_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_at(path, lock_timeout_s=0.01)
    clock = iter(["2026-11-22T23:00:00.000000Z", "2026-11-22T22:00:00.000000Z"])
    monkeypatch.setattr(Author, "now", lambda: Author(next(clock), "ann@here"))
    with held(path):
        project.archive(draft_of(1, labels=RunLabels(name="first")))
        again = dataclasses.replace(draft_of(1, labels=RunLabels(name="second")), run_uuid=new_uuid())
        project.archive(again)
    monkeypatch.undo()
    project.archive(draft_of(2))
    assert project[job_id(1)].name == "second"


# -- places that go bad


def with_fallback(path: Path, folder: Path) -> aerchive.Project:
    return open_project(path, "a", DraftBridge(), 1.0, pending_folder=folder)


def test_where_the_place_has_gone_the_run_goes_to_the_folder_of_the_settings(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept" / "pending"
    project = with_fallback(path, folder)
    path.parent.rename(tmp_path / "away")
    run = project.archive(draft_of(1))
    (file,) = folder.iterdir()
    assert run.durable
    assert run.in_pending_file
    assert run.kept_outside == (
        f"{path}: there is no folder {path.parent}; make it first; run {job_id(1)} is kept in {file}, and is moved "
        "into the project when the next run is saved there"
    )
    with run.place.open() as (_, group):
        assert group.read("statevector", run.run_uuid).tobytes() == values_of(draft_of(1))["statevector"][2]

    (tmp_path / "away").rename(path.parent)
    assert job_id(1) in with_fallback(path, folder)
    assert job_id(1) not in project_at(path)
    with_fallback(path, folder).archive(draft_of(2))
    assert project_view(path) == model_of(draft_of(n) for n in range(3))
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("bad", ["a text file", "a folder"])
def test_where_another_file_has_come(path: Path, tmp_path: Path, bad: str) -> None:
    folder = tmp_path / "pending"
    project = with_fallback(path, folder)
    path.unlink()
    if bad == "a folder":
        path.mkdir()
    else:
        path.write_text("not a project")
    assert project.archive(draft_of(1)).in_pending_file
    if bad == "a folder":
        path.rmdir()
    else:
        path.unlink()
    project.archive(draft_of(2))
    assert project_view(path).keys() == {job_id(1), job_id(2)}


def test_where_neither_place_takes_it_both_are_named(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "file" / "pending"
    (tmp_path / "file").write_text("")
    project = with_fallback(path, folder)
    shutil.rmtree(path.parent)
    with pytest.raises(WriteError) as caught:
        project.archive(draft_of(1))
    assert str(path.parent) in str(caught.value)
    assert f"and not in {folder}" in str(caught.value)


def test_a_save_that_is_waited_for_says_that_the_place_is_gone(path: Path, tmp_path: Path) -> None:
    project = with_fallback(path, tmp_path / "pending")
    shutil.rmtree(path.parent)
    with pytest.raises(aerchive.NotFoundError, match="there is no folder"):
        project.save(draft_of(1))
    assert not (tmp_path / "pending").exists()


# -- the end of a process that waits


@pytest.mark.parametrize("way", ["archive", "save"])
def test_a_finished_run_is_safe_before_a_handler_ends_the_process(path: Path, way: str) -> None:
    script = """
        import os, signal, sys, time
        from pathlib import Path
        from tests.drafts import draft_of, project_at
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
        project = project_at(Path(sys.argv[1]), lock_timeout_s=60)
        time.sleep = lambda _: os.kill(os.getpid(), signal.SIGTERM)  # the lock is asked for again
        getattr(project, sys.argv[2])(draft_of(1))
    """
    with held(path), processes.start(script, path, way) as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode == 3, out + err
    project = project_at(path)
    assert project[job_id(1)].in_pending_file
    project.archive(draft_of(2))
    assert project_view(path) == model_of(draft_of(n) for n in range(3))


@pytest.mark.parametrize("durability", ["each", "exit"])
def test_a_run_is_safe_while_it_is_asked_whether_the_project_has_another(path: Path, durability: str) -> None:
    """Reading waits, too, while another program writes."""
    script = """
        import os, signal, sys, time
        from pathlib import Path
        from tests.drafts import draft_of, project_at
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
        project = project_at(Path(sys.argv[1]), lock_timeout_s=60)
        project.durability = sys.argv[2]
        time.sleep = lambda _: os.kill(os.getpid(), signal.SIGTERM)  # the lock is asked for again
        project.save(draft_of(1))
    """
    with held(path, fcntl.LOCK_EX), processes.start(script, path, durability) as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode == 3, out + err
    project_at(path).archive(draft_of(2))
    assert project_view(path) == model_of(draft_of(n) for n in range(3))


# -- other users


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_folder_where_only_the_owner_of_a_file_may_remove_it(path: Path) -> None:
    pending = held_back(path, 1)
    for entry in (pending, path.parent):
        os.chown(entry, 12345, 12345)
    path.parent.chmod(0o1777)
    path.chmod(0o666)  # the other user may write the project
    # The right to ignore the sticky bit is CAP_FOWNER (3).
    script = processes.AS_ANYBODY.replace("~0b110", "~0b1110") + textwrap.dedent("""
        import sys
        from pathlib import Path
        from tests.drafts import draft_of, project_at
        project = project_at(Path(sys.argv[1]))
        project.archive(draft_of(2))
        project.delete_job("job-000001")
        print(sorted(run.job_id for run in project))
        project_at(Path(sys.argv[1])).archive(draft_of(3))
        print(sorted(run.job_id for run in project))
    """)
    with processes.start(script, path) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.splitlines() == [str([job_id(0), job_id(2)]), str([job_id(0), job_id(2), job_id(3)])]
    assert err.count("it cannot be removed") == 2  # once for each project object
    assert pending.exists()
    project_at(path).archive(draft_of(5))
    assert not pending.exists()
    assert job_id(1) not in project_at(path)


def test_a_reader_moves_nothing(path: Path) -> None:
    pending = held_back(path, 1)
    before = path.read_bytes()
    reader = project_at(path, "r")
    assert {run.job_id for run in reader} == {job_id(0), job_id(1)}
    assert reader[job_id(1)].record.labels.is_empty
    with pytest.raises(ReadOnlyError):
        reader[job_id(1)].add_tags("x")
    assert path.read_bytes() == before
    assert pending.exists()
