"""Files beside a project that others have put there: none of them becomes a run, and reading changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest

import aerchive
from aerchive.cli import main
from aerchive.errors import AerchiveError
from aerchive.settings import default_project
from aerchive.storage.spools import records
from tests import processes
from tests.drafts import draft_of, job_id, model_of, project_at
from tests.holding import held
from tests.spool_files import DeadFile, leave
from tests.users import ANN, EVE, LAB, as_user, only_root, shared_folder
from tests.views import project_view


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "project.h5"
    path.parent.mkdir()
    project_at(path).archive(draft_of(0))
    return path


@pytest.fixture
def common() -> Iterator[Path]:
    with shared_folder() as folder:
        yield folder / "project.h5"


def in_child(action: Callable[[], object], uid: int = -1) -> None:
    as_user(os.geteuid() if uid < 0 else uid, lambda: (action(), None)[1])


def planted(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None] = lambda _head, _tree: None) -> Path:
    """A spool file of a dead process beside a project, with run 1; a function may change its head and its tree."""
    other = path.with_name("other.h5")

    def keep() -> None:
        project = project_at(other)
        project.archive(draft_of(9))
        project.archive(draft_of(1), "exit")

    in_child(keep)
    (spool,) = other.parent.glob(".other.h5.waiting-*")
    uuid = project_at(path).file.peek_uuid()
    dead = DeadFile(path, "f" * 8)
    with spool.open("rb") as file:
        for record in records.scan(file.fileno(), records.HEADER_BYTES, spool.stat().st_size):
            assert isinstance(record, records.Record)
            document = records.read_document(file.fileno(), record, "")
            data = records.read_data(file.fileno(), record, "")
            if record.kind == records.RUN:
                tree = json.loads(data[: document["tree"]])
                document["project"] = uuid
                change(document, tree)
                text = json.dumps(tree).encode()
                data, document["tree"] = text + data[document["tree"] :], len(text)
            assert dead.append(record.kind, document, data) == record.offset
    for left in other.parent.glob("*other.h5*"):
        left.unlink()
    return dead.path


def test_a_run_of_a_dead_process_is_taken(path: Path) -> None:
    spool = planted(path)
    assert job_id(1) in project_at(path)
    project_at(path).archive(draft_of(2))
    assert project_view(path) == model_of(draft_of(n) for n in range(3))
    assert not spool.exists()


# -- what a run may say


def _rename(part: str, old: str, new: str) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def change(_head: dict[str, Any], tree: dict[str, Any]) -> None:
        tree[part][new] = tree[part].pop(old)

    return change


def _set(*keys: str, to: object) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def change(_head: dict[str, Any], tree: dict[str, Any]) -> None:
        for key in keys[:-1]:
            tree = tree[key]
        tree[keys[-1]] = to

    return change


EMPTY: dict[str, object] = {"attributes": {}, "datasets": {}, "groups": {}, "objects": {}, "links": {}}
CHANGES: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
    "a dataset in another run": _rename("datasets", "counts", "/runs/2026-11-22/other/planted"),
    "a dataset above": _rename("datasets", "counts", "../planted"),
    "a dataset without a name": _rename("datasets", "counts", ""),
    "a dataset with a very long name": _rename("datasets", "counts", "x" * 256),
    "a dataset whose name moves the cursor": _rename("datasets", "counts", "x\x1b[2J"),
    "a group at the root": _set("groups", "/rooted", to=EMPTY),
    "a group that no run has": _set("groups", "rooted", to=EMPTY),
    "a group in a document": _set("groups", "config", "groups", to={"x": EMPTY}),
    "a link that no run has": _rename("objects", "circuits", "others"),
    "an object of no kind": _set("objects", "circuits", to=["objects/../runs/x/aa/" + "a" * 40, 512]),
    "an object of an unknown kind": _set("objects", "circuits", to=["objects/runs/aa/" + "a" * 40, 512]),
    "an attribute that is a list": _set("attributes", "x", to=[1]),
    "an attribute that is a path": _set("attributes", "a/b", to=1),
    "very many attributes": _set("attributes", to={str(number): 1 for number in range(2000)}),
    "a huge array": _set("datasets", "counts", "shape", to=[2**40]),
    "a negative array": _set("datasets", "counts", "shape", to=[-1]),
    "an array of huge elements": _set("datasets", "counts", "dtype", to="|V99999999"),
    "an array of objects": _set("datasets", "counts", "dtype", to="|O"),
    "values behind the record": _set("datasets", "counts", "at", to=10**6),
    "other parts": _set("more", to={}),
    "a link to a dataset": _set("links", to={"again": "counts"}),
    "a plot that is a document": _set("groups", "view", to={**EMPTY, "datasets": {"x": {"attributes": {}}}}),
    "a plot of another run": _set("groups", "view", to={**EMPTY, "groups": {"x": {**EMPTY, "links": {"a": "b"}}}}),
    "a plot with a group": _set("groups", "view", to={**EMPTY, "groups": {"x": {**EMPTY, "groups": {"a": EMPTY}}}}),
    "a tree that is a list": _set("groups", to=[]),
    "another job": _set("attributes", "job_id", to="other"),
    "another run": _set("groups", "seal", "attributes", "run_uuid", to="other"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_run_that_aerchive_could_not_have_written_stays_where_it_is(what: str, path: Path) -> None:
    spool = planted(path, CHANGES[what])
    content = spool.read_bytes()
    project_at(path).archive(draft_of(2))
    assert project_view(path) == model_of(draft_of(n) for n in (0, 2))
    with h5py.File(path) as file:
        assert set(file) == {"README", "catalogue", "catalogue.changes", "format", "objects", "runs"}
        assert set(file["objects"]) == {"circuits", "provenance"}
        assert {len(run) for run in file["runs/2026-11-22"].values()} == {8}
    (problem,) = project_at(path).verify().problems
    assert str(spool) in problem
    assert spool.read_bytes() == content


HEADS: dict[str, tuple[str, object]] = {
    "another project": ("project", "00000000-0000-4000-8000-000000000000"),
    "no id of a project": ("project", "x"),
    "no id of a run": ("run_uuid", "../x"),
    "no time": ("created", "../../x"),
    "no size": ("nbytes", -1),
}


@pytest.mark.parametrize("what", HEADS)
def test_the_head_of_a_run_is_checked(what: str, path: Path) -> None:
    name, value = HEADS[what]
    spool = planted(path, lambda head, _: head.update({name: value}))
    assert job_id(1) not in project_at(path)
    project_at(path).archive(draft_of(2))
    assert project_view(path) == model_of(draft_of(n) for n in (0, 2))
    (problem,) = project_at(path).verify().problems
    assert str(spool) in problem


def test_a_run_of_this_user_may_name_no_project(path: Path) -> None:
    """It was saved while the project did not exist, or could not be read."""
    planted(path, lambda head, _: head.update({"project": ""}))
    assert job_id(1) in project_at(path)


def test_a_chunk_must_lie_in_the_file(path: Path) -> None:
    def change(_head: dict[str, Any], tree: dict[str, Any]) -> None:
        part = {"chunk": [1], "codec": 1, "chunks": [[10**9, 10, 0, 0, ""]], "shape": [1]}
        tree["datasets"]["noise"] = {"attributes": {}, "dtype": "|u1"} | part

    planted(path, change)
    (problem,) = project_at(path).verify().problems
    assert "noise: a chunk does not lie in the file" in problem


def test_the_number_of_chunks_must_fit_the_shape(path: Path) -> None:
    def change(_head: dict[str, Any], tree: dict[str, Any]) -> None:
        part = {"chunk": [1], "codec": 1, "chunks": [], "shape": [2**47]}
        tree["datasets"]["noise"] = {"attributes": {}, "dtype": "|u1"} | part

    planted(path, change)
    (problem,) = project_at(path).verify().problems
    assert f"noise: does not have {2**47} chunks" in problem


def test_many_damaged_marks_take_no_time(path: Path) -> None:
    DeadFile(path).raw(records._MARK * 500_000)
    signal.alarm(20)
    try:
        (problem,) = project_at(path).verify().problems
    finally:
        signal.alarm(0)
    assert "are damaged" in problem


def test_much_damage_is_not_reported_piece_by_piece(path: Path) -> None:
    spool = DeadFile(path)
    for number in range(200):
        spool.raw(b"damage").submitted(str(number))
    problems = project_at(path).verify().problems
    assert len(problems) == 101
    assert "has more damage" in problems[-1]


def test_a_long_document_is_not_read(path: Path) -> None:
    DeadFile(path).submitted("x" * records.MAX_DOCUMENT_BYTES)
    (problem,) = project_at(path).verify().problems
    assert "has a document of" in problem


# -- other users


@only_root
def test_files_of_other_users_are_named_and_left_alone(common: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Eve may make files in the folder, and may not write the project."""
    in_child(lambda: project_at(common).archive(draft_of(0)), ANN)
    spool = planted(common)
    visible = common.with_name(f"{common.name}.pending-7-{'e' * 8}")
    visible.write_bytes(spool.read_bytes())
    temporary = common.with_name(f".{common.name}.compact-7-{'e' * 8}")
    temporary.write_bytes(b"")
    strange = [spool, visible, temporary]
    for one in strange:
        os.chown(one, EVE, EVE)
        one.chmod(0o644)
    before = [(one.read_bytes(), one.stat().st_mtime_ns) for one in strange]

    def use() -> tuple[list[str], list[str], int]:
        project = project_at(common)
        ids = sorted(run.job_id for run in project)
        project.archive(draft_of(2))
        project.compact()
        return ids, project.verify().problems, len(project)

    ids, problems, number = as_user(ANN, use)
    assert (ids, number) == ([job_id(0)], 2)
    assert sorted(problem.split(": ")[0] for problem in problems) == sorted(map(str, strange))
    assert all(f"is left alone: it belongs to user {EVE}" in problem for problem in problems)
    assert [(one.read_bytes(), one.stat().st_mtime_ns) for one in strange] == before


@only_root
def test_runs_of_colleagues_are_taken(common: Path) -> None:
    in_child(lambda: project_at(common).archive(draft_of(0)), ANN)
    os.chown(common, ANN, LAB)
    common.chmod(0o660)

    def hold() -> None:
        with held(common):
            project_at(common, lock_timeout_s=0.01).archive(draft_of(1))

    as_user(EVE, lambda: (hold(), None)[1], [LAB])
    (pending,) = common.parent.glob("*.pending-*")
    status = pending.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o660, EVE, LAB)
    as_user(ANN, lambda: (project_at(common).archive(draft_of(2)), None)[1], [LAB])
    assert len(project_at(common)) == 3


# -- modes


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o640])
def test_all_that_is_made_has_the_permissions_of_the_project(mode: int, path: Path) -> None:
    path.chmod(mode)
    seen = set[int]()
    real = os.rename

    def look(source: os.PathLike[str] | str, target: os.PathLike[str] | str) -> None:
        seen.add(stat.S_IMODE(os.stat(source).st_mode))
        real(source, target)

    project = project_at(path, lock_timeout_s=0.01)
    with held(path):
        project.archive(draft_of(1))
    project.archive(draft_of(2), "exit")
    for one in path.parent.iterdir():
        assert stat.S_IMODE(one.stat().st_mode) == mode, one
    project.flush()
    project.delete_job(job_id(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rename", look)
        project.compact()
    assert seen == {mode}
    assert stat.S_IMODE(project.copy(path.with_name("copy.h5")).path.stat().st_mode) == mode
    leave()


def test_a_spool_gets_the_permissions_that_the_project_has_now(path: Path) -> None:
    project = project_at(path, lock_timeout_s=0.01)
    project.archive(draft_of(2), "exit")
    path.chmod(0o600)
    with held(path):
        project.archive(draft_of(1))
    (pending,) = path.parent.glob("*.pending-*")
    assert stat.S_IMODE(pending.stat().st_mode) == 0o600
    leave()


def test_the_default_project_and_its_folder_are_private() -> None:
    script = """
        import os, stat, aerchive
        from qiskit import QuantumCircuit
        from aerchive.aer import AerSimulator
        os.umask(0o002)
        circuit = QuantumCircuit(1)
        circuit.measure_all()
        simulator = AerSimulator()
        seen = set()
        job = simulator.run(circuit)
        folder = aerchive.open().path.parent
        seen |= {(one.name.split("-")[0], oct(one.stat().st_mode)) for one in folder.iterdir()}
        job.result()
        seen |= {(one.name.split("-")[0], oct(one.stat().st_mode)) for one in (folder, *folder.iterdir())}
        print(sorted(seen))
    """
    found = processes.run(script, environment={"AERCHIVE_PROJECT": str(default_project())})
    assert "('default.h5', '0o100600')" in found
    assert "('aerchive', '0o40700')" in found
    assert "6" not in found.replace("0o100600", "")


# -- reading


def state_of(folder: Path) -> dict[str, tuple[str, int, int, int]]:
    return {
        one.name: (hashlib.sha256(one.read_bytes()).hexdigest(), status.st_mtime_ns, status.st_ino, status.st_mode)
        for one in folder.iterdir()
        for status in [one.stat()]
    }


@pytest.mark.parametrize("is_interrupted", [False, True])
def test_reading_changes_nothing(is_interrupted: bool, path: Path, interrupted: Path) -> None:
    """A spool of a dead process, a lost job, and the journal of an interrupted commit stay as they are."""
    if is_interrupted:
        path.write_bytes(interrupted.read_bytes())
    planted(path)
    DeadFile(path, "a" * 8).submitted("lost", record={"created": "2026-11-22T21:30:45.000000Z"})
    path.with_name(f".{path.name}.compact-7-{'e' * 8}").write_bytes(b"left by a dead process")
    before = state_of(path.parent)

    for mode in ("r", "r+", "a"):
        project = aerchive.open(path, mode)
        assert {run.job_id for run in project} >= {job_id(0), job_id(1)}
        assert (job_id(5) in project) == is_interrupted
        for number in (0, 1):
            run = project[job_id(number)]
            with run.place.open() as (_, group):
                assert len(group.read("statevector", run.record.run_uuid)) == 90
        assert project.verify().ok
        assert len(project.find(outcome="ok")) == 2 + is_interrupted
        project.close()
        assert state_of(path.parent) == before
    for command in (
        ["ls"],
        ["show", job_id(0)],
        ["verify"],
        ["find"],
        ["du"],
        ["export", "-o", str(path.parent.parent / "exported.csv")],
    ):
        assert main(["-p", str(path), *command]) == (command[0] == "show")  # the runs have no whole result
        assert state_of(path.parent) == before, command

    project_at(path).recover()
    assert state_of(path.parent) != before
    assert sorted(run.job_id for run in project_at(path) if run.outcome == "ok") == [
        job_id(0),
        job_id(1),
        *([job_id(5)] if is_interrupted else []),
    ]


@pytest.fixture
def interrupted(path: Path) -> Path:
    """A copy of the project, with a commit of run 5 of which only the journal is complete."""
    from aerchive.storage.commits import overlay

    copy = path.parent.parent / "interrupted.h5"
    copy.write_bytes(path.read_bytes())

    class Stop(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlay, "apply_journal", stop)
        with pytest.raises(AerchiveError):
            project_at(copy).archive(draft_of(5))
    return copy
