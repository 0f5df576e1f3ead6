"""What a process keeps of a catalogue is what is in the file, whoever has changed it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5d

from aerchive import layout
from aerchive.errors import IntegrityError, WriteError
from aerchive.models import catalogue
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.project.catalogue import row_cache
from aerchive.project.catalogue.table import Catalogue, read_rows
from aerchive.project.project import Project
from aerchive.storage.hdf5.table import replace_row
from aerchive.storage.medium.trace import record_reads
from tests import processes
from tests.drafts import draft_of, job_id, project_at

OTHER = """
    import sys
    from pathlib import Path
    from tests.drafts import draft_of, job_id, project_at
    from aerchive.models.labels import LabelChange, RunLabels
    project = project_at(Path(sys.argv[1]))
    for line in sys.stdin:
        what, number = line.split()
        if what == "save":
            project.archive(draft_of(int(number)))
        elif what == "tag":
            project[job_id(int(number))].add_tags("other")
        elif what == "delete":
            project.delete_job(job_id(int(number)))
        elif what == "restore":
            project.restore(job_id(int(number)))
        elif what == "rebuild":
            project.rebuild_catalogue()
        elif what == "compact":
            project.compact()
        print("done", flush=True)
"""


class Other:
    """Another process that changes the project when it is told to."""

    def __init__(self, path: Path) -> None:
        self._process = processes.start(OTHER, path, stdin=subprocess.PIPE)

    def does(self, what: str, number: int = 0) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what} {number}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n", self._process.stderr and self._process.stderr.read()

    def end(self) -> None:
        _, err = self._process.communicate()
        assert not err


@pytest.fixture
def other(path: Path) -> Iterator[Other]:
    project_at(path).archive(draft_of(0))
    process = Other(path)
    yield process
    process.end()


def agrees(project: Project) -> list[str]:
    """What is kept is what is there; the ids, in order."""
    with project.file.read() as session:
        fresh = read_rows(session)
        known = Catalogue(session)
        assert known.rows().tobytes() == fresh.tobytes()
        for number, row in enumerate(fresh):
            if not row["deleted"]:
                found = known.find(catalogue.row_text(row, "job_id"))
                assert found is not None
                assert found[0] == number
    assert len(project) == np.count_nonzero(fresh["deleted"] == 0)
    return [run.job_id for run in project.find()]


def test_what_another_process_does_is_seen(path: Path, other: Other) -> None:
    project = project_at(path)
    assert agrees(project) == [job_id(0)]
    for number in range(1, 40):
        other.does("save", number)
    assert agrees(project) == [job_id(number) for number in range(40)]

    project.archive(draft_of(40))
    other.does("tag", 3)
    other.does("tag", 39)
    other.does("save", 41)
    assert [run.job_id for run in project.find(tags="other")] == [job_id(3), job_id(39)]
    assert len(agrees(project)) == 42

    other.does("delete", 3)
    project.delete_job(job_id(41))
    assert job_id(3) not in project
    assert len(agrees(project)) == 40

    other.does("save", 3)
    assert job_id(3) in project
    other.does("rebuild")
    other.does("tag", 5)
    assert len(agrees(project)) == 41
    assert {run.job_id for run in project.find(tags="other")} == {job_id(5), job_id(39)}


def test_the_file_is_compacted_by_another_process(path: Path, other: Other) -> None:
    """All rows move, and the list of changes begins anew."""
    project = project_at(path)
    for number in range(1, 10):
        project.archive(draft_of(number))
    other.does("tag", 9)
    other.does("delete", 2)
    other.does("delete", 5)
    assert len(agrees(project)) == 8
    other.does("restore", 5)
    assert len(agrees(project)) == 9

    other.does("compact")
    assert len(project.catalogue()) == len(agrees(project)) == 9
    assert job_id(2) not in project
    other.does("compact")
    other.does("tag", 5)
    project.archive(draft_of(2))
    project.archive(draft_of(9))  # it is there
    assert {run.job_id for run in project.find(tags="other")} == {job_id(5), job_id(9)}
    assert len(agrees(project)) == 10

    project.compact()
    other.does("save", 11)
    other.does("save", 2)
    assert len(agrees(project)) == 11


def test_two_processes_write_while_this_one_looks(path: Path, other: Other) -> None:
    second = Other(path)
    project = project_at(path)
    for number in range(1, 30):
        (other if number % 2 else second).does("save", number)
        (second if number % 3 else other).does("tag", number - 1)
        assert len(agrees(project)) == number + 1
        assert project.count(tags="other") == number
    second.end()


def test_only_what_is_new_is_read(path: Path) -> None:
    project = project_at(path)
    with project.transaction():
        for number in range(300):
            project.save(draft_of(number))
    assert len(project) == 300
    project[job_id(7)].add_tags("x")
    project.archive(draft_of(300))

    with record_reads() as log:
        assert project.count(tags="x") == 1
    assert log.nbytes < 40_000  # all rows are 154,000
    with record_reads() as log:
        project.archive(draft_of(301))
    assert log.nbytes < 40_000


def test_rows_are_not_changed_under_those_who_have_them(path: Path) -> None:
    project = project_at(path)
    with project.transaction():
        for number in range(5):
            project.save(draft_of(number))

    def rows() -> np.ndarray:
        with project.file.read() as session:
            return Catalogue(session).rows()

    before = rows()
    content = before.tobytes()
    project[job_id(2)].add_tags("x")
    project.archive(draft_of(5))
    after = rows()

    assert before.tobytes() == content
    assert len(after) == 6
    assert catalogue.row_text(after[2], "tags") == '["x"]'
    with pytest.raises(ValueError, match="read-only"):
        before["shots"] = 0
    mine = project.catalogue()
    mine["shots"] = 0  # a copy
    assert rows()["shots"].all()


def test_a_commit_that_fails_is_not_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_at(path)
    project.archive(draft_of(0))
    assert len(agrees(project)) == 1

    with monkeypatch.context() as patch:
        patch.setattr("aerchive.storage.commits.overlay.Overlay.commit", _fail)
        for action in (
            lambda: project.archive(draft_of(1)),
            lambda: project[job_id(0)].change_labels(LabelChange(RunLabels.checked(tags=["a"]))),
            lambda: project.delete_job(job_id(0)),
        ):
            with pytest.raises(WriteError):
                action()

    assert agrees(project) == [job_id(0)]
    assert project.find(tags="a") == []
    project.archive(draft_of(2))
    assert agrees(project) == [job_id(0), job_id(2)]


def _fail(self: object) -> None:
    raise WriteError("no")


def test_a_session_sees_its_own_rows_and_keeps_none_of_them(path: Path) -> None:
    project = project_at(path)
    with project.transaction():
        for number in range(3):
            project.save(draft_of(number))
    agrees(project)
    row = catalogue.seal_row(catalogue.make_row(draft_of(9).record, "x", 1), 3)

    def write_and_stop() -> None:
        with project.file.write("2026-01-01T00:00:00.000000Z") as session:
            assert Catalogue(session).find(job_id(9)) is None
            session.append_rows(layout.CATALOGUE, row)
            found = Catalogue(session).find(job_id(9))
            assert found is not None
            assert found[0] == 3
            assert len(Catalogue(session).rows()) == 4
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_and_stop()

    assert agrees(project) == [job_id(0), job_id(1), job_id(2)]


def test_a_file_put_back_to_an_earlier_state(path: Path, tmp_path: Path) -> None:
    project = project_at(path)
    for number in range(3):
        project.archive(draft_of(number))
    backup = shutil.copy(path, tmp_path / "backup.h5")
    project[job_id(1)].add_tags("later")
    project.archive(draft_of(3))
    assert len(agrees(project)) == 4

    shutil.copyfile(backup, path)  # the same file, other content
    assert agrees(project) == [job_id(0), job_id(1), job_id(2)]
    assert project.find(tags="later") == []
    project[job_id(2)].add_tags("other")
    project.archive(draft_of(4))
    assert agrees(project) == [job_id(0), job_id(1), job_id(2), job_id(4)]
    assert [run.job_id for run in project.find(tags__in=["later", "other"])] == [job_id(2)]


def test_a_file_put_back_that_went_another_way(path: Path, tmp_path: Path) -> None:
    """As many rows, and as many changes, as are known; but others."""
    project = project_at(path)
    for number in range(3):
        project.archive(draft_of(number))
    backup = shutil.copy(path, tmp_path / "backup.h5")
    project[job_id(1)].add_tags("one way")
    project.archive(draft_of(3))
    assert len(agrees(project)) == 4

    shutil.copyfile(backup, path)
    processes.run(
        """
        import sys
        from pathlib import Path
        from tests.drafts import draft_of, job_id, project_at
        project = project_at(Path(sys.argv[1]))
        project[job_id(0)].add_tags("another way")
        project.archive(draft_of(7))
        """,
        path,
    )
    assert agrees(project) == [job_id(0), job_id(1), job_id(2), job_id(7)]
    assert [run.job_id for run in project.find(tags="another way")] == [job_id(0)]
    assert project.find(tags="one way") == []


def put_back(backup: Path, path: Path, way: str) -> None:
    """Puts a backup in the place of the project, which stays the same file: the same inode."""
    inode = path.stat().st_ino
    if way == "cp":
        shutil.copyfile(backup, path)
    elif way == "rsync --inplace":  # only the blocks that differ, then the length
        data = backup.read_bytes()
        with path.open("r+b") as file:
            for at in range(0, len(data), 512):
                if file.seek(at) == at and file.read(512) != data[at : at + 512]:
                    file.seek(at)
                    file.write(data[at : at + 512])
            file.truncate(len(data))
    else:
        with path.open("r+b") as file:
            file.truncate(0)
            file.write(backup.read_bytes())
    assert path.stat().st_ino == inode


@pytest.mark.parametrize("way", ["cp", "rsync --inplace", "truncate and write"])
@pytest.mark.parametrize("asked", ["rows", "keys"])
def test_a_backup_put_back_that_grew_to_the_same_length_and_last_run(
    way: str, asked: str, path: Path, tmp_path: Path, other: Other
) -> None:
    """The run known last is there again, with the same row; in between are others."""
    project = project_at(path)
    backup = shutil.copy(path, tmp_path / "backup.h5")
    for number in (1, 2, 9):
        project.archive(draft_of(number))
    if asked == "rows":
        assert len(agrees(project)) == 4
    else:
        assert job_id(2) in project

    put_back(backup, path, way)
    for number in (3, 4, 9):
        other.does("save", number)

    assert job_id(2) not in project
    assert job_id(3) in project
    assert agrees(project) == [job_id(0), job_id(3), job_id(4), job_id(9)]


@pytest.mark.parametrize("known", [["tag 1", "tag 2"], ["delete 1", "restore 1"], ["tag 1", "save 5"]])
def test_a_backup_put_back_that_was_changed_as_often(
    known: list[str], path: Path, tmp_path: Path, other: Other
) -> None:
    project = project_at(path)
    for number in (1, 2):
        other.does("save", number)
    backup = shutil.copy(path, tmp_path / "backup.h5")
    for step in known:
        what, number = step.split()
        other.does(what, int(number))
    assert agrees(project)

    put_back(backup, path, "cp")
    other.does("tag", 0)
    other.does(known[1].split()[0] if known[1] != "restore 1" else "tag", int(known[1].split()[1]))
    agrees(project)
    assert job_id(0) in [run.job_id for run in project.find(tags="other")]

    put_back(backup, path, "cp")
    project.compact()
    other.does("compact")
    assert agrees(project) == [job_id(0), job_id(1), job_id(2)]


def test_a_backup_put_back_from_before_a_compaction(path: Path, tmp_path: Path, other: Other) -> None:
    project = project_at(path)
    for number in (1, 2):
        other.does("save", number)
    backup = shutil.copy(path, tmp_path / "backup.h5")
    other.does("delete", 1)
    other.does("compact")
    other.does("save", 3)
    assert agrees(project) == [job_id(0), job_id(2), job_id(3)]

    put_back(backup, path, "cp")
    assert agrees(project) == [job_id(0), job_id(1), job_id(2)]


def test_of_a_file_without_a_list_nothing_is_kept(path: Path, tmp_path: Path) -> None:
    """As older versions left it while no row was replaced: nothing says what its history is."""
    project, other = project_at(path), project_at(tmp_path / "other.h5")
    project.archive(draft_of(0))
    shutil.copyfile(path, other.path)
    for one, number in ((project, 1), (other, 2)):
        one.archive(draft_of(number))
        one.archive(draft_of(9))
        with h5py.File(one.path, "r+", libver=("v110", "v110")) as file:
            del file["catalogue.changes"]
    assert agrees(project) == [job_id(0), job_id(1), job_id(9)]

    shutil.copyfile(other.path, path)
    assert agrees(project) == [job_id(0), job_id(2), job_id(9)]
    project.archive(draft_of(3))
    assert len(agrees(project)) == 4


def test_another_project_in_the_place_of_the_file(path: Path, tmp_path: Path) -> None:
    project = project_at(path)
    project.archive(draft_of(0))
    assert len(agrees(project)) == 1
    elsewhere = project_at(tmp_path / "other.h5")
    for number in (5, 6):
        elsewhere.archive(draft_of(number))

    os.replace(elsewhere.path, path)

    assert agrees(project) == [job_id(5), job_id(6)]


def test_a_list_of_changes_that_cannot_be_believed(path: Path) -> None:
    """Everything is read again then."""
    project = project_at(path)
    for number in range(3):
        project.archive(draft_of(number))
    project[job_id(1)].add_tags("a")
    agrees(project)
    project[job_id(1)].add_tags("b")
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        changes = file["catalogue.changes"]
        changes[1] = (10**6, 0)

    assert len(agrees(project)) == 3
    assert len(project.find(tags=["a", "b"])) == 1

    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        del file["catalogue.changes"]
        file["catalogue.changes"] = np.zeros((2, 2))
    assert len(agrees(project)) == 3


def test_damage_is_seen_where_rows_are_new_and_mended_rows_are_sound(path: Path) -> None:
    project = project_at(path)
    project.archive(draft_of(0))
    agrees(project)
    processes.run(
        """
        import sys
        from pathlib import Path
        from tests.drafts import draft_of, project_at
        project_at(Path(sys.argv[1])).archive(draft_of(1))
        """,
        path,
    )
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        table = file[layout.CATALOGUE].id
        row = np.empty(1, catalogue.DTYPE)
        _read_row(table, 1, row)
        damaged = row.copy()
        damaged["shots"] += 1
        replace_row(table, 1, damaged)
    with pytest.raises(IntegrityError, match="row 1 is damaged"):
        project.find()
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        replace_row(file[layout.CATALOGUE].id, 1, row)

    assert len(agrees(project)) == 2


def _read_row(table: h5d.DatasetID, number: int, row: np.ndarray) -> None:
    space = table.get_space()
    space.select_hyperslab((number,), (1,))
    table.read(h5py.h5s.create_simple((1,)), space, row, table.get_type())


def test_a_forked_child_begins_anew(path: Path) -> None:
    project = project_at(path)
    project.archive(draft_of(0))
    assert len(project) == 1
    assert row_cache._Caches.of_files

    child = os.fork()
    if child == 0:
        try:
            assert not row_cache._Caches.of_files
            assert not row_cache._Caches.lock.locked()
            os._exit(0 if len(project) == 1 else 1)
        finally:
            os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_not_everything_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row_cache._begin_anew()
    projects = [project_at(tmp_path / f"{number}.h5") for number in range(11)]
    for project in projects:
        project.archive(draft_of(0))
        assert len(project) == 1
    assert len(row_cache._Caches.of_files) == 8

    monkeypatch.setattr(row_cache, "_MOST_BYTES", 1)
    assert len(projects[10]) == 1
    assert len(row_cache._Caches.of_files) == 1
    assert all(len(agrees(project)) == 1 for project in projects)
