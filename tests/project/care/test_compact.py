"""A compacted project shows what it showed before, to everybody, and is as small as one that never held more."""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import functools
import os
import pickle
import re
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import h5py
import numpy as np
import pytest

import aerchive
from aerchive.errors import (
    IntegrityError,
    NotFoundError,
    ProjectLockedError,
    ReadOnlyError,
    UnsafeContentError,
    WriteError,
)
from aerchive.models.catalogue import DTYPE
from aerchive.models.labels import RunLabels
from aerchive.project.care import compact as compact_module
from aerchive.project.care.compact import _Compaction
from aerchive.project.care.verify import verify
from aerchive.project.documents.draft import RunDraft
from aerchive.project.project import Project
from aerchive.project.spooling import mover
from aerchive.storage.chunks.drafts import DatasetDraft
from aerchive.storage.commits import replacing
from aerchive.storage.file import LockedFile, ProjectFile
from aerchive.storage.medium.disk import Disk
from aerchive.storage.medium.locks import _Turnstile
from aerchive.storage.medium.temporary import remove_left_over
from aerchive.storage.spools import records
from aerchive.testing.disks import UnsyncedDisk, using
from tests import processes
from tests.crash.workloads import lost
from tests.drafts import Model, draft_of, job_id, model_of, project_at, relabelled, run_of
from tests.holding import held, mounted
from tests.jobs import run_stock
from tests.views import project_view, stock_values, stock_view

LARGE = 1024 * 1024 + 12_345
"""Several chunks, that no filter makes smaller."""


@functools.cache
def draft(number: int) -> RunDraft:
    return draft_of(number, extra_bytes=LARGE if number % 3 == 0 else 0, day=20 + number % 2)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with everything that leaves dead space behind."""
    path = tmp_path_factory.mktemp("made") / "project.h5"
    with using(UnsyncedDisk()):
        project = project_at(path)
        for number in range(6):
            project.archive(draft(number))
        project.archive(lost(7))
        project.archive(draft(7))  # it turns up
        for note in ("first", "second"):
            project[job_id(2)].annotate(notes=note)
        project[job_id(4)].add_tags("kept")
        project.delete_jobs([job_id(0), job_id(5)])
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(made, tmp_path))


LABELS = {2: RunLabels(notes="second"), 4: RunLabels(tags=["kept"]), 7: RunLabels(tags=["was lost"])}


def expected(*more: int) -> Model:
    model = model_of(draft(number) for number in (1, 2, 3, 4, 7, *more))
    for number, labels in LABELS.items():
        model = relabelled(model, job_id(number), labels)
    return model


def root_of(path: Path) -> dict[str, Any]:
    with h5py.File(path) as file:
        return {name: value.decode() if isinstance(value, bytes) else value for name, value in file.attrs.items()}


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def test_all_is_there_and_nothing_else(path: Path) -> None:
    before, size = root_of(path), path.stat().st_size
    shown = stock_view(path)
    rows = project_at(path).catalogue()

    report = project_at(path).compact()

    assert project_view(path) == expected()
    assert stock_values(path) == {job: values for job, (_, values) in expected().items()}
    assert root_of(path) == before | {"generation": 2}
    assert (report.runs, report.generation, report.bytes_before) == (5, 2, size)
    assert report.bytes_after == path.stat().st_size
    assert report.bytes_given_back == size - path.stat().st_size > LARGE
    kept = {node: digest for node, digest in shown.items() if node.startswith("/runs/") and node in stock_view(path)}
    assert kept == {node: digest for node, digest in stock_view(path).items() if node.startswith("/runs/")}
    with h5py.File(path) as file:
        assert sorted(file) == ["README", "catalogue", "catalogue.changes", "deletions", "format", "objects", "runs"]
        assert not file["catalogue"]["deleted"].any()
    now = project_at(path).catalogue()
    for column in now.dtype.names or ():
        assert column == "crc32" or now[column].tobytes() == rows[column].tobytes()
    assert project_at(path).verify().ok
    assert names(path) == ["project.h5"]


def test_it_is_as_small_as_one_that_never_held_more(path: Path) -> None:
    other = path.with_name("other.h5")
    for number in (1, 2, 3, 4, 7):
        project_at(other).archive(dataclasses.replace(draft(number), labels=LABELS.get(number, RunLabels())))

    project_at(path).compact()

    assert path.stat().st_size <= other.stat().st_size + 3 * 1024  # what it knows of its deleted runs
    again = path.stat().st_size
    assert project_at(path).compact(force=True).generation == 3
    assert path.stat().st_size == again


def test_equal_copies_become_equal_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the turns are, between which others may write, and in whatever second the files are made."""
    with using(UnsyncedDisk()):
        for number in (6, 8, 9):
            project_at(path).archive(draft(number))
    with h5py.File(path, "r+") as file:
        file["mine/values"] = np.arange(10)
        file.attrs["licence"] = "CC-BY-4.0"
    other = Path(shutil.copy(path, path.with_name("other.h5")))

    for file_path, turn in ((path, 0.0), (other, 1000.0)):
        monkeypatch.setattr("aerchive.storage.file._TURN_S", turn)
        project_at(file_path).compact()

    assert path.read_bytes() == other.read_bytes()
    content = path.read_bytes()
    assert content[content.index(b"OHDR\x02\x20") + 6 :][:16] == bytes(16)  # HDF5 insists on times there
    with h5py.File(path) as file:
        assert h5py.h5o.get_info(file["runs"].id).btime == h5py.h5o.get_info(file["objects"].id).btime == 0
    assert project_at(path).verify().ok


def test_the_project_goes_on(path: Path) -> None:
    project = project_at(path)
    project.compact()

    project.archive(draft(8))
    project[job_id(8)].add_tags("new")
    project.delete_job(job_id(3))
    project.archive(draft(0))

    wanted = relabelled(expected(8, 0), job_id(8), RunLabels(tags=["new"]))
    del wanted[job_id(3)]
    assert project_view(path) == wanted
    assert project.verify().ok


def test_the_bytes_of_chunks_are_the_same(path: Path) -> None:
    def chunks() -> list[tuple[Any, int, bytes]]:
        with h5py.File(path) as file:
            noise = run_of(file, job_id(3))["noise"]
            infos = [noise.id.get_chunk_info(number) for number in range(noise.id.get_num_chunks())]
            return [(i.chunk_offset, i.filter_mask, noise.id.read_direct_chunk(i.chunk_offset)[1]) for i in infos]

    before = chunks()
    assert len(before) == 2

    project_at(path).compact()

    assert chunks() == before


def all_datasets(group: h5py.Group) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []
    group.visititems(lambda _, node: found.append(node) if isinstance(node, h5py.Dataset) else None)
    return found


def test_chunks_that_were_never_written_stay_so(tmp_path: Path) -> None:
    path = tmp_path / "project.h5"
    sparse = np.zeros(1_000_000)
    sparse[300_000] = 1
    datasets = {**draft_of(0).datasets, "noise": DatasetDraft([sparse])}
    made = dataclasses.replace(draft_of(0), datasets=datasets, nbytes=draft_of(0).nbytes + sparse.nbytes)
    project_at(path).archive(made)

    project_at(path).compact()

    assert project_view(path) == model_of([made])
    with h5py.File(path) as file:
        (noise,) = [node for node in all_datasets(file["runs"]) if node.name.endswith("/noise")]
        assert noise.id.get_num_chunks() == 1
    assert project_at(path).verify().ok


def test_an_empty_project_can_be_compacted(tmp_path: Path) -> None:
    path = tmp_path / "project.h5"
    project_at(path).archive(draft_of(0))
    project_at(path).delete_job(job_id(0))

    assert project_at(path).compact().runs == 0

    assert len(project_at(path)) == 0
    project_at(path).archive(draft_of(1))
    assert project_view(path) == model_of([draft_of(1)])


def test_there_must_be_a_project(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such project"):
        project_at(tmp_path / "project.h5").compact()
    assert list(tmp_path.iterdir()) == []


def test_not_of_a_project_opened_for_reading(path: Path) -> None:
    with pytest.raises(ReadOnlyError, match="open for reading"):
        project_at(path, "r").compact()


def test_progress_ends_with_all(path: Path) -> None:
    seen: list[tuple[int, int]] = []

    project_at(path).compact(lambda done, total: seen.append((done, total)))

    payload = sum(draft(number).nbytes + 1 for number in (1, 2, 3, 4, 7))
    assert {total for _, total in seen} == {2 * payload}
    assert seen[-1] == (2 * payload, 2 * payload)
    assert len({done for done, _ in seen}) > 10


# -- handles


def test_handles_go_on(path: Path) -> None:
    project = project_at(path)
    run = project[job_id(3)]
    array = run.place.of_run(run.run_uuid)
    values = draft(3).datasets["noise"].parts[0]
    with array.open() as (session, group):
        plan = group.plan("noise", run.run_uuid)
        old = session.detach()

    project.compact()

    try:
        assert plan.read(old).tobytes() == values.tobytes()  # somebody in the middle of a read has the old file
    finally:
        os.close(old)
    with array.open() as (_, group):
        assert group.read("noise", run.run_uuid).tobytes() == values.tobytes()
    assert run.record == expected()[job_id(3)][0]
    run.add_tags("later")
    assert project[job_id(3)].tags == ("later",)
    assert pickle.loads(pickle.dumps(array)).path == array.path


READ_ON = """
import sys, time
import numpy as np
import aerchive
project = aerchive.open(sys.argv[1])
run = project.latest()
array, expected = run.array("statevector"), np.asarray(run.array("statevector"))
print("reading", flush=True)
reads, seen = 0, set()
while len(seen) < 2 or reads < 50:
    assert array[...].tobytes() == expected.tobytes() and array[1] == expected[1]
    with project.file.read() as session:
        seen.add(session.root.attribute("generation"))
    reads += 1
    if reads % 100 == 0 and reads > 20_000:
        sys.exit("nobody compacted it")
print(sorted(seen))
"""


def test_an_array_is_read_on_in_another_process(tmp_path: Path) -> None:
    path = tmp_path / "project.h5"
    project = aerchive.open(path)
    for _ in range(3):
        run = project.save(run_stock())
    project.delete_job(project.runs(descending=False)[0].job_id)
    with processes.start(READ_ON, path) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        project.compact()
        out, err = reader.communicate(timeout=60)

    assert (out, err) == ("[1, 2]\n", "")
    assert run.array("statevector").shape == (4,)


# -- pending files, traces


def test_pending_runs_are_moved_before(path: Path) -> None:
    with held(path, fcntl.LOCK_EX):
        project_at(path, lock_timeout_s=0.05).archive(draft(8))
    assert len(names(path)) == 2

    project_at(path).compact()

    assert names(path) == ["project.h5"]
    assert project_view(path) == expected(8)


def test_a_pending_file_that_is_held_stays_and_deleted_runs_stay_deleted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(path, fcntl.LOCK_EX):
        project_at(path, lock_timeout_s=0.05).archive(draft(8))
    (pending,) = path.parent.glob("*.pending-*")
    with monkeypatch.context() as patch:  # the file cannot be removed
        patch.setattr(records, "remove_process_file", lambda fd, _: os.close(fd))
        patch.setattr(mover, "remove_spool", Mock(side_effect=PermissionError(errno.EPERM, "not permitted")))
        project_at(path).recover()
        project_at(path).delete_job(job_id(8))
    with held(pending, fcntl.LOCK_EX):
        project_at(path).compact()

    with h5py.File(path) as file:
        assert "deleted" not in file
        assert draft(8).run_uuid.encode() in file["deletions"]["uuid"].tolist()
    project_at(path).archive(draft(9))  # merges what is pending
    assert project_view(path) == expected(9)
    assert names(path) == ["project.h5"]


def test_traces_of_submissions_stay(path: Path) -> None:
    project = project_at(path)
    project.spools.own.submitted("running-job", {})
    try:
        project.compact(force=True)
        assert project["running-job"].outcome == "running"
    finally:
        project.spools.own.finished("running-job")


def test_runs_that_wait_for_their_commit_are_committed_before(path: Path) -> None:
    project = project_at(path)
    run = project.archive(draft(8), "exit")
    assert not run.durable

    project.compact()

    assert run.durable
    assert project_view(path) == expected(8)


# -- the file itself


def test_permissions_owner_and_attributes_stay(path: Path) -> None:
    path.chmod(0o640)
    os.setxattr(path, "user.project", b"thesis")
    if os.geteuid() == 0:
        os.chown(path, 1234, 4321)
    before = path.stat()

    project_at(path).compact()

    now = path.stat()
    assert now.st_ino != before.st_ino
    assert (stat.S_IMODE(now.st_mode), now.st_uid, now.st_gid) == (0o640, before.st_uid, before.st_gid)
    assert os.getxattr(path, "user.project") == b"thesis"


WITHOUT_CHOWN = (
    processes.AS_ANYBODY.replace("~0b110", "~0b1")
    + """
import sys
from pathlib import Path
from tests.drafts import project_at
from aerchive.errors import ReadOnlyError
try:
    project_at(Path(sys.argv[1])).compact()
except ReadOnlyError as error:
    print(error)
"""
)
"""Somebody who may not give files away: without CAP_CHOWN (0)."""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_somebody_else_does_not_become_the_owner(path: Path) -> None:
    os.chown(path, 1234, 4321)
    before = path.read_bytes()

    assert processes.run(WITHOUT_CHOWN, path) == (
        f"{path}: only its owner or root may compact it, for a new file would get another owner or lose attributes "
        "(Operation not permitted); nothing was changed\n"
    )

    assert path.read_bytes() == before
    assert names(path) == ["project.h5"]


def test_nobody_sees_the_new_file_before_it_has_its_permissions(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.chmod(0o600)
    seen = []
    catch_up = _Compaction._catch_up

    def watched(self: _Compaction, source: ProjectFile) -> None:
        catch_up(self, source)
        seen.extend(stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir())

    monkeypatch.setattr(_Compaction, "_catch_up", watched)
    project_at(path).compact()

    assert set(seen) == {0o600}


def test_the_target_of_a_link_is_replaced(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    link = other / "link.h5"
    link.symlink_to(path)

    project_at(link).compact()

    assert link.is_symlink()
    assert project_view(path) == expected()
    assert list(other.iterdir()) == [link]


def test_hard_links_are_refused(path: Path) -> None:
    other = path.with_name("other.h5")
    os.link(path, other)
    before = path.read_bytes()

    with pytest.raises(WriteError) as caught:
        project_at(path).compact()

    assert str(caught.value) == (
        f"{path}: has 2 names (hard links), and a new file would get only this one: the others would go on with the "
        "old file. Remove them ('find . -samefile project.h5' lists them), or compact a copy ('aerchive copy'); "
        "nothing was changed"
    )
    assert path.read_bytes() == before
    other.unlink()
    project_at(path).compact()


def test_a_hard_link_made_meanwhile_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish = _Compaction._finish

    def link_and_finish(self: _Compaction, *arguments: Any, **options: Any) -> int:
        os.link(path, path.with_name("other.h5"))
        return finish(self, *arguments, **options)

    monkeypatch.setattr(_Compaction, "_finish", link_and_finish)
    before = path.read_bytes()
    with pytest.raises(WriteError, match="has 2 names"):
        project_at(path).compact()
    assert path.read_bytes() == before
    assert names(path) == ["other.h5", "project.h5"]


def test_a_file_that_is_replaced_meanwhile_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catch_up = _Compaction._catch_up
    other = path.with_name("other.h5")
    project_at(path).copy(other)
    content = other.read_bytes()

    def replace_and_catch_up(self: _Compaction, source: ProjectFile) -> None:
        if other.exists():
            os.rename(other, path)
        catch_up(self, source)

    monkeypatch.setattr(_Compaction, "_catch_up", replace_and_catch_up)
    with pytest.raises(WriteError, match="was replaced by another file meanwhile; nothing was changed"):
        project_at(path).compact()
    assert path.read_bytes() == content
    assert names(path) == ["project.h5"]


def test_a_backup_that_is_put_back_meanwhile_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catch_up = _Compaction._catch_up
    backup = path.read_bytes()
    project_at(path).archive(draft_of(71))
    passes = []

    def put_back_and_catch_up(self: _Compaction, source: ProjectFile) -> None:
        if passes:
            path.write_bytes(backup)
            project_at(path).archive(draft_of(72))
        passes.append(source)
        catch_up(self, source)

    monkeypatch.setattr(_Compaction, "_catch_up", put_back_and_catch_up)
    monkeypatch.setattr(compact_module, "_SHORT_S", 0)
    with pytest.raises(WriteError, match="was put back to another state meanwhile; nothing was changed"):
        project_at(path).compact()
    assert job_id(72) in project_at(path)
    assert names(path) == ["project.h5"]


def test_a_file_that_is_removed_meanwhile_does_not_come_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish = _Compaction._finish

    def remove_and_finish(self: _Compaction, *arguments: Any, **options: Any) -> int:
        path.unlink()
        return finish(self, *arguments, **options)

    monkeypatch.setattr(_Compaction, "_finish", remove_and_finish)
    with pytest.raises(WriteError, match="No such file or directory while a new file was put in its place"):
        project_at(path).compact()
    assert names(path) == []


def test_what_died_processes_left_goes(path: Path) -> None:
    left = path.with_name(".project.h5.compact-1-0123abcd")
    left.write_bytes(b"half a project")
    others = [path.with_name(name) for name in (".project.h5.compact-mine", ".other.h5.compact-1-0123abcd")]
    for other in others:
        other.write_bytes(b"")

    assert project_at(path).space().beside_bytes >= 14
    project_at(path).recover()
    assert not left.exists()
    left.write_bytes(b"half a project")
    project_at(path).compact()

    assert not left.exists()
    assert all(other.exists() for other in others)


def second_name(path: Path) -> Path:
    """What a creation leaves that linked the project, and was killed before it removed the hidden name."""
    left = path.with_name(f".{path.name}.new-1-0123abcd")
    os.link(path, left)
    return left


@pytest.mark.parametrize("way", ["compact", "recover", "while it is read"])
def test_a_second_name_left_by_a_killed_creation_goes(way: str, path: Path) -> None:
    left = second_name(path)
    assert project_at(path).space().beside_bytes == 0  # it takes no room

    if way == "while it is read":
        with held(path):
            remove_left_over(path)
    else:
        getattr(project_at(path), way)()

    assert not left.exists()
    assert path.stat().st_nlink == 1
    assert project_view(path) == expected()


def test_a_second_name_and_one_that_a_user_made(path: Path) -> None:
    left, other = second_name(path), path.with_name("other.h5")
    os.link(path, other)

    with pytest.raises(WriteError, match="has 2 names"):
        project_at(path).compact()

    assert not left.exists()
    other.unlink()
    project_at(path).compact()
    assert project_view(path) == expected()


def test_a_killed_creation_leaves_nothing_that_hinders_compaction(tmp_path: Path) -> None:
    """At each call that changes the folder the process dies; what it leaves is swept."""
    for linked in (False, True):
        for nth in range(4):
            path = tmp_path / f"{linked}-{nth}.h5"
            with processes.start(
                """
                import itertools, os, signal, sys
                from pathlib import Path
                from aerchive.storage.commits import creation
                from aerchive.storage.medium import temporary
                from tests.drafts import draft_of, project_at
                calls = itertools.count()
                def dying(module, name):
                    real = getattr(module, name)
                    def call(*arguments, **options):
                        if next(calls) == int(sys.argv[3]):
                            os.kill(os.getpid(), signal.SIGKILL)
                        return real(*arguments, **options)
                    setattr(module, name, call)
                dying(creation, "rename_new")
                dying(os, "link")
                dying(os, "unlink")
                if sys.argv[2] == "True":
                    temporary._renameat2 = lambda: None
                project_at(Path(sys.argv[1])).archive(draft_of(0))
                """,
                path,
                linked,
                nth,
            ) as process:
                process.communicate(timeout=60)
            project_at(path).archive(draft_of(1))
            project_at(path).compact()
            assert [name for name in names(path) if name.startswith(f".{path.name}")] == []
            assert path.stat().st_nlink == 1


def test_only_one_at_a_time(path: Path) -> None:
    other = path.with_name(".project.h5.compact-77-0123abcd")
    other.write_bytes(b"")
    before = path.read_bytes()

    with held(other, fcntl.LOCK_EX), pytest.raises(ProjectLockedError) as caught:
        project_at(path).compact()

    assert str(caught.value) == (
        f"{path}: process 77 is compacting it; wait for that one, or remove {other} if it has died"
    )
    assert path.read_bytes() == before
    assert names(path) == [other.name, "project.h5"]
    with held(other, fcntl.LOCK_EX):
        project_at(path).recover()
    assert other.exists()


# -- what may not be there


def test_damage_is_refused_and_named(path: Path) -> None:
    with h5py.File(path, "r") as file:
        noise = run_of(file, job_id(3))["noise"]
        at, name = noise.id.get_chunk_info(1).byte_offset, noise.name
    damage(path, at + 5000)
    before = path.read_bytes()

    with pytest.raises(IntegrityError, match=f"{name}: chunk 1 is damaged"):
        project_at(path).compact()

    assert path.read_bytes() == before
    assert names(path) == ["project.h5"]
    project_at(path).delete_job(job_id(3))
    project_at(path).compact()
    assert project_view(path).keys() == expected().keys() - {job_id(3)}


def test_damage_of_a_small_array_is_found_in_the_copy(path: Path) -> None:
    with h5py.File(path, "r") as file:
        state = run_of(file, job_id(1))["statevector"]
        name = state.name
        at = state.id.get_chunk_info(0).byte_offset
    damage(path, at + 50)
    before = path.read_bytes()

    with pytest.raises(IntegrityError) as caught:
        project_at(path).compact()

    said = str(caught.value)
    assert said.startswith(f"{path}: what would be in the new file is not all in order: ")
    assert f"{name}: chunk 0 is damaged" in said
    assert said.endswith(
        "; 'aerchive verify' tells more; not compacted, nothing was changed: restore it from a copy, or delete it"
    )
    assert path.read_bytes() == before


def test_a_run_whose_header_is_damaged_can_be_deleted(path: Path) -> None:
    """HDF5 neither opens nor moves it, but it need not stay for ever."""
    with h5py.File(path) as file:
        run = run_of(file, job_id(3))
        name, at = run.name, h5py.h5o.get_info(run.id).addr
    damage(path, at + 10)
    project, before = project_at(path), path.read_bytes()
    with pytest.raises(IntegrityError, match=f"{name}: damaged"):
        project.compact(force=True)
    (problem,) = project.space().problems
    assert f"{name}: damaged" in problem
    assert path.read_bytes() == before

    project.delete_job(job_id(3))

    assert job_id(3) not in project
    assert job_id(3) not in {run.job_id for run in project.space().runs}
    with pytest.raises(NotFoundError, match="was deleted, or its bytes are gone"):
        project.restore(job_id(3))
    project.compact()
    assert project_view(path) == {job: run for job, run in expected().items() if job != job_id(3)}
    assert project.verify().ok


def damage(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 4]))


def test_damage_of_what_runs_share_is_refused(path: Path) -> None:
    """It is small, so it lies in its header, which HDF5 protects."""
    before = path.read_bytes()
    damage(path, before.index(b"q" * 300) + 100)
    before = path.read_bytes()

    with pytest.raises(IntegrityError, match="/circuits"):
        project_at(path).compact()

    assert path.read_bytes() == before
    assert names(path) == ["project.h5"]


def test_a_damaged_catalogue_is_made_anew_first(path: Path) -> None:
    with h5py.File(path, "r") as file:
        at = file["catalogue"].id.get_chunk_info(0).byte_offset
    damage(path, at + 3 * DTYPE.itemsize + 7)
    before = path.read_bytes()
    project = project_at(path)

    with pytest.raises(IntegrityError) as caught:
        project.compact()

    assert "row 3 is damaged (1 in all); the runs are not affected" in str(caught.value)
    assert f"aerchive recover --rebuild-catalogue {path}" in str(caught.value)
    assert path.read_bytes() == before
    assert project.rebuild_catalogue().problems == []
    report = project.space()
    assert report.deleted_runs == 3  # two that were deleted, one that turned up
    project.compact()
    with h5py.File(path) as file:
        assert sorted(file) == ["README", "catalogue", "catalogue.changes", "deletions", "format", "objects", "runs"]
    assert project_view(path) == expected()
    assert project.space().deleted_bytes == 0


def test_a_new_file_that_is_not_right_does_not_take_the_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever went wrong while it was written."""
    share = Disk.write

    def flipped(self: Disk, fd: int, data: memoryview, offset: int) -> None:
        if len(data) > 100_000 and os.fstat(fd).st_ino != path.stat().st_ino:
            data = memoryview(bytes(data[:5]) + bytes([data[5] ^ 1]) + bytes(data[6:]))
        share(self, fd, data, offset)

    before = path.read_bytes()
    monkeypatch.setattr(Disk, "write", flipped)
    with pytest.raises(IntegrityError, match="noise: chunk 0 is damaged"):
        project_at(path).compact()
    assert path.read_bytes() == before
    assert names(path) == ["project.h5"]


def test_a_run_outside_the_catalogue_is_refused(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        day = file["runs"]["2026-11-21"]
        file.copy(day[next(iter(day))], day, "again")
    before = path.read_bytes()

    with pytest.raises(IntegrityError, match="/runs/2026-11-21/again: is not in the catalogue"):
        project_at(path).compact()

    assert path.read_bytes() == before
    assert not verify(project_at(path).file).ok


def test_a_row_without_a_run_is_refused(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        day = file["runs"]["2026-11-21"]
        del day[next(iter(day))]

    with pytest.raises(IntegrityError, match="is in the catalogue, but not in the file"):
        project_at(path).compact()


@pytest.mark.parametrize("kind", ["soft", "external"])
def test_links_that_lead_elsewhere_are_refused(path: Path, kind: str) -> None:
    with h5py.File(path, "r+") as file:
        day = file["runs"]["2026-11-21"]
        link = h5py.SoftLink("/catalogue") if kind == "soft" else h5py.ExternalLink("/etc/passwd", "/")
        day[next(iter(day))]["elsewhere"] = link

    with pytest.raises(UnsafeContentError, match="soft and external links have no place in a project"):
        project_at(path).compact()


def test_what_others_put_beside_the_runs_stays(path: Path) -> None:
    """As it is: it is not ours to lose."""
    with h5py.File(path, "r+") as file:
        file["mine/values"] = np.arange(5000)
        file["mine"].attrs["text"] = "of any kind"
        file["list"] = ["a", "b"]

    project_at(path).compact()

    with h5py.File(path) as file:
        assert file["mine/values"][:].tolist() == list(range(5000))
        assert file["mine"].attrs["text"] == "of any kind"
        assert file["list"][:].tolist() == [b"a", b"b"]
    assert project_view(path) == expected()


def add_foreign(group: h5py.Group) -> None:
    """What other programs put into a file, of every kind that a project does not have itself."""
    group.attrs["licence"] = "CC-BY-4.0"
    group.attrs["authors"] = ["Ä", "B"]
    group.attrs["matrix"] = np.arange(6.0).reshape(2, 3)
    group.attrs["big endian"] = np.array([1, 2], ">i4")
    group.attrs["nothing"] = h5py.Empty("f8")
    group.attrs["pairs"] = np.array([(1, "x")], [("n", "i4"), ("t", h5py.string_dtype())])
    group.attrs["lengths"] = np.array([np.arange(2), np.arange(3)], h5py.vlen_dtype("i8"))
    group.attrs["kind"] = np.array(1, h5py.enum_dtype({"a": 0, "b": 1}))
    group.attrs["where"] = group.ref
    group["notes/texts"] = ["first", "second"]
    group["notes"].attrs["texts"] = ["third", "fourth"]
    group["notes/table"] = np.arange(3)
    group["a type"] = np.dtype("f8")
    group.create_dataset("packed", data=np.random.default_rng(0).random(300_000), chunks=(100_000,), compression="gzip")


def check_foreign(group: h5py.Group) -> None:
    attributes = group.attrs
    assert (attributes["licence"], attributes["authors"].tolist()) == ("CC-BY-4.0", ["Ä", "B"])
    assert attributes["matrix"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (attributes["big endian"].dtype, attributes["big endian"].tolist()) == (np.dtype(">i4"), [1, 2])
    assert isinstance(attributes["nothing"], h5py.Empty)
    assert attributes["pairs"].tolist() == [(1, b"x")]
    assert [part.tolist() for part in attributes["lengths"]] == [[0, 1], [0, 1, 2]]
    assert (attributes["kind"], h5py.check_enum_dtype(attributes.get_id("kind").dtype)) == (1, {"a": 0, "b": 1})
    assert not attributes["where"]  # it was an address in the old file
    assert group["notes/texts"][:].tolist() == [b"first", b"second"]
    assert group["notes"].attrs["texts"].tolist() == ["third", "fourth"]
    assert group["notes/table"][:].tolist() == [0, 1, 2]
    assert group["a type"].dtype == np.dtype("f8")
    assert group["packed"][:].tobytes() == np.random.default_rng(0).random(300_000).tobytes()


FOLDERS = ("/", "/runs", "/runs/2026-11-21", "/objects", "/objects/circuits")


def test_what_others_put_into_the_folders_is_copied_as_it_is(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        head = next(iter(file["objects/circuits"].values())).name
        for folder in (*FOLDERS, head):
            add_foreign(file[folder])
        file["soft"], file["runs/soft"] = h5py.SoftLink("/mine"), h5py.SoftLink("/mine")
    size = project_at(path).space().foreign_bytes
    assert size > 6 * 2_000_000

    report = project_at(path).compact()

    assert (report.done, report.problems) == (True, [])
    with h5py.File(path) as file:
        for folder in (*FOLDERS, head):
            check_foreign(file[folder])
        for folder in ("/", "/runs"):
            assert file.get(f"{folder}/soft", getlink=True).path == "/mine"
    assert project_view(path) == expected()
    assert project_at(path).space().foreign_bytes == pytest.approx(size, rel=0.01)
    assert project_at(path).compact(force=True).done


def test_what_others_put_into_a_run_is_copied_and_named(path: Path) -> None:
    """It is not the run any more that was saved, and is said so; but its values are as they were."""
    with h5py.File(path, "r+") as file:
        run = run_of(file, job_id(3))
        add_foreign(run)
        run["config"].attrs["comment"] = "mine"
        name = run.name
    found = project_at(path).verify().problems

    report = project_at(path).compact()

    assert report.done
    assert any(f"{name}@authors: variable-length text has no place" in problem for problem in report.problems)
    assert any("the digest of the run does not match" in problem for problem in report.problems)
    assert "copied as they are, for they were so before:" in str(report)
    assert project_at(path).verify().problems == found
    with h5py.File(path) as file:
        check_foreign(file[name])
        assert file[name]["config"].attrs["comment"] == "mine"
        assert file[name]["noise"][:].tobytes() == draft(3).datasets["noise"].parts[0].tobytes()


def test_groups_that_lead_back_to_themselves_are_refused(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        run = run_of(file, job_id(3))
        run["round"] = run

    with pytest.raises(UnsafeContentError, match="is linked twice in its run, or contains itself"):
        project_at(path).compact()
    assert any(
        "is linked twice in its run, or contains itself" in problem for problem in project_at(path).verify().problems
    )


# -- whether it is worth it


def test_nothing_is_done_where_it_is_not_worth_it(tmp_path: Path) -> None:
    path = tmp_path / "project.h5"
    with project_at(path).transaction():
        for number in range(3):
            project_at(path).archive(draft(number))
    project_at(path).compact(force=True)
    before = path.read_bytes()

    report = project_at(path).compact()

    assert (report.done, report.is_worth_it, report.generation) == (False, False, 2)
    assert path.read_bytes() == before
    assert re.fullmatch(
        re.escape(f"{path}: 3 runs, 1.1 MiB: not compacted, for it would give back about ")
        + r"[0-9.]+ (B|KiB), and nothing was deleted or replaced; "
        + re.escape("with --force (force=True) it is compacted all the same"),
        str(report),
    )
    assert project_at(path).compact(force=True).generation == 3


def test_what_was_deleted_or_replaced_always_goes(path: Path) -> None:
    """Also where next to nothing comes back: it may be something that others shall not read."""
    with using(UnsyncedDisk()):
        project_at(path).compact()
        project_at(path).archive(draft_of(20))
        project_at(path)[job_id(20)].annotate(notes="a secret")
        assert project_at(path).space().is_worth_it
        assert project_at(path).compact().done
        project_at(path).delete_job(job_id(20))

        assert project_at(path).compact().done

        assert b"a secret" not in path.read_bytes()
        assert not project_at(path).compact().done


def test_it_can_be_said_before(path: Path) -> None:
    before = path.read_bytes()

    planned = project_at(path, "r").compact(dry_run=True)

    assert (planned.done, planned.is_worth_it, planned.generation) == (False, True, 1)
    assert path.read_bytes() == before
    assert "compaction would give back about 1." in str(planned)
    done = project_at(path).compact()
    assert planned.bytes_given_back == pytest.approx(done.bytes_given_back, rel=0.02)
    assert (planned.runs, planned.bytes_before) == (done.runs, done.bytes_before)


# -- what others do meanwhile


class Between:
    """Does something else in the course of a compaction, in a thread, as another process would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after_pass: int, action: Callable[[], None]) -> None:
        self._left = after_pass
        catch_up = _Compaction._catch_up

        def watched(compaction: _Compaction, source: ProjectFile) -> None:
            catch_up(compaction, source)
            self._left -= 1
            if self._left == 0 and not isinstance(source, LockedFile):
                other = threading.Thread(target=action)
                other.start()
                other.join()

        monkeypatch.setattr(_Compaction, "_catch_up", watched)


def change(path: Path) -> None:
    project = project_at(path)
    project.archive(draft(8))
    project.archive(draft(9))
    project.delete_jobs([job_id(1), job_id(3)])
    project[job_id(2)].annotate(notes="third")  # no column of the catalogue shows it
    project[job_id(4)].add_tags("more")
    project.archive(lost(10))
    project.archive(draft(10))
    project.archive(draft(3))
    project.restore(job_id(5))


def changed() -> Model:
    model = {**expected(5, 8, 9, 10), job_id(3): model_of([draft(3)])[job_id(3)]}
    del model[job_id(1)]
    model = relabelled(model, job_id(2), RunLabels(notes="third"))
    model = relabelled(model, job_id(4), RunLabels(tags=["kept", "more"]))
    return relabelled(model, job_id(10), RunLabels(tags=["was lost"]))


def test_what_is_saved_meanwhile_is_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Between(monkeypatch, 1, lambda: change(path))

    project_at(path).compact()

    assert project_view(path) == changed()
    assert stock_values(path) == {job: values for job, (_, values) in changed().items()}
    assert project_at(path).verify().ok
    assert names(path) == ["project.h5"]


def test_passes_are_made_until_one_is_short(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact_module, "_SHORT_S", 0.0)
    Between(monkeypatch, 3, lambda: change(path))

    project_at(path).compact()

    assert project_view(path) == changed()


def test_only_notes_are_changed_meanwhile(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the catalogue nor the folders show it: only the file is longer."""
    Between(monkeypatch, 1, lambda: project_at(path)[job_id(2)].annotate(notes="2nd"))

    project_at(path).compact()

    assert project_view(path) == relabelled(expected(), job_id(2), RunLabels(notes="2nd"))


def test_what_is_replaced_meanwhile_goes_through_no_journal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses that are free again must not be used at once: what is committed to the new file would change."""
    journals: list[int] = []
    write = Disk.write

    def noted(self: Disk, fd: int, data: memoryview, offset: int) -> None:
        if bytes(data[:7]) == b"AERJRNL":
            journals.append(len(data))
        write(self, fd, data, offset)

    monkeypatch.setattr(Disk, "write", noted)
    Between(monkeypatch, 1, lambda: change(path))

    project_at(path).compact()

    assert max(journals) < 50_000


def test_nobody_writes_to_a_file_without_a_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that waits for its turn while the file is replaced saves into the new one."""
    project = project_at(path, lock_timeout_s=60)
    waiting = threading.Thread(target=lambda: project.archive(draft(8)))
    make_alike = replacing._make_alike

    def wait_for_writer(old: int, new: int, name: Path) -> None:
        waiting.start()
        processes.wait_until(lambda: is_waited_for(path))
        make_alike(old, new, name)

    monkeypatch.setattr(replacing, "_make_alike", wait_for_writer)
    project_at(path).compact()
    waiting.join()

    assert project_view(path) == expected(8)
    assert names(path) == ["project.h5"]


def is_waited_for(path: Path) -> bool:
    """Whether a writer has put up the sign that it waits."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return _Turnstile(fd).is_taken()
    finally:
        os.close(fd)


def test_a_reader_of_another_program_is_waited_for_at_the_start(path: Path) -> None:
    with held(path, fcntl.LOCK_SH), pytest.raises(ProjectLockedError, match="the project is held by process"):
        project_at(path, lock_timeout_s=0.1).compact()
    assert names(path) == ["project.h5"]


def test_a_reader_that_comes_later_is_not_in_the_way(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[h5py.File] = []
    Between(monkeypatch, 1, lambda: opened.append(h5py.File(path)))

    project_at(path, lock_timeout_s=1).compact()

    (file,) = opened
    try:
        assert file.attrs["generation"] == 1  # it has the old file
        assert len(file["catalogue"]) == 7
        assert root_of(path)["generation"] == 2
    finally:
        file.close()


# -- room


def test_a_disk_that_is_too_small_is_noticed_before(path: Path) -> None:
    class Full(UnsyncedDisk):
        def free(self, fd: int) -> int:
            return 900_000

    project = project_at(path)
    before = path.read_bytes()
    with using(Full()), pytest.raises(WriteError) as caught:
        project.compact()

    assert "the compacted project takes about 1.1 MiB, and does not fit: 878.9 KiB are free on the disk" in str(
        caught.value
    )
    assert path.read_bytes() == before
    assert names(path) == ["project.h5"]


COMPACT_ON_A_FULL_DISK = """
import sys
from pathlib import Path
from aerchive.errors import WriteError
from aerchive.testing.disks import RecordingDisk, using
from tests.drafts import draft_of, job_id, model_of, project_at
from tests.views import project_view

class Hopeful(RecordingDisk):
    def free(self, fd):
        return 2**40

path = Path(sys.argv[1])
project = project_at(path)
for number in range(8):
    project.archive(draft_of(number, extra_bytes=300_000))
project.delete_jobs([job_id(0)])
before, model = path.read_bytes(), project_view(path)
try:
    with using(Hopeful(durable=True)):
        project.compact()
except WriteError as error:
    print(error)
assert path.read_bytes() == before and project_view(path) == model
assert [entry.name for entry in path.parent.iterdir()] == [path.name]
project.delete_jobs([job_id(number) for number in range(1, 7)])
project.compact()
assert project_view(path) == model_of([draft_of(7, extra_bytes=300_000)])
print(path.stat().st_size)
"""


def test_a_disk_that_becomes_full(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    with mounted("small file system", place, "-t", "tmpfs", "-o", "size=4M", "tmpfs"):
        said, size = processes.run(COMPACT_ON_A_FULL_DISK, place / "project.h5").splitlines()

    assert said.endswith("No space left on device; nothing was saved, the file is as it was")
    assert int(size) < 400_000


def test_pickled_projects_and_runs_find_their_way(path: Path) -> None:
    project: Project = project_at(path)
    run = project[job_id(3)]
    place = pickle.dumps(run.place)
    project.compact()
    with pickle.loads(place).open() as (_, group):
        assert group.attribute("job_id") == job_id(3)
