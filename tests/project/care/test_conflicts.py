"""Conflict copies are named, and nothing else is taken for one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import aerchive
from aerchive.cli import main
from aerchive.project.care import conflicts
from aerchive.project.care.conflicts import conflict_copies
from tests.drafts import draft_of, job_id, project_at

COPIES = [
    "p.sync-conflict-20261130-080000-BBBBBBB.h5",
    "p (conflicted copy 2026-11-30).h5",
    "p (Ann's conflicted copy).h5",
    "p_conflict-20261130-080000.h5",
    "p (SFConflict ann@example.org 2026-11-30-08-00-00).h5",
    "p_host_Nov-30-080000-2026_Conflict.h5",
    "p (Konflikt von Ann 2026-11-30).h5",
    "p (Copie en conflit de Ann 2026-11-30).h5",
    "p (Copia in conflitto di Ann).h5",
    "p.variant-a4d1.h5",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "p.h5"
    project_at(path).archive(draft_of(0))
    return path


@pytest.mark.parametrize("name", COPIES)
def test_conflict_copies_are_found(name: str, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = Path(shutil.copy(path, path.with_name(name)))
    project_at(copy).archive(draft_of(1))

    report = aerchive.open(path).verify()
    assert report.ok
    (note,) = report.notes
    assert note == (
        f"{path}: beside it a program that synchronises the folder has left what it could not bring together: "
        f"{str(copy)!r}. Such a file is another version of this project and may have runs that are missing here: bring "
        f"them in with 'aerchive merge {path} FILE', then remove it"
    )
    assert str(report).splitlines()[1:] == [f"note: {note}"]
    assert main(["-p", str(path), "ls", "--json"]) == 0
    printed = capsys.readouterr()
    assert [run["job_id"] for run in json.loads(printed.out)] == [job_id(0)]
    assert printed.err == f"aerchive: note: {note}\n"
    assert main(["verify", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == [note]
    assert len(aerchive.open(copy).verify().notes) == 0  # of the copy itself there is none


def test_several_are_named_in_one_line(path: Path) -> None:
    copies = [shutil.copy(path, path.with_name(name)) for name in COPIES[:2]]
    assert conflict_copies(project_at(path).file) == sorted(map(Path, copies))
    assert len(aerchive.open(path).verify().notes) == 1


def test_what_is_no_conflict_copy_is_not_named(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project_at(path.with_name("p-conflict-study.h5")).archive(draft_of(0))  # another project
    path.with_name("p conflict.txt").write_text("notes")
    path.with_name("p.conflict").mkdir()
    path.with_name("p.conflicting").symlink_to("nowhere")
    shutil.copy(path, path.with_name("p-backup.h5"))
    shutil.copy(path, path.with_name("conflict of p.h5"))

    assert conflict_copies(project_at(path).file) == []
    assert aerchive.open(path).verify().notes == []
    assert main(["-p", str(path), "ls"]) == 0
    assert capsys.readouterr().err == ""


def test_without_such_names_nothing_is_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(path, path.with_name("p-backup.h5"))
    file = project_at(path).file
    monkeypatch.setattr(conflicts.ProjectFile, "peek_uuid", lambda _: pytest.fail("a file was opened"))
    assert conflict_copies(file) == []
