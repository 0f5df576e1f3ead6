from __future__ import annotations

import contextlib
import copy
import datetime
import os
import pickle
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.result import marginal_counts

import aerchive
from aerchive import layout
from aerchive.errors import (
    AerchiveError,
    AlreadyExistsError,
    ArchiveWarning,
    FormatError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    ProjectLockedError,
    ReadOnlyError,
    TransactionError,
    UnsupportedTypeError,
)
from tests import processes
from tests.jobs import bell, make_result, run_stock
from tests.strict import differences

Reopen = Callable[[], aerchive.Project]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# saving


def test_save_a_stock_job(project: aerchive.Project, reopen: Reopen) -> None:
    job = run_stock()

    run = project.save(job, name="bell", tags="one", notes="note ψ", params={"distance": 0.7})

    assert run.job_id == job.job_id()
    assert run.durable
    read = reopen()[job.job_id()]
    assert (read.name, read.tags, read.notes, read.params) == ("bell", ("one",), "note ψ", {"distance": 0.7})
    assert read.outcome == "ok"
    assert read.counts() == dict(job.result().get_counts())
    assert differences(job.result().get_statevector(), read.value("statevector")) == []
    config = read.record.config
    assert config.options == {"shots": 20, "seed_simulator": 3}
    assert config.used["method"] == "statevector"
    assert (config.num_circuits, config.num_qubits, config.num_clbits) == (1, 2, 2)
    assert config.circuit_names == ["bell"]
    assert config.backend_name == job.backend().name
    (circuit,) = read.circuits()
    assert circuit == job.circuits()[0]


def test_parameters_in_any_order_are_no_problem(project: aerchive.Project) -> None:
    project.save(run_stock(), params={"z": 1, "list": [1, (2,)], "a": 0.5, "long": "x" * 90})

    report = project.verify()

    assert report.ok, str(report)
    assert project.latest(params__z=1).params == {"z": 1, "list": [1, (2,)], "a": 0.5, "long": "x" * 90}


def test_save_waits_for_the_job(project: aerchive.Project) -> None:
    circuit = QuantumCircuit(18)
    circuit.h(range(18))
    for _ in range(10):
        circuit.cx(range(17), range(1, 18))
    circuit.measure_all()

    assert project.save(run_stock(circuit, shots=100)).outcome == "ok"


def test_save_a_bare_result(project: aerchive.Project, reopen: Reopen) -> None:
    job = run_stock(seed_simulator=5)
    result = job.result()

    run = project.save(result, circuits=bell(), options={"seed_simulator": 5, "shots": 20})

    read = reopen().latest()
    assert read.job_id == run.job_id == result.job_id
    assert read.record.config.options == {"seed_simulator": 5, "shots": 20}
    assert [circuit.name for circuit in read.circuits()] == ["bell"]
    local = datetime.datetime.fromisoformat(result.date).astimezone(datetime.UTC)
    assert datetime.datetime.fromisoformat(read.created) == local


def test_save_a_result_without_circuits(project: aerchive.Project) -> None:
    run = project.save(make_result())

    with pytest.raises(NotFoundError, match="without its circuits"):
        run.circuits()
    assert run.record.config.num_circuits is None


def test_save_a_result_without_an_id(project: aerchive.Project) -> None:
    first, second = project.save(make_result(job_id=None)), project.save(make_result(job_id=None))

    assert first.job_id != second.job_id
    assert len(project) == 2


def changed(job: Any) -> Any:
    """The result of a job, with one amplitude another: of the same job id."""
    result = copy.deepcopy(job.result())
    result.results[0].data.statevector.data[0] += 0.25
    return result


def test_save_another_result_of_a_job(project: aerchive.Project, path: Path) -> None:
    job = run_stock()
    project.save(job)

    with pytest.raises(AlreadyExistsError) as caught:
        project.save(changed(job))

    assert str(caught.value) == (
        f"{path}: another result of job {job.job_id()!r} is archived already, and was not replaced; to keep both, give "
        "this one a job id of its own: result.job_id = ..."
    )
    assert differences(job.result().get_statevector(), project.latest().value("statevector")) == []
    project.save(job.result(), tags="again")
    assert (len(project), project.latest().tags) == (1, ("again",))


def test_save_another_result_of_a_job_in_a_transaction(project: aerchive.Project) -> None:
    job = run_stock()

    with project.transaction():
        project.save(job)
        project.save(job.result())
        with pytest.raises(AlreadyExistsError, match="was not replaced"):
            project.save(changed(job))

    assert differences(job.result().get_statevector(), project.latest().value("statevector")) == []


@pytest.mark.parametrize("durability", ["each", "batch", "exit"])
@pytest.mark.parametrize("in_transaction", [True, False])
def test_what_waits_is_not_changed_with_the_users_array(
    path: Path, durability: Literal["each", "batch", "exit"], in_transaction: bool, reopen: Reopen
) -> None:
    result = copy.deepcopy(run_stock().result())
    mine = result.results[0].data.statevector.data
    expected = mine.copy()
    project = aerchive.open(path, durability=durability)

    with project.transaction() if in_transaction else contextlib.nullcontext():
        project.save(result)
        mine[:] = 0
    project.flush()

    assert np.array_equal(reopen().latest().array("statevector")[...], expected)


def test_save_marginal_counts(project: aerchive.Project) -> None:
    result = marginal_counts(run_stock().result(), [0])

    run = project.save(result)

    assert run.counts() == dict(result.get_counts())


def test_save_a_job_twice(project: aerchive.Project, reopen: Reopen) -> None:
    job = run_stock()
    project.save(job, name="first", tags=["a", "b"], notes="n", params={"x": 1, "y": 2})

    run = project.save(job, name="second", tags=["b", "c"], params={"y": 3})

    assert len(reopen()) == 1
    for read in (run, reopen()[job.job_id()], project.latest()):
        assert (read.name, read.tags, read.notes) == ("second", ("a", "b", "c"), "n")
        assert read.params == {"x": 1, "y": 3}
        assert read.counts() == dict(job.result().get_counts())
    assert [found.job_id for found in reopen().find(tags=["a", "c"], name="second")] == [job.job_id()]


def test_save_twice_without_labels_changes_nothing(project: aerchive.Project, path: Path) -> None:
    job = run_stock()
    project.save(job, tags="a")
    before = path.read_bytes()

    project.save(job)

    assert path.stat().st_size <= len(before) + 1024
    assert project.latest().tags == ("a",)


def test_save_a_job_that_raised(project: aerchive.Project, reopen: Reopen) -> None:
    job = run_stock(shots="many")

    run = project.save(job, tags="bad")

    read = reopen()[run.job_id]
    assert read.outcome == "error"
    assert read.record.status.error_type == f"{type(job._future.exception()).__module__}.TypeError"
    assert read.record.status.message in str(job._future.exception())
    assert "Traceback" in read.record.status.traceback
    assert [circuit.name for circuit in read.circuits()] == ["bell"]


@pytest.mark.parametrize("thing", [None, 5, "text", {}, bell(), [run_stock]], ids=lambda v: type(v).__name__)
def test_save_something_else(project: aerchive.Project, path: Path, thing: Any) -> None:
    with pytest.raises(InvalidInputError, match="give an AerJob, the job of a primitive, the result of either"):
        project.save(thing)

    assert not path.exists()


@pytest.mark.parametrize(
    "labels",
    [
        {"name": 5},
        {"tags": [5]},
        {"tags": [None]},
        {"notes": 5},
        {"params": {5: 1}},
        {"params": {"x": object}},
        {"name": b"x"},
    ],
    ids=repr,
)
def test_wrong_labels_are_refused_before_anything_is_written(
    project: aerchive.Project, path: Path, labels: Any
) -> None:
    with pytest.raises((InvalidInputError, UnsupportedTypeError)):
        project.save(run_stock(), **labels)

    assert not path.exists()


def test_labels_of_every_kind(project: aerchive.Project, reopen: Reopen) -> None:
    params = {
        "float": 0.1,
        "int": -(2**70),
        "bool": True,
        "text": "ψ\0\\",
        "none": None,
        "list": [1, (2, {"a": 1j})],
        "array": np.arange(3),
        "numpy": np.float32(0.1),
        "a/b": 1,
        "ψ": 2,
        "": 3,
        "nan": float("nan"),
        "long": "x" * 100_000,
        **{f"p{number}": number for number in range(40)},
    }

    project.save(run_stock(), name="n\nψ", tags=["", "a,b", "ψ", "x" * 5000], notes="line\n" * 50_000, params=params)

    run = reopen().latest()
    assert (run.name, run.tags, run.notes) == ("n\nψ", ("", "a,b", "ψ", "x" * 5000), "line\n" * 50_000)
    assert run.params.keys() == params.keys()
    for key, value in params.items():
        assert differences(value, run.params[key], key) == []


def test_value_without_a_codec_is_named_and_the_rest_is_kept(project: aerchive.Project) -> None:
    job = run_stock(unknown_option=object())

    with pytest.raises(UnsupportedTypeError, match=f"{job.job_id()}.*unknown_option.*builtins.object"):
        project.save(job)

    assert project[job.job_id()].counts() == dict(job.result().get_counts())


def test_archived_job_in_another_project(project: aerchive.Project, tmp_path: Path) -> None:
    run = project.save(run_stock(), name="bell", tags="a")
    other = aerchive.open(tmp_path / "other.h5")

    copied = other.save(run.job())

    assert copied.job_id == run.job_id
    assert copied.created == run.created
    assert copied.record.config.options == run.record.config.options
    assert differences(run.value("statevector"), copied.value("statevector")) == []
    assert copied.counts() == run.counts()
    assert copied.circuits() == run.circuits()


def test_archived_result_in_another_project(project: aerchive.Project, tmp_path: Path) -> None:
    run = project.save(run_stock())
    other = aerchive.open(tmp_path / "other.h5")

    copied = other.save(run.result())

    assert copied.job_id == run.job_id
    assert copied.counts() == run.counts()


# transactions


class Interrupted(Exception):
    """Raised at the end of a transaction."""


def begin_and_fail(project: aerchive.Project, *steps: Callable[[], Any]) -> None:
    with project.transaction():
        for step in steps:
            step()
        raise Interrupted


def test_transaction_commits_all_at_its_end(project: aerchive.Project, reopen: Reopen, path: Path) -> None:
    jobs = [run_stock() for _ in range(5)]

    with project.transaction():
        runs = [project.save(job, tags=f"t{number}") for number, job in enumerate(jobs)]
        assert not path.exists()
        assert [run.durable for run in runs] == [False] * 5
        assert runs[3].tags == ("t3",)

    assert [run.durable for run in runs] == [True] * 5
    assert {run.job_id for run in reopen()} == {job.job_id() for job in jobs}
    for run, job in zip(runs, jobs, strict=True):
        assert run.counts() == dict(job.result().get_counts())


def test_transaction_that_raises_leaves_the_file_as_it_was(project: aerchive.Project, path: Path) -> None:
    project.save(run_stock(), tags="before")
    before = path.read_bytes()

    with pytest.raises(Interrupted):
        begin_and_fail(
            project,
            lambda: project.save(run_stock()),
            lambda: project.save(project.latest().job(), tags="more"),
        )

    assert path.read_bytes() == before
    assert len(project) == 1
    assert project.latest().tags == ("before",)


def test_transaction_that_raises_makes_no_file(project: aerchive.Project, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        begin_and_fail(project, lambda: project.save(run_stock()))

    assert files(tmp_path) == []
    project.save(run_stock())
    assert len(project) == 1


def test_empty_transaction_makes_no_file(project: aerchive.Project, tmp_path: Path) -> None:
    with project.transaction():
        pass

    assert files(tmp_path) == []


def test_job_saved_twice_in_a_transaction(project: aerchive.Project) -> None:
    job = run_stock()

    with project.transaction():
        first = project.save(job, tags="a", params={"x": 1})
        second = project.save(job, tags="b", name="bell")

    assert len(project) == 1
    for run in (first, second, project.latest()):
        assert (run.name, run.tags, run.params) == ("bell", ("a", "b"), {"x": 1})


def test_transaction_and_a_faster_process(project: aerchive.Project, path: Path) -> None:
    circuit = QuantumCircuit(10)
    circuit.h(range(10))
    circuit.save_statevector()
    job = run_stock(circuit)

    with project.transaction():
        run = project.save(job, tags="slow")
        aerchive.open(path).save(job, tags="fast")

    assert len(project) == 1
    assert set(run.tags) == set(project.latest().tags) == {"slow", "fast"}
    assert differences(job.result().get_statevector(), run.value("statevector")) == []


def test_transaction_in_a_transaction(project: aerchive.Project) -> None:
    with project.transaction():
        with pytest.raises(TransactionError, match="finish it first"), project.transaction():
            pytest.fail("must not be entered")
        project.save(run_stock())

    assert len(project) == 1


def test_another_thread_is_not_in_the_transaction(project: aerchive.Project, reopen: Reopen) -> None:
    seen = []

    def other_thread() -> None:
        project.save(run_stock(), tags="other")
        seen.append([run.tags for run in reopen()])

    def run_it() -> None:
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()

    with pytest.raises(Interrupted):
        begin_and_fail(project, lambda: project.save(run_stock(), tags="mine"), run_it)

    assert seen == [[("other",)]]
    assert [run.tags for run in project] == [("other",)]


def test_threads_save_and_read_at_once(project: aerchive.Project) -> None:
    jobs = [run_stock(seed_simulator=seed) for seed in range(12)]
    failures = []

    def work(part: list[Any]) -> None:
        try:
            for job in part:
                project.save(job)
                assert project[job.job_id()].counts() == dict(job.result().get_counts())
                assert all(run.outcome == "ok" for run in project)
        except BaseException as error:  # noqa: BLE001  (the main thread fails with it)
            failures.append(error)

    threads = [threading.Thread(target=work, args=(jobs[start::3],)) for start in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert {run.job_id for run in project} == {job.job_id() for job in jobs}


# opening


def test_nothing_is_made_before_the_first_commit(tmp_path: Path) -> None:
    path = tmp_path / "project.h5"

    for mode in (None, "a", "x"):
        project = aerchive.open(path, mode)
        assert len(project) == 0
        assert list(project) == []
        assert project.jobs() == []
        assert "abc" not in project
        with pytest.warns(ArchiveWarning, match="no such project yet"):
            assert len(project.catalogue()) == 0
        assert project.find(outcome="ok") == []  # a project warns once
        with pytest.raises(NotFoundError):
            project.job("abc")
        with pytest.raises(NotFoundError):
            project.latest()
        project.close()

    assert files(tmp_path) == []


def test_default_project_is_that_of_the_settings() -> None:
    aerchive.open().save(run_stock())

    assert Path(os.environ["AERCHIVE_PROJECT"]).exists()
    assert aerchive.open().path == Path(os.environ["AERCHIVE_PROJECT"])
    assert len(aerchive.open(None, "r")) == 1


def test_modes(path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such project"):
        aerchive.open(path, "r")
    with pytest.raises(NotFoundError, match="no such project"):
        aerchive.open(path, "r+")
    aerchive.open(path, "x").save(run_stock())
    with pytest.raises(AlreadyExistsError):
        aerchive.open(path, "x")
    aerchive.open(path, "r+").save(run_stock())
    aerchive.open(path, "a").save(run_stock())
    assert len(aerchive.open(path, "r")) == 3


@pytest.mark.parametrize("mode", ["w", "w-", "rw", "", "R", 5])
def test_mode_that_there_is_not(path: Path, mode: Any) -> None:
    with pytest.raises(InvalidInputError, match="'r', 'r\\+', 'a', 'x'"):
        aerchive.open(path, mode)


def test_read_only(project: aerchive.Project, reopen: Reopen, path: Path) -> None:
    job = run_stock()
    project.save(job)
    before = path.read_bytes()
    read = reopen()

    with pytest.raises(ReadOnlyError, match=r"r\+"):
        read.save(job)
    with pytest.raises(ReadOnlyError), read.transaction():
        pytest.fail("must not be entered")
    with pytest.raises(ReadOnlyError):
        read.latest().add_tags("x")
    with pytest.raises(ReadOnlyError):
        read.latest().annotate(notes="x")

    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", ["r", "r+", "a", None])
@pytest.mark.parametrize(
    "content",
    [b"", b"hello" * 100, b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(500), b"PK\x03\x04" + bytes(100)],
    ids=lambda c: repr(c[:9]),
)
def test_file_that_is_no_project(path: Path, content: bytes, mode: Any) -> None:
    path.write_bytes(content)

    with pytest.raises(FormatError, match=r"project\.h5"):
        aerchive.open(path, mode)
    assert path.read_bytes() == content


def test_hdf5_file_that_is_no_project(path: Path) -> None:
    for libver in (("earliest", "v108"), ("v110", "v110")):
        with h5py.File(path, "w", libver=libver) as file:
            file["x"] = 5
        before = path.read_bytes()
        with pytest.raises(FormatError, match="not an aerchive project"):
            aerchive.open(path)
        assert path.read_bytes() == before


def test_project_of_a_newer_format(project: aerchive.Project, path: Path) -> None:
    project.save(run_stock())
    with h5py.File(path, "r+", libver=layout.LIBVER) as file:
        file.attrs["format_version"] = np.int64(99)

    for mode in ("r", "a"):
        with pytest.raises(FormatError, match=r"format version 99.*upgrade"):
            aerchive.open(path, mode)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_truncated_project(project: aerchive.Project, path: Path, keep: float) -> None:
    project.save(run_stock())
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])

    with pytest.raises(IntegrityError, match="truncated"):
        aerchive.open(path)


@pytest.mark.parametrize("mode", ["r", "r+", "a", None])
def test_folder_instead_of_a_file(tmp_path: Path, mode: Any) -> None:
    with pytest.raises(InvalidInputError, match="folder"):
        aerchive.open(tmp_path, mode)


def test_folder_that_does_not_exist(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "no" / "project.h5")

    with pytest.raises(NotFoundError, match="no folder"):
        project.save(run_stock())
    assert files(tmp_path) == []


def test_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(AerchiveError):
        aerchive.open(tmp_path / "file" / "project.h5").save(run_stock())


def test_links_to_a_project(project: aerchive.Project, path: Path, tmp_path: Path) -> None:
    link, dangling = tmp_path / "link.h5", tmp_path / "dangling.h5"
    link.symlink_to(path)
    dangling.symlink_to(tmp_path / "target.h5")

    aerchive.open(link).save(run_stock())
    aerchive.open(dangling).save(run_stock())

    assert len(project) == len(aerchive.open(tmp_path / "target.h5")) == 1
    assert link.is_symlink()
    assert dangling.is_symlink()


def test_what_permissions_forbid(project: aerchive.Project, path: Path, tmp_path: Path) -> None:
    project.save(run_stock())
    (tmp_path / "folder").mkdir()
    script = (
        processes.AS_ANYBODY
        + """
import os, sys
import aerchive
from tests.jobs import make_result
path, folder = sys.argv[1:]

os.chmod(path, 0o444)
project = aerchive.open(path)
print(project.mode, len(project))
for mode in ("r+", "a"):
    try:
        aerchive.open(path, mode).save(make_result())
    except aerchive.ReadOnlyError as error:
        print("cannot write", path in str(error))
os.chmod(path, 0)
try:
    aerchive.open(path, "r")
except aerchive.ReadOnlyError as error:
    print("cannot read", path in str(error))
os.chmod(folder, 0o555)
try:
    aerchive.open(folder + "/new.h5").save(make_result())
except aerchive.ReadOnlyError as error:
    print("cannot create", folder in str(error))
print(os.listdir(folder))
"""
    )

    printed = processes.run(script, path, tmp_path / "folder").splitlines()

    assert printed == ["r 1", "cannot write True", "cannot write True", "cannot read True", "cannot create True", "[]"]


def test_locked_project(project: aerchive.Project, path: Path) -> None:
    project.save(run_stock())
    script = """
        import fcntl, os, sys
        fd = os.open(sys.argv[1], os.O_RDWR)
        fcntl.flock(fd, fcntl.LOCK_EX)
        print("locked", flush=True)
        import time
        time.sleep(30)
    """
    with processes.start(script, path) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "locked\n"
            with pytest.raises(ProjectLockedError, match=f"process {holder.pid}.*lock_timeout"):
                aerchive.open(path, lock_timeout=0.1)
            with pytest.raises(ProjectLockedError, match=f"process {holder.pid}"):
                aerchive.open(path, "r", lock_timeout=0)
        finally:
            holder.kill()

    assert len(aerchive.open(path, lock_timeout=1)) == 1


@pytest.mark.parametrize("timeout", [-1, "soon", float("nan")])
def test_lock_timeout_that_is_none(path: Path, timeout: Any) -> None:
    with pytest.raises(InvalidInputError, match="lock_timeout"):
        aerchive.open(path, lock_timeout=timeout)


def test_project_that_was_removed(project: aerchive.Project, path: Path) -> None:
    run = project.save(run_stock())
    path.unlink()

    with pytest.raises(NotFoundError):
        aerchive.open(path, "r")
    with pytest.raises(NotFoundError):
        run.counts()
    assert len(project) == 0


# as a mapping


def test_mapping(project: aerchive.Project) -> None:
    jobs = [run_stock() for _ in range(3)]
    runs = [project.save(job) for job in jobs]

    assert len(project) == 3
    assert all(job.job_id() in project for job in jobs)
    assert "nothing" not in project
    assert 5 not in project
    assert None not in project
    assert [run.job_id for run in project] == [job.job_id() for job in jobs]
    assert [project[job.job_id()] for job in jobs] == runs
    assert len({*runs, *project}) == 3
    assert project.job(jobs[1].job_id()).job_id() == jobs[1].job_id()
    assert bool(project)


def test_prefixes(project: aerchive.Project) -> None:
    for job_id in ("abc-1", "abc-2", "abd", "abc"):
        project.save(make_result(job_id))

    assert project["abd"].job_id == "abd"
    assert project["abc"].job_id == "abc"
    assert project["abc-1"].job_id == "abc-1"
    assert project.job("abd").job_id() == "abd"
    for prefix in ("a", "ab", "abc-"):
        with pytest.raises(NotFoundError, match=r"ambiguous.*abc"):
            project[prefix]
    with pytest.raises(NotFoundError, match=r"near ones.*abc-1"):
        project["abc-9"]
    with pytest.raises(NotFoundError, match="4 runs"):
        project["zzzzzzzzz"]
    assert "ab" not in project


@pytest.mark.parametrize("job_id", ["", None, 5.0, True, b"abc", [0]])
def test_key_that_is_no_id(project: aerchive.Project, job_id: Any) -> None:
    project.save(make_result("abc"))

    with pytest.raises(InvalidInputError, match=r"key must be a job id, which is text and not empty, or a run"):
        project[job_id]


LONG_IDS = [
    "x" * 40,
    "x" * 41,
    "x" * 40 + "a",
    "x" * 40 + "b",
    "x" * 300,
    "ψ" * 20,
    "ψ" * 21,
    "ψ" * 20 + "a",
    "x" * 39 + "ψ",
    "x" * 39 + "\\",
    "x" * 39 + "\\a",
    "\\" * 30,
    "a/b",
    "..",
    "/",
    " ",
    "a\nb",
    "a\0b",
    "a\0",
    "a",
    "A",
]


def test_ids_of_any_kind(project: aerchive.Project, reopen: Reopen, path: Path) -> None:
    with project.transaction():
        for number, job_id in enumerate(LONG_IDS):
            project.save(make_result(job_id, counts={"0x1": number + 1}), params={"n": number})

    read = reopen()
    assert len(read) == len(LONG_IDS)
    assert sorted(run.job_id for run in read) == sorted(LONG_IDS)
    for number, job_id in enumerate(LONG_IDS):
        assert job_id in read
        assert read[job_id].job_id == job_id
        assert read[job_id].counts() == {"1": number + 1}
        assert read.job(job_id).job_id() == job_id
        assert [run.params["n"] for run in read.find(job_id=job_id)] == [number]
    with project.transaction():
        for number, job_id in enumerate(LONG_IDS):
            project.save(make_result(job_id, counts={"0x1": number + 1}), tags="again")
    assert len(project) == len(LONG_IDS)
    assert all(run.tags == ("again",) for run in project)
    with h5py.File(path, "r") as file:
        names = [name for day in file["runs"].values() for name in day]
    assert all(name.isascii() and "/" not in name and len(name) < 80 for name in names)


def test_beginnings_of_long_ids(project: aerchive.Project) -> None:
    for job_id in ("x" * 50 + "a", "x" * 50 + "b1", "x" * 50 + "b2", "y" * 50):
        project.save(make_result(job_id))

    assert project["x" * 50 + "a"].job_id == "x" * 50 + "a"
    assert project["y" * 41].job_id == "y" * 50
    assert project["y" * 3].job_id == "y" * 50
    with pytest.raises(NotFoundError, match="ambiguous"):
        project["x" * 50 + "b"]
    with pytest.raises(NotFoundError, match="ambiguous"):
        project["x" * 45]
    with pytest.raises(NotFoundError):
        project["x" * 50 + "c"]
    assert "x" * 50 not in project


def test_unfinished_job_with_the_beginning_of_another(project: aerchive.Project) -> None:
    project.save(make_result("x" * 40 + "a"))
    project.spools.own.submitted("x" * 40 + "b", {"created": "2026-01-01T00:00:00.000000Z"})

    try:
        assert len(project) == 2
        assert "x" * 40 + "b" in project
        assert project["x" * 40 + "b"].outcome == "running"
    finally:
        project.spools.own.finished("x" * 40 + "b")


def test_latest(project: aerchive.Project) -> None:
    day = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)
    for hours in (5, 9, 2):
        project.save(make_result(f"job{hours}", day.replace(hour=hours)), tags=f"t{hours % 2}")

    assert project.latest().job_id == "job9"
    assert project.latest(tags="t0").job_id == "job2"
    assert [run.job_id for run in project] == ["job2", "job5", "job9"]
    with pytest.raises(NotFoundError, match="t7"):
        project.latest(tags="t7")


# the object itself


def test_project_goes_on_after_close(project: aerchive.Project) -> None:
    with project as same:
        run = same.save(run_stock())
    project.close()
    project.close()

    assert run.array()[0] == run.value("statevector").data[0]
    assert len(project) == 1
    project.save(run_stock())


def test_nothing_is_held_open(project: aerchive.Project, path: Path) -> None:
    run = project.save(run_stock())
    state = run.array()
    list(project)
    state[0]

    assert str(path) not in [
        os.readlink(f"/proc/self/fd/{fd}")
        for fd in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{fd}")
    ]
    moved = path.with_name("moved.h5")
    shutil.move(path, moved)
    assert len(aerchive.open(moved)) == 1
    assert files(path.parent) == ["moved.h5"]


def test_pickle(project: aerchive.Project, path: Path) -> None:
    project.save(run_stock(), tags="a")
    run = project.latest()

    for copied in pickle.loads(pickle.dumps([project, run])):
        found = copied.latest() if isinstance(copied, aerchive.Project) else copied
        assert found.job_id == run.job_id
        assert found.tags == ("a",)
        assert found.counts() == run.counts()
        assert found == run


def test_repr(project: aerchive.Project, path: Path) -> None:
    assert str(path) in repr(project)


def test_chdir_does_not_move_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project = aerchive.open("project.h5")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    project.save(run_stock())

    assert (tmp_path / "project.h5").exists()


# the file


def test_more_runs_in_a_day_than_a_folder_takes(
    project: aerchive.Project, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "RUNS_PER_FOLDER", 3)
    day = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)
    with project.transaction():
        for number in range(5):
            project.save(make_result(f"first{number}", day))
    for number in range(3):
        project.save(make_result(f"then{number}", day))
    project.save(make_result("other day", day + datetime.timedelta(days=1)))

    with h5py.File(path, "r") as file:
        members = {name: len(folder) for name, folder in file["runs"].items()}

    assert members == {"2026-05-01": 3, "2026-05-01.001": 3, "2026-05-01.002": 2, "2026-05-02": 1}
    assert len(project) == 9
    for run in project:
        assert run.counts() == {"1": 10}


def test_runs_of_the_same_microsecond(project: aerchive.Project, path: Path) -> None:
    day = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)
    ids = ["same id/", "same id/2"]
    with project.transaction():
        for job_id in ids:
            project.save(make_result(job_id, day))

    assert [project[job_id].job_id for job_id in ids] == ids


def test_day_is_that_of_utc(project: aerchive.Project, path: Path) -> None:
    zone = datetime.timezone(datetime.timedelta(hours=9))

    run = project.save(make_result("a", datetime.datetime(2026, 5, 1, 3, tzinfo=zone)))

    assert run.created == "2026-04-30T18:00:00.000000Z"
    with h5py.File(path, "r") as file:
        assert list(file["runs"]) == ["2026-04-30"]


def test_circuits_are_stored_once(project: aerchive.Project, path: Path) -> None:
    circuit = bell()
    for _ in range(3):
        project.save(run_stock(circuit))

    with h5py.File(path, "r") as file:
        found: list[str] = []
        file["objects/circuits"].visit(found.append)

    assert sum(name.endswith("/qpy") for name in found) == 1
    assert all(run.circuits() == [circuit] for run in project)


def test_catalogue(project: aerchive.Project) -> None:
    job = run_stock(shots=33)
    project.save(job, name="ψ" * 40, tags=["a"], params={"x": 1.5})

    (row,) = project.catalogue()

    assert row["job_id"].decode() == job.job_id()
    assert row["name"].decode() == "ψ" * 16
    assert row["overflow"] & 1
    assert (row["shots"], row["num_qubits"], row["num_circuits"], row["noisy"]) == (33, 2, 1, 0)
    assert row["method"] == b"statevector"
    assert row["tags"] == b'["a"]'
    assert row["nbytes"] == project.latest().nbytes > 64


def test_two_processes_save_into_a_new_project(path: Path) -> None:
    script = """
        import sys, time
        import aerchive
        from tests.jobs import run_stock
        path, start = sys.argv[1], float(sys.argv[2])
        jobs = [run_stock() for _ in range(4)]
        [job.result() for job in jobs]
        project = aerchive.open(path)
        assert not project.path.exists()
        print("ready", flush=True)
        while not project.path.with_name("go").exists():
            pass
        for job in jobs:
            project.save(job, tags=sys.argv[2])
        print(*[job.job_id() for job in jobs])
    """
    children = [processes.start(script, path, number) for number in range(2)]
    ids: list[str] = []
    try:
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        path.with_name("go").touch()
        for child in children:
            out, err = child.communicate(timeout=60)
            assert child.returncode == 0, err
            ids += out.split()
    finally:
        for child in children:
            child.kill()
            child.communicate()

    project = aerchive.open(path, "r")
    assert len(ids) == 8
    assert {run.job_id for run in project} == set(ids)
    assert [len(project.find(tags=str(number))) for number in range(2)] == [4, 4]
    assert sum(run.counts()["00"] + run.counts()["11"] for run in project) == 8 * 20
    assert files(path.parent) == ["go", "project.h5"]


def test_the_folder_for_what_cannot_be_written_goes_with_the_project(
    project: aerchive.Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.save(run_stock())
    monkeypatch.setenv("AERCHIVE_PENDING_FOLDER", str(tmp_path / "waiting"))
    project = aerchive.open(project.path)
    assert project.pending_folder == tmp_path / "waiting"
    assert pickle.loads(pickle.dumps(project)).pending_folder == tmp_path / "waiting"
    assert project.copy(tmp_path / "copy.h5").pending_folder == tmp_path / "waiting"
