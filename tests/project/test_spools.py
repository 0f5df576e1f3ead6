"""Runs that are not in the project yet: kept, read where they are, and moved, whatever became of the place."""

from __future__ import annotations

import dataclasses
import os
import shutil
import textwrap
from pathlib import Path

import pytest

import aerchive
from aerchive.cli import main
from aerchive.errors import AlreadyExistsError, ReadOnlyError, TransactionError, WriteError
from aerchive.project.project import open_project
from tests import processes
from tests.crash.drafts import DraftBridge, draft_of, job_id, model_of, project_at, values_of
from tests.crash.views import project_view
from tests.holding import held

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
        assert len(group.plan("noise", run.run_uuid, 5).places) == 1


def test_a_large_run_moves_with_its_stored_bytes(path: Path) -> None:
    held_back(path, 4)
    project = project_at(path)
    run = project[job_id(4)]
    with run.place.open() as (session, group):
        plan = group.plan("noise", run.run_uuid)
        before = [bytes(plan.stored_bytes(session.fd, place)) for place in plan.places]
    project.archive(draft_of(1))
    with project[job_id(4)].place.open() as (session, group):
        plan = group.plan("noise", run.run_uuid)
        assert [bytes(plan.stored_bytes(session.fd, place)) for place in plan.places] == before
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
        from tests.crash.drafts import draft_of, project_at
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
        with pytest.raises(TransactionError, match=r"is in a spool beside the project; label it once"):
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
    assert run.kept_elsewhere == (
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
        import os, signal, sys, threading
        from pathlib import Path
        from aerchive.storage import locks
        from tests.crash.drafts import draft_of, project_at
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
        project = project_at(Path(sys.argv[1]), lock_timeout_s=60)
        real = locks.Holders.look
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
        getattr(project, sys.argv[2])(draft_of(1))
    """
    with held(path), processes.start(script, path, way) as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode == 3, out + err
    project = project_at(path)
    assert project[job_id(1)].in_pending_file
    project.archive(draft_of(2))
    assert project_view(path) == model_of(draft_of(n) for n in range(3))


# -- other users


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_folder_where_only_the_owner_of_a_file_may_remove_it(path: Path) -> None:
    pending = held_back(path, 1)
    for entry in (pending, path.parent):
        os.chown(entry, 12345, 12345)
    path.parent.chmod(0o1777)
    # The right to ignore the sticky bit is CAP_FOWNER (3).
    script = processes.AS_ANYBODY.replace("~0b110", "~0b1110") + textwrap.dedent("""
        import sys
        from pathlib import Path
        from tests.crash.drafts import draft_of, project_at
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
