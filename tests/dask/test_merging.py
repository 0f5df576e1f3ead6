"""Merging the files of workers: whatever lies there, each point has one run afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

import aerchive
from aerchive.aer import AerSimulator
from aerchive.dask import merge_sweep
from aerchive.dask.files import Identity, WorkerFile, archived_points, folder_of
from aerchive.dask.merging import Merging
from aerchive.dask.points import point_id
from aerchive.dask.task import ok_points
from tests import processes
from tests.dask.jobs import rotation

X = Identity(("x",), ())


@pytest.fixture
def folder(path: Path) -> Path:
    found = folder_of(path, "sweep")
    found.mkdir()
    return found


def worker(folder: Path, *values: float) -> WorkerFile:
    """The file of a worker that lives, with runs of these points."""
    file = WorkerFile(folder, X, None)
    for value in values:
        run = AerSimulator(project=file.project).run(rotation(value), shots=10, params={"x": value})
        run.result()
        file.note(point_id({"x": value}), run.job_id())
    return file


def values(project: aerchive.Project) -> list[float]:
    return sorted(run.params["x"] for run in project)


def test_a_point_that_two_workers_have_made_has_one_run(project: aerchive.Project, folder: Path) -> None:
    AerSimulator(project=project).run(rotation(0), params={"x": 0}).result()
    for file in (worker(folder, 0, 1, 2), worker(folder, 2, 3)):
        file.leave()
    Merging(project, folder).merge()
    assert values(project) == [0, 1, 2, 3]
    assert not folder.exists()


def test_merging_again_changes_nothing(project: aerchive.Project, folder: Path) -> None:
    file = worker(folder, 0, 1)
    merging = Merging(project, folder)
    merging.merge(remove=False)
    before = project.seal().root
    assert values(project) == [0, 1]
    merging.merge(remove=False)
    assert project.seal().root == before
    file.leave()


def test_the_file_of_a_worker_that_lives_stays_until_it_is_left(project: aerchive.Project, folder: Path) -> None:
    file = worker(folder, 0)
    merging = Merging(project, folder)
    merging.merge()
    assert values(project) == [0]
    assert file.path.exists()
    assert archived_points(folder, X).keys() == {point_id({"x": 0})}
    file.leave()
    merging.merge()
    assert not folder.exists()


def test_a_run_is_read_from_its_file_and_then_from_the_project(project: aerchive.Project, folder: Path) -> None:
    file = worker(folder, 0.5)
    run = file.project[-1].as_merged(project)
    state = run.state()
    before = run.counts(), state[0], run.shots, run.params
    with pytest.raises(aerchive.TransactionError, match="change it after the merge of the sweep"):
        run.add_tags("early")
    file.leave()
    Merging(project, folder).merge()
    assert (run.counts(), state[0], run.shots, run.params) == before
    run.add_tags("late")
    assert project[run.job_id].tags == ("late",)


def test_failed_runs_are_merged_and_do_not_count(project: aerchive.Project, folder: Path) -> None:
    file = worker(folder, 0)
    with pytest.raises(Exception, match="invalid instructions"):
        AerSimulator(project=file.project, method="stabilizer").run(
            rotation(0.3), params={"x": 1}
        ).result().get_counts()
    file.leave()
    Merging(project, folder).merge()
    assert ok_points(project, X).keys() == {point_id({"x": 0})}
    assert project.count_by("outcome") == {"ok": 1, "failed": 1}


def test_a_damaged_file_is_kept_and_the_others_are_merged(project: aerchive.Project, folder: Path) -> None:
    bad, good = worker(folder, 0), worker(folder, 1)
    for file in (bad, good):
        file.leave()
    bad.path.write_bytes(b"no project")
    with pytest.warns(aerchive.ArchiveWarning, match="is kept, and its runs are not merged"):
        Merging(project, folder).merge()
    assert values(project) == [1]
    assert bad.path.exists()
    assert not good.path.exists()


def test_a_worker_that_does_not_see_the_folder_says_so(folder: Path) -> None:
    with pytest.raises(aerchive.NotFoundError, match="all workers and the client need it under the same path"):
        WorkerFile(folder / "elsewhere", X, None)


def test_what_a_killed_worker_has_left_is_merged_and_removed(project: aerchive.Project, folder: Path) -> None:
    script = """
        import os, sys
        from pathlib import Path
        from tests.dask.test_merging import worker
        from aerchive.dask.files import Identity, WorkerFile
        file = worker(Path(sys.argv[1]), 1, 2)
        file.project.spools.own.submitted("ended-with-its-process", {})
        WorkerFile(Path(sys.argv[1]), Identity(("x",), ()), None)  # which archives nothing
        print(len(os.listdir(sys.argv[1])), flush=True)
        os.kill(os.getpid(), 9)
    """
    with processes.start(script, folder) as killed:
        assert killed.communicate()[0].strip() == "4"
    assert killed.returncode == -9
    merge_sweep(project)
    assert values(project) == [1, 2]
    assert not folder.exists()
