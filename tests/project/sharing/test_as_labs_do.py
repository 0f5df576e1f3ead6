"""Projects in folders that other programs copy and synchronise: how little changes, and what becomes of the copies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from aerchive.errors import AerchiveError
from aerchive.project.project import Project
from tests.changed_blocks import blocks_changed_by, sent_by_rsync
from tests.drafts import draft_of, job_id, project_at, project_of
from tests.views import project_view

RUNS, MIB = 30, 1024 * 1024
CHANGES: dict[str, tuple[Callable[[Project], object], int]] = {
    "tag": (lambda project: project[job_id(17)].add_tags("paper"), 8),
    "tiny run": (lambda project: project.archive(draft_of(100)), 14),
}
"""Changes of a project, and how many blocks of 4 KiB may change, of which one is that of the superblock."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 30 MiB that no program can compress."""
    runs = (draft_of(number, extra_bytes=MIB) for number in range(RUNS))
    return project_of(tmp_path_factory.mktemp("large") / "project.h5", runs)


@pytest.mark.parametrize("name", CHANGES)
def test_a_small_change_of_a_large_project_changes_a_few_blocks(name: str, large: Path, tmp_path: Path) -> None:
    change, most = CHANGES[name]
    path = Path(shutil.copy(large, tmp_path))
    changed = blocks_changed_by(lambda: change(project_at(path)), path, tmp_path / "before.h5")
    assert changed[0] == 0
    assert 1 < len(changed) <= most, changed
    assert path.stat().st_size > RUNS * MIB


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
@pytest.mark.parametrize("name", CHANGES)
def test_rsync_sends_little_of_a_small_change(name: str, large: Path, tmp_path: Path) -> None:
    change, _ = CHANGES[name]
    path, copy = (Path(shutil.copy(large, tmp_path / other)) for other in ("project.h5", "copy.h5"))
    change(project_at(path))
    sent = sent_by_rsync(path, copy)
    assert 0 < sent.literal < 100_000
    assert sent.literal + sent.matched == path.stat().st_size
    assert copy.read_bytes() == path.read_bytes()


def test_two_machines_with_a_synchronised_folder_lose_nothing(tmp_path: Path) -> None:
    """Both save before the program synchronises: it keeps one version, and leaves the other one beside it."""
    ann, bob = tmp_path / "ann" / "p.h5", tmp_path / "bob" / "p.h5"
    for path in (ann, bob):
        path.parent.mkdir()
    project_of(ann, [draft_of(0)])
    waiting = project_at(ann).spools.hold([draft_of(1)])[0].path  # another program had locked it
    for name in os.listdir(ann.parent):
        shutil.copy2(ann.with_name(name), bob.parent)

    project_at(bob).archive(draft_of(2))
    assert bob.with_name(Path(waiting).name).exists()  # what waits there is Ann's to remove
    project_at(bob)[job_id(0)].add_tags("of Bob")
    project_at(ann).archive(draft_of(3))
    assert not Path(waiting).exists()
    project_at(ann)[job_id(0)].add_tags("of Ann")

    copy = ann.with_name("p (conflicted copy 2026-11-30).h5")
    shutil.copy2(bob, copy)
    (note,) = project_at(ann).notes()
    assert f"'aerchive merge {ann} FILE'" in note
    assert project_at(ann).merge(copy).ok
    copy.unlink()
    assert project_at(ann).notes() == []
    replaced = shutil.copy2(ann, bob.with_name(".p.h5.tmp"))  # as such programs put it over the file of Bob
    os.replace(replaced, bob)
    bob.with_name(Path(waiting).name).unlink()

    for path in (ann, bob):
        assert sorted(run.job_id for run in project_at(path)) == [job_id(number) for number in range(4)]
        assert sorted(project_at(path)[job_id(0)].tags) == ["of Ann", "of Bob"]
        assert project_at(path).verify().problems == []
    assert project_view(ann) == project_view(bob)


@pytest.mark.parametrize("filled", [False, True], ids=["shorter", "with zeros at the end"])
@pytest.mark.parametrize("share", [0.002, 0.1, 0.5, 0.98])
def test_a_partial_copy_is_not_taken_for_a_project(share: float, tmp_path: Path, *, filled: bool) -> None:
    path = project_of(tmp_path / "p.h5", (draft_of(number, extra_bytes=5000) for number in range(12)))
    data = path.read_bytes()
    part = tmp_path / "part.h5"
    part.write_bytes(data[: int(share * len(data))].ljust(len(data) if filled else 0, b"\0"))
    try:
        problems = project_at(part, "r").verify().problems
    except AerchiveError as error:
        problems = [str(error)]
    assert problems
    assert str(part) in problems[0]


def test_files_of_programs_that_copy_do_not_disturb(tmp_path: Path) -> None:
    path = project_of(tmp_path / "p.h5", [draft_of(0)])
    names = (".p.h5.Xa81bQ", "~syncthing~p.h5.tmp", ".syncthing.p.h5.tmp", "p.h5.part", ".p.h5.~4f2a")
    for name in names:
        path.with_name(name).write_bytes(path.read_bytes()[:5000])
    project = project_at(path)
    project.archive(draft_of(1))
    project.compact(force=True)
    assert (len(project), project.verify().problems, project.notes()) == (2, [], [])
    assert set(names) < set(os.listdir(tmp_path))
