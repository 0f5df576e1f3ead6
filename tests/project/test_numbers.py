"""Numbers of runs, kept once they were read: always those of the run, whatever happens to its file."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

import aerchive
from aerchive.errors import IntegrityError, NotFoundError
from aerchive.storage.file import ProjectFile
from aerchive.storage.medium.trace import record_reads
from aerchive.stored import small_counts
from tests import processes
from tests.jobs import make_result

Reopen = Callable[[], aerchive.Project]


def save(project: aerchive.Project, name: str, **counts: int) -> aerchive.Run:
    return project.save(make_result(name, counts=counts or {"0x1": len(name)}))


def batch(number: int) -> Result:
    """Circuits of which every third has no counts."""
    data = [
        ExperimentResultData(counts={"0x0": i + 1, "0x2": 5}) if i % 3 else ExperimentResultData(energy=0.5)
        for i in range(number)
    ]
    header = {"memory_slots": 2, "creg_sizes": [["a", 1], ["b", 1]]}
    experiments = [ExperimentResult(10, True, one, header=header) for one in data]
    return Result(job_id="batch", success=True, results=experiments, backend_name="aer", backend_version="1")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often project files were opened."""
    times: list[ProjectFile] = []
    stock = ProjectFile._session
    monkeypatch.setattr(ProjectFile, "_session", lambda file: times.append(file) or stock(file))
    return lambda: len(times)


def test_counts_are_those_of_each_circuit(project: aerchive.Project, reopen: Reopen) -> None:
    project.save(batch(7))
    for _ in range(2):
        run = reopen()["batch"]
        found = {i: run.counts(i) for i in (1, 2, 4, 5, -3)}
        assert found == {i: {"0 0": i % 7 + 1, "1 0": 5} for i in found}
        assert list(found[1]) == ["0 0", "1 0"]
        for number in (0, 3, 7, -1):
            with pytest.raises(NotFoundError):
                run.counts(number)


def test_a_large_table_of_counts_is_not_opened_for_each_circuit(
    project: aerchive.Project, opened: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_counts, "_MOST_BYTES", 100)
    run = project.save(batch(30))
    run.counts(1)
    before = opened()
    assert [run.counts(number)["1 0"] for number in range(30) if number % 3] == [5] * 20
    assert opened() == before


def test_what_a_caller_changes_is_not_kept(project: aerchive.Project, reopen: Reopen) -> None:
    save(project, "a")
    for _ in range(2):
        counts = reopen()["a"].counts()
        assert counts == {"1": 1}
        counts["0"] = 7


def test_a_loop_reads_ahead_and_a_second_one_opens_nothing(
    project: aerchive.Project, reopen: Reopen, opened: Callable[[], int]
) -> None:
    with project.transaction():
        for number in range(40):
            save(project, "a" * (number + 1))

    runs = reopen().find()
    before = opened()
    assert [run.counts() for run in runs] == [{"1": number + 1} for number in range(40)]
    assert opened() - before <= 8  # of 1, 1, 2, 4, 8, 16 and 32 runs
    with record_reads() as log:
        assert [run.counts() for run in reopen().find()] == [{"1": number + 1} for number in range(40)]
    catalogue = len(log.extents)
    with record_reads() as log:
        reopen().find()
    assert len(log.extents) == catalogue


def test_runs_that_are_not_read_in_order_are_not_read_ahead(project: aerchive.Project, reopen: Reopen) -> None:
    for name in "abcdef":
        save(project, name)
    runs = reopen().find()
    save(project, "later")
    with record_reads() as log:
        runs[4].counts()
        alone = len(log.extents)
        runs[2].counts()
        runs[0].counts()
    assert len(log.extents) <= 3 * alone
    assert [run.counts() for run in (*runs[1:4], *runs[::-1])] == [{"1": 1}] * 9
    assert pickle.loads(pickle.dumps(runs[2])).counts() == {"1": 1}


def test_changes_of_the_file_are_seen(project: aerchive.Project, reopen: Reopen) -> None:
    save(project, "a")
    save(project, "b")
    runs = project.find()
    assert [run.counts() for run in runs] == [{"1": 1}] * 2

    runs[0].add_tags("label")
    save(project, "c")
    assert [run.counts() for run in runs] == [{"1": 1}] * 2

    project.delete_job("a")
    for run in (runs[0], pickle.loads(pickle.dumps(runs[0]))):
        with pytest.raises(NotFoundError, match="run a is not in the project any more"):
            run.counts()

    save(project, "a", **{"0x0": 9})  # another result of the same job
    assert reopen()["a"].counts() == {"0": 9}
    project.delete_job("a")
    assert project.restore("a") == ["a"]
    assert reopen()["a"].counts() == {"0": 9}

    project.compact()
    assert {run.job_id: run.counts() for run in project.find()} == {"a": {"0": 9}, "b": {"1": 1}, "c": {"1": 1}}


def test_a_run_object_never_gives_the_counts_of_a_later_run(project: aerchive.Project) -> None:
    save(project, "a")
    old = project["a"]
    assert old.saved[0].label == "counts"  # it knows its run by its UUID now
    project.delete_job("a")
    save(project, "a", **{"0x0": 9})
    assert project["a"].counts() == {"0": 9}
    with pytest.raises(NotFoundError, match="is another run of job a now"):
        old.counts()


def test_a_backup_that_is_copied_over_the_file_has_its_own_counts(project: aerchive.Project, path: Path) -> None:
    save(project, "a")
    backup = path.with_suffix(".backup")
    shutil.copy(path, backup)
    save(project, "b", **{"0x1": 5})
    assert project["b"].counts() == {"1": 5}
    with path.open("r+b") as file:  # the same inode
        file.write(backup.read_bytes())
        file.truncate()
    save(project, "b", **{"0x1": 7})
    assert project["b"].counts() == {"1": 7}
    other = aerchive.open(backup)
    save(other, "b", **{"0x1": 9})
    assert [project["b"].counts(), other["b"].counts()] == [{"1": 7}, {"1": 9}]


def test_another_process_deletes_a_run(project: aerchive.Project, path: Path) -> None:
    save(project, "a")
    run = project["a"]
    assert run.counts() == {"1": 1}
    processes.run("import sys, aerchive; aerchive.open(sys.argv[1]).delete_job('a')", path)
    with pytest.raises(NotFoundError):
        run.counts()


def test_damage_is_found_once_the_file_has_changed(project: aerchive.Project, path: Path) -> None:
    save(project, "a", **{hex(0xABCDE): 12345})
    run = project["a"]
    bits = format(0xABCDE, "b").encode()
    data = path.read_bytes()
    at = data.index(bits)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"0")
    with pytest.raises(IntegrityError, match="damaged"):
        run.counts()


@pytest.mark.parametrize("number", [0.5, -0.0, 7, 2**70, True, 1j])
def test_a_number_is_read_once(
    project: aerchive.Project, reopen: Reopen, opened: Callable[[], int], number: complex
) -> None:
    project.save(make_result("a", energy=number, array=[1.0, 2.0]))
    run = reopen()["a"]
    first = run.value("energy")
    assert (repr(first), type(first)) == (repr(number), type(number))
    again = reopen()["a"]
    before = opened()
    assert repr(again.value("energy")) == repr(number)
    assert opened() == before or isinstance(number, complex)
    assert again.value("array") == [1.0, 2.0]
