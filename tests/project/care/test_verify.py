"""`verify` takes turns with writers, and opens the file for many runs at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from aerchive.project.project import Project
from aerchive.storage.file import ProjectFile
from aerchive.storage.hdf5 import cached_group
from aerchive.storage.sessions import ReadSession
from aerchive.testing.disks import UnsyncedDisk, using
from tests.drafts import draft_of, job_id, project_at, run_of

RUNS = 8


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "project.h5"
    with using(UnsyncedDisk()):
        for number in range(RUNS):
            project_at(path).archive(draft_of(number, extra_bytes=1_500_000 if number == 3 else 0))
    return path


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Project:
    return project_at(Path(shutil.copy(made, tmp_path)))


def test_the_file_is_opened_once_for_many_runs(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aerchive.storage.file._TURN_S", 1000.0)
    opened: list[Path] = []
    read = ProjectFile.read

    @contextmanager
    def counted(self: ProjectFile) -> Iterator[ReadSession]:
        opened.append(self.path)
        with read(self) as session:
            yield session

    monkeypatch.setattr(ProjectFile, "read", counted)

    report = project.verify()

    assert (report.ok, report.runs) == (True, RUNS)
    # What there is, the shared objects, the runs; whether another program rewrote it; other results of the same job.
    assert len(opened) == 5


def test_the_attributes_of_a_group_are_read_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    read = cached_group.read_raw_attributes

    def noted(oid: object, where: str) -> dict[str, np.ndarray]:
        seen.append(where)
        return read(oid, where)

    monkeypatch.setattr(cached_group, "read_raw_attributes", noted)

    assert project.verify().ok

    runs = [where for where in seen if "/runs/" in where]
    assert len(runs) == len(set(runs))
    assert sum(where.endswith("/provenance") for where in runs) == 1  # all runs share it


@pytest.mark.parametrize("what", ["label", "delete", "compact"])
def test_what_others_do_between_two_turns_is_no_problem(
    what: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aerchive.storage.file._TURN_S", 0.0)
    left = [what]

    def interfere(_done: int, _total: int) -> None:
        if left and left.pop() == "label":
            project[job_id(5)].add_tags("meanwhile")
        elif not left and what != "label" and job_id(6) in project:
            project.delete_job(job_id(6))
            if what == "compact":
                project.compact()

    report = project.verify(interfere)

    assert report.problems == []


def test_a_row_that_differs_is_found_after_labels_have_changed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aerchive.storage.file._TURN_S", 0.0)
    with h5py.File(project.path, "r+") as file:
        run = run_of(file, job_id(7))
        name = run.name
        run["status"].attrs["outcome"] = np.bytes_("failed")
    interfered: list[int] = []

    def interfere(done: int, _total: int) -> None:
        if not interfered:
            interfered.append(done)
            project[job_id(5)].add_tags("meanwhile")

    problems = project.verify(interfere).problems

    assert any(f"{name}: its row in the catalogue differs in outcome" in problem for problem in problems)
    assert any(f"{name}/status: its digest does not match" in problem for problem in problems)
