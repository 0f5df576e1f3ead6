"""`aerchive du`, `rm`, `clean` and `compact`, as somebody types them."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aerchive.cli import clean as clean_command
from aerchive.cli import main
from aerchive.project.care.retention import CleanReport
from aerchive.project.project import Project
from tests.drafts import draft_of, job_id, model_of, project_at
from tests.views import project_view


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "project.h5"
    for number in range(4):
        project_at(path).archive(draft_of(number, extra_bytes=300_000 if number == 2 else 0))
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made, tmp_path))


def answer(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> str:
    """What a command prints."""
    assert main([*map(str, arguments)]) == status
    said = capsys.readouterr()
    return said.out if status == 0 else said.err


def test_du(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = answer(capsys, "du", path, "--top", 1)
    assert out.startswith(f"{path}: 3")
    assert job_id(2) in out
    assert job_id(1) not in out
    again = answer(capsys, "-p", path, "du", "--top", 1)
    assert again.splitlines()[1:] == out.splitlines()[1:]  # the first says what is free on the disk
    document = json.loads(answer(capsys, "du", path, "--json"))
    assert document["runs"][0]["job_id"] == job_id(2)
    assert {run["job_id"] for run in document["runs"]} == {job_id(number) for number in range(4)}
    assert document["file_bytes"] == path.stat().st_size
    assert document["reclaimable_bytes"] == document["deleted_bytes"] + document["unused_bytes"]
    assert {kind["kind"] for kind in document["kinds"]} >= {"noise", "circuits"}


def test_compact(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project_at(path).delete_job(job_id(2))
    before = path.stat().st_size
    planned = answer(capsys, "compact", path, "--dry-run")
    assert planned.startswith(f"{path}: 3 runs, ")
    assert "KiB: compaction would give back about 298" in planned
    assert path.stat().st_size == before
    out = answer(capsys, "compact", path)
    after = path.stat().st_size
    assert after < before - 300_000
    assert out.startswith(f"{path}: 3 runs, 3")
    assert out.endswith(" KiB given back\n")
    assert answer(capsys, "du", path).endswith("\nnothing to give back\n")
    assert ": not compacted, for it would give back about " in answer(capsys, "compact", path)
    document = json.loads(answer(capsys, "-p", path, "compact", "--force", "--json"))
    assert document == {
        "path": str(path),
        "runs": 3,
        "bytes_before": after,
        "bytes_after": after,
        "generation": 3,
        "done": True,
        "is_worth_it": True,
        "problems": [],
        "bytes_given_back": 0,
    }
    other = path.with_name("other.h5")
    assert answer(capsys, "compact", other, status=1) == (
        f"aerchive: {other}: no such project; the folder has project.h5\n"
    )


def test_rm_and_its_way_back(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = project_view(path)
    assert answer(capsys, "-p", path, "rm", job_id(1), job_id(3)) == f"deleted {job_id(1)}\ndeleted {job_id(3)}\n"
    assert set(project_view(path)) == {job_id(0), job_id(2)}
    assert json.loads(answer(capsys, "-p", path, "rm", "--json", "job-000002")) == {"deleted": [job_id(2)]}
    restored = json.loads(answer(capsys, "-p", path, "rm", "--restore", "--json", job_id(1), job_id(3), job_id(2)))
    assert restored == {"restored": [job_id(1), job_id(3), job_id(2)]}
    assert project_view(path) == shown
    assert "is in the project; there is nothing to restore" in answer(
        capsys, "-p", path, "rm", "--restore", job_id(1), status=1
    )


def test_rm_takes_beginnings_and_all_or_none(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is ambiguous" in answer(capsys, "-p", path, "rm", job_id(0), "job", status=1)
    assert "no run with id 'other'" in answer(capsys, "-p", path, "rm", job_id(0), "other", status=1)
    assert len(project_view(path)) == 4
    assert answer(capsys, "-p", path, "rm", "job-000003", "job-000003") == f"deleted {job_id(3)}\n"


def test_clean_shows_first(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = path.read_bytes()
    out = answer(capsys, "-p", path, "clean", "--keep", 1, "--dry-run")
    assert out.endswith(f"{path}: 3 runs would be deleted, 297.3 KiB before compression\n")
    assert [line.split()[0] for line in out.splitlines() if line.startswith("job-")] == [job_id(n) for n in range(3)]
    document = json.loads(answer(capsys, "-p", path, "clean", "--larger-than", "100KiB", "--dry-run", "--json"))
    assert document == {"jobs": [job_id(2)], "beneath": 0, "nbytes": document["nbytes"], "deleted": False}
    assert document["nbytes"] > 300_000
    assert path.read_bytes() == before


def test_clean(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = answer(capsys, "-p", path, "clean", "--larger-than", "100KiB", "--keep-tagged", "--outcome", "ok", "--yes")
    lines = out.splitlines()
    assert lines[-2] == f"{path}: 1 run deleted, 294.4 KiB before compression"
    assert lines[-1].startswith("'aerchive compact' gives back about 29")
    assert lines[-1].endswith(" KiB; until then 'aerchive rm --restore JOB' brings a run back")
    assert set(project_view(path)) == {job_id(0), job_id(1), job_id(3)}
    assert answer(capsys, "-p", path, "clean", "--larger-than", "100KiB", "--yes") == f"{path}: nothing to delete\n"
    document = json.loads(answer(capsys, "-p", path, "clean", "--older-than", "0min", "--yes", "--json"))
    assert document["deleted"] is True
    assert project_view(path) == {}


def test_clean_deletes_nothing_if_nobody_can_be_asked(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = answer(capsys, "-p", path, "clean", "--keep", "1", status=2)
    assert said == "aerchive: nothing was deleted: there is nobody to ask; add --yes, or look first with --dry-run\n"
    assert "say which runs go" in answer(capsys, "-p", path, "clean", "--yes", status=2)
    assert "'soon' is not a time" in answer(capsys, "-p", path, "clean", "--older-than", "soon", "--yes", status=2)
    assert project_view(path) == model_of(draft_of(n, extra_bytes=300_000 if n == 2 else 0) for n in range(4))


@pytest.mark.parametrize(("typed", "left"), [("YES", 1), ("", 4)])
def test_clean_asks_on_a_terminal(typed: str, left: int, path: Path) -> None:
    master, slave = pty.openpty()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    command = [sys.executable, "-W", "error", "-m", "aerchive", "-p", path, "clean", "--keep", "1"]
    try:
        os.write(master, f"{typed}\n".encode())
        done = subprocess.run(
            command, stdin=slave, capture_output=True, text=True, env=environment, timeout=60, check=False
        )
    finally:
        os.close(master)
        os.close(slave)

    assert f"Delete 3 runs from {path}? [y/N] " in done.stderr
    assert job_id(0) in done.stderr
    assert len(project_view(path)) == left
    assert done.returncode == (0 if left == 1 else 2)
    if left == 1:
        assert done.stdout.startswith("deleted 3 runs; 'aerchive compact' gives back about ")
    else:
        assert done.stderr.endswith("nothing was deleted\n")


def test_what_is_kept_while_somebody_thinks_stays(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def think(report: CleanReport, _project: Project) -> None:
        assert len(report.runs) == 4
        project_at(path)[job_id(1)].add_tags("paper")
        project_at(path).delete_job(job_id(3))
        project_at(path).archive(draft_of(9))  # was not shown

    monkeypatch.setattr(clean_command, "_ask", think)
    document = json.loads(answer(capsys, "-p", path, "clean", "--larger-than", "0", "--keep-tagged", "--json"))

    assert document["jobs"] == [job_id(0), job_id(2)]
    assert set(project_view(path)) == {job_id(1), job_id(9)}


def test_recover_removes_what_a_compaction_left(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = path.with_name(".project.h5.compact-1-0123abcd")
    left.write_bytes(b"half")
    answer(capsys, "recover", path)
    assert not left.exists()
