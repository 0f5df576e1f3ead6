"""Copies of a project: one state of it, whoever writes meanwhile."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import aerchive
from aerchive.cli import main
from aerchive.errors import AlreadyExistsError, NotFoundError, WriteError
from aerchive.storage.commits import copying
from aerchive.testing.disks import FailingDisk, RecordingDisk, crash_states, fault, using
from tests.drafts import Model, draft_of, model_of, project_at
from tests.holding import held
from tests.views import project_view, stock_view


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "project.h5"
    for number in range(3):
        project_at(path).archive(draft_of(number, extra_bytes=100_000))
    return path


MODEL: Model = model_of(draft_of(number, extra_bytes=100_000) for number in range(3))


def no_range(*_: object) -> int:
    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


WAYS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "as it comes": lambda monkeypatch: None,
    "in the kernel": lambda monkeypatch: monkeypatch.setattr(copying, "_clone", lambda *_: False),
    "piece by piece": lambda monkeypatch: monkeypatch.setattr(os, "copy_file_range", no_range),
    "small pieces": lambda monkeypatch: monkeypatch.setattr(copying, "_PIECE_BYTES", 4099),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_is_the_project(way: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    WAYS[way](monkeypatch)
    seen: list[tuple[int, int]] = []
    copied = project_at(path).copy(path.with_name("copy.h5"), lambda done, total: seen.append((done, total)))

    assert copied.path.read_bytes() == path.read_bytes()
    assert project_view(copied.path) == MODEL
    assert seen[-1] == (path.stat().st_size,) * 2
    copied.archive(draft_of(9))
    assert project_view(path) == MODEL
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["copy.h5", "project.h5"]


def test_what_lies_behind_the_end_is_not_copied(path: Path) -> None:
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"left by a commit that was stopped")

    assert project_at(path).copy(path.with_name("copy.h5")).path.stat().st_size == size


def test_a_copy_of_an_interrupted_commit_is_complete(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for somebody who may not complete it in the original."""
    before = path.read_bytes()
    with using(RecordingDisk()) as disk:
        project_at(path).archive(draft_of(7))
    log = disk.of(path)
    flag = next(n for n, operation in enumerate(log, 1) if operation.kind == "write" and operation.offset == 0)
    states = [s.content for s in crash_states(before, log, torn=0, power=0) if s.done in (flag, flag + 3)]
    monkeypatch.setattr(os, "access", lambda *_: False)

    for number, content in enumerate(states):
        path.write_bytes(content)
        copied = project_at(path, "r").copy(path.with_name(f"copy-{number}.h5"))
        assert path.read_bytes() == content
        assert project_view(copied.path) == MODEL | model_of([draft_of(7)])
        stock_view(copied.path)


def test_pending_runs_go_with_the_copy(path: Path) -> None:
    with held(path, fcntl.LOCK_EX):
        project = project_at(path, lock_timeout_s=0.05)
        project.archive(draft_of(7))
    pending = list(path.parent.glob("*.pending-*"))
    assert pending

    copied = project.copy(path.with_name("copy.h5"))

    assert project_view(copied.path) == MODEL | model_of([draft_of(7)])
    assert list(path.parent.glob("*.pending-*")) == pending


def test_an_existing_file_is_not_touched(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"mine")
    with pytest.raises(AlreadyExistsError) as caught:
        project_at(path).copy(other)
    assert str(caught.value) == f"{other}: exists; choose another name"
    assert other.read_bytes() == b"mine"
    with pytest.raises(AlreadyExistsError):
        project_at(path).copy(path.parent)  # the folder it is in


def test_a_full_disk_leaves_nothing(path: Path) -> None:
    target = path.with_name("copy.h5")
    with (
        using(FailingDisk(0, fault(errno.ENOSPC), only=frozenset({"sync"}))),
        pytest.raises(WriteError, match="No space left on device; nothing was saved"),
    ):
        project_at(path).copy(target)
    assert [entry.name for entry in path.parent.iterdir()] == ["project.h5"]
    with pytest.raises(NotFoundError, match="there is no folder"):
        project_at(path).copy(path.with_name("nowhere") / "copy.h5")


def test_copies_made_while_others_write_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "busy.h5"
    project_at(path).archive(draft_of(0))
    sizes: set[int] = set()

    def save() -> None:
        for number in range(1, 3000):
            if len(sizes) > 2:
                return
            project_at(path, lock_timeout_s=60).archive(draft_of(number))

    writer = threading.Thread(target=save)
    writer.start()
    number = 0
    while writer.is_alive():
        copied = project_at(path, "r", lock_timeout_s=60).copy(tmp_path / f"copy-{number}.h5")
        found = project_view(copied.path)
        assert found == model_of(draft_of(n) for n in range(len(found)))
        stock_view(copied.path)
        sizes.add(len(found))
        number += 1
    writer.join()
    assert len(sizes) > 2


def test_on_the_command_line(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = path.with_name("copy.h5")
    assert main(["copy", str(path), str(target)]) == 0
    assert capsys.readouterr().out == f"{target}: 3 runs, {path.stat().st_size:,} bytes\n"
    assert main(["copy", str(path), str(target)]) == 1
    assert capsys.readouterr().err == f"aerchive: {target}: exists; choose another name\n"
    folder = path.with_name("folder")
    folder.mkdir()
    assert main(["copy", str(path), str(folder), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {
        "path": str(folder / "project.h5"),
        "runs": 3,
        "deleted_runs": 0,
        "relabelled_runs": 0,
        "bytes": path.stat().st_size,
        "anonymous": False,
    }
    assert aerchive.open(folder / "project.h5").verify().ok


def test_the_command_says_what_was_deleted_and_is_in_the_copy(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = project_at(path)
    first, second, third = [run.job_id for run in project.find()]
    target = path.with_name("two words.h5")

    def told() -> list[str]:
        target.unlink(missing_ok=True)
        assert main(["copy", str(path), str(target)]) == 0
        return capsys.readouterr().out.splitlines()

    compact, anonymous = f"aerchive compact '{target}' removes the deleted runs; ", "aerchive copy --anonymous leaves"
    project.delete_job(first)
    head, said = told()
    assert head.startswith(f"{target}: 2 runs, ")
    assert said == f"1 deleted run is still in this copy: {compact}{anonymous} out all of this"
    project[third].add_tags("x")
    assert told()[1].startswith(f"1 deleted run and the labels that 1 run had before are still in this copy: {compact}")
    project.delete_job(second)
    head, said = told()
    assert head.startswith(f"{target}: 1 run, ")
    assert said.startswith("2 deleted runs and the labels that 1 run had before are still in this copy: ")
    assert project_at(target).space().deleted_runs == 2
    project_at(target).restore(first)

    assert main(["compact", str(target)]) == 0
    capsys.readouterr()
    clean = target.with_name("clean.h5")
    assert main(["copy", str(target), str(clean)]) == 0
    assert capsys.readouterr().out.splitlines()[1] == (
        f"the labels that 1 run had before are still in this copy: {anonymous} out all of this"
    )
    clean.unlink()
    assert main(["copy", str(target), str(clean), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["deleted_runs"], answer["relabelled_runs"]) == (0, 1)
