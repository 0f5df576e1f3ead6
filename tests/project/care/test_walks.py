"""Walks through hostile files take no longer than through honest ones, and Ctrl-C ends them."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import aerchive
from aerchive.errors import AerchiveError, FormatError, UnsafeContentError
from aerchive.limits import Limits, limits, use_limits
from aerchive.storage.chunks.drafts import DatasetDraft, ObjectDraft
from aerchive.storage.hdf5 import nodes
from aerchive.testing.disks import UnsyncedDisk, using
from tests import processes
from tests.drafts import draft_of, edit, job_id, project_at, project_of, run_groups

RUNS = 60
MANY = 6000
LIMITS = {"members": 20_000, "run_nodes": 2000, "foreign_nodes": 2000}
MORE_STEPS = 60_000
"""Number of nodes and links that a walk may look at in a hostile file beyond those of the honest one. Most walks come
by twice, and links must be listed before they can be refused."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project_of(tmp_path_factory.mktemp("made") / "project.h5", map(draft_of, range(RUNS)))


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made, tmp_path))


def fill(group: h5py.Group, number: int) -> h5py.Group:
    for one in range(number):
        h5py.h5g.create(group.id, b"x%06d" % one)
    return group


def attributes(file: h5py.File) -> None:
    kind, space = h5py.h5t.STD_I8LE, h5py.h5s.create(h5py.h5s.SCALAR)
    run = run_groups(file)[0]
    for one in range(MANY):
        h5py.h5a.create(run.id, b"x%06d" % one, kind, space)


def linked_often(file: h5py.File) -> None:
    run = run_groups(file)[0]
    for one in range(5000):
        run.parent[f"x{one:06}"] = run


def big_object(file: h5py.File) -> None:
    """An object with thousands of links and nodes, to which all runs link, and which links to itself and the root."""
    shared = run_groups(file)[0]["circuits"]
    fill(shared.create_group("inner"), MANY)
    for one in range(5000):
        shared[f"x{one:06}"] = shared
    shared["root"] = file["/"]
    for run in run_groups(file):
        if "linked" not in run:
            run["linked"] = shared


def linked_to_each_other(file: h5py.File) -> None:
    fill(run_groups(file)[0].create_group("inner"), MANY)
    for run in run_groups(file):
        run["other"], run["root"] = run_groups(file)[0], file["/"]


def folders_in_folders(file: h5py.File) -> None:
    for one in range(300):
        for name in ("runs", "objects"):
            file[name][f"x{one:06}"] = file[name]


def dataset_linked_often(file: h5py.File) -> None:
    run = run_groups(file)[0]
    run["noise"] = np.zeros(100_000)
    for one in range(5000):
        run[f"x{one:06}"] = run["noise"]


def shared_by_others(file: h5py.File) -> None:
    big = fill(file.create_group("mine"), MANY)
    for one in range(300):
        file[f"other{one}/mine"] = big


HOSTILE: list[Callable[[h5py.File], object]] = [
    lambda file: fill(run_groups(file)[0], MANY),
    lambda file: fill(file["/"], MANY),
    attributes,
    linked_often,
    big_object,
    linked_to_each_other,
    folders_in_folders,
    dataset_linked_often,
    shared_by_others,
]


class Steps:
    """Counts the nodes that are opened, and the links and facts of nodes that HDF5 tells."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.number = 0
        opens, link_of, facts_of = nodes.h5o.open, nodes.Member.of, nodes.NodeInfo.of
        monkeypatch.setattr(nodes.h5o, "open", lambda *given, **named: self._counted(opens, *given, **named))
        monkeypatch.setattr(nodes.Member, "of", lambda info: self._counted(link_of, info))
        monkeypatch.setattr(nodes.NodeInfo, "of", lambda info: self._counted(facts_of, info))

    def _counted(self, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        self.number += 1
        return function(*given, **named)


def walks(path: Path, steps: Steps) -> dict[str, int]:
    """The number of steps of each walk; an error of aerchive may end it."""
    found = {}
    for name in ("verify", "space", "runs", "find", "rebuild_catalogue", "compact"):
        project = project_at(path)
        begun = steps.number
        with contextlib.suppress(AerchiveError):
            if name == "find":
                project.find("shots > 5")
            elif name == "compact":
                project.compact(force=True)
            else:
                getattr(project, name)()
        found[name] = steps.number - begun
    return found


@pytest.fixture(scope="module")
def honest(made: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The number of steps of each walk through the honest file."""
    path = Path(shutil.copy(made, tmp_path_factory.mktemp("honest") / "project.h5"))
    with pytest.MonkeyPatch.context() as patch, using(UnsyncedDisk()), limited(**LIMITS):
        return walks(path, Steps(patch))


@pytest.mark.parametrize("change", HOSTILE, ids=lambda change: getattr(change, "__name__", ""))
def test_no_file_makes_a_walk_long(
    path: Path, honest: dict[str, int], monkeypatch: pytest.MonkeyPatch, change: Callable[[h5py.File], object]
) -> None:
    """Counted in steps, because times differ from machine to machine."""
    steps = Steps(monkeypatch)
    with using(UnsyncedDisk()), limited(**LIMITS):
        with edit(path) as file:
            change(file)
        taken = walks(path, steps)
    assert honest["verify"] > RUNS * 10
    assert {name: more for name, one in taken.items() if (more := one - honest[name]) > MORE_STEPS} == {}


def test_rebuilding_keeps_the_rows_of_a_folder_that_cannot_be_listed(path: Path) -> None:
    rows = [run.job_id for run in project_at(path).runs()]
    with limited(members=RUNS - 1):
        report = project_at(path).rebuild_catalogue()
    assert (report.runs, report.changed) == (RUNS, 0)
    assert "AERCHIVE_LIMITS__MEMBERS" in str(report)
    assert [run.job_id for run in project_at(path).runs()] == rows


def test_each_refusal_names_its_limit(path: Path) -> None:
    with edit(path) as file:
        first = run_groups(file)[0]
        name = first.name
        fill(first, 2000)
        fill(file["/"], 2000)
    with limited(run_nodes=1000, foreign_nodes=1000):
        report = project_at(path, "r").verify()
    assert report.runs == RUNS
    assert all(problem.startswith(f"{path}: /") for problem in report.problems)
    assert "AERCHIVE_LIMITS__FOREIGN_NODES" in report.problems[0]
    assert f"{name}: its run has more than 1000 nodes" in report.problems[1]


def test_a_run_that_another_links_to_is_still_verified(path: Path) -> None:
    with edit(path) as file:
        last, *_ = reversed(run_groups(file))
        first = run_groups(file)[0]
        first["other"] = last
        names = first.name, last.name
        last.attrs.modify("created", "no time")
    problems = project_at(path, "r").verify().problems
    assert len(problems) == 2
    assert f"{names[0]}/other: is linked twice" in problems[0]
    assert f"{names[1]}@created" in problems[1]


@pytest.mark.parametrize("command", ["verify", "du", "compact --force", "recover --rebuild-catalogue"])
def test_ctrl_c_ends_a_walk_in_its_middle(path: Path, command: str) -> None:
    with edit(path) as file:
        fill(run_groups(file)[0], 10_000)
        fill(file["/"], 10_000)
    script = """
        import sys
        from aerchive.cli import main
        from aerchive.storage.hdf5 import nodes
        from aerchive.storage.medium import interrupts
        from aerchive.storage.hdf5 import cached_group, node_copying, measuring, verify
        from aerchive.project.care import compact, rebuild, space

        number, check = 0, interrupts.check_interrupt

        def counted():
            global number
            number += 1
            if number == 1000:
                print("walks", flush=True)
                sys.stdin.readline()  # until the signal was sent
            check()

        for module in (nodes, cached_group, node_copying, measuring, verify, compact, rebuild, space):
            module.check_interrupt = counted
        status = main(["-p", sys.argv[1], *sys.argv[2].split()])
        print("ended" if status == 130 else "done", flush=True)
    """
    many = {"AERCHIVE_LIMITS__RUN_NODES": "1000000", "AERCHIVE_LIMITS__FOREIGN_NODES": "1000000"}
    with processes.start(script, path, command, environment=many, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            assert process.stdout.readline() == "walks\n"
            process.send_signal(signal.SIGINT)
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ended\n"
        finally:
            process.kill()
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@contextlib.contextmanager
def limited(**changed: int) -> Iterator[None]:
    before: Limits = limits()
    use_limits(before.model_copy(update=changed))
    try:
        yield
    finally:
        use_limits(before)


def test_a_large_shared_object_is_read_chunk_by_chunk(tmp_path: Path) -> None:
    path, size = tmp_path / "project.h5", 2**28
    big = ObjectDraft("circuits", {}, {"qpy": DatasetDraft([np.zeros(size, np.uint8)])})
    made = draft_of(0)
    project_at(path).archive(type(made)(**{**vars(made), "objects": {"circuits": big}}))
    script = """
        import resource, sys
        import aerchive
        project = aerchive.open(sys.argv[1], "r")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert project.verify().ok
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    assert int(processes.run(script, path)) * 1024 < size // 2


def test_arrays_are_read_whole_up_to_a_limit(path: Path) -> None:
    project_at(path).archive(draft_of(RUNS, extra_bytes=3_000_000))
    project = project_at(path, "r")
    with project.file.read() as session, limited(read_bytes=2_000_000):
        group = session.root.group(project[job_id(RUNS)].path)
        owner = str(group.run_uuid())
        plan = group.plan("noise", owner)
        with pytest.raises(UnsafeContentError, match=r"noise: 3000000 bytes would be read at once .*'read_bytes'"):
            plan.read(session.fd)
        assert group.read("noise", owner, slice(0, 8)).shape == (8,)
        parts = list(plan.parts(session.fd))
    assert len(parts) > 1
    assert np.array_equal(np.concatenate(parts), draft_of(RUNS, extra_bytes=3_000_000).datasets["noise"].parts[0])


def test_a_table_of_checksums_must_be_stored(path: Path) -> None:
    project_at(path).archive(draft_of(RUNS, extra_bytes=3_000_000))
    with edit(path) as file:
        run = run_groups(file)[-1]
        kind, shape = run["noise.checksums"].dtype, run["noise.checksums"].shape
        del run["noise.checksums"]
        run.create_dataset("noise.checksums", shape, kind, chunks=shape)
    project = project_at(path, "r")
    with project.file.read() as session:
        group = session.root.group(project[job_id(RUNS)].path)
        owner = str(group.run_uuid())
        with pytest.raises(FormatError, match="not stored, or only in part"):
            group.plan("noise", owner)


@pytest.mark.parametrize("untrusted", [False, True])
def test_a_limit_holds_in_the_child_too(path: Path, untrusted: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AERCHIVE_LIMITS__MEMBERS", str(RUNS - 1))
        report = aerchive.open(path).verify(untrusted=untrusted)
    use_limits(Limits())
    assert any("the limit 'members' is 59" in problem for problem in report.problems)
