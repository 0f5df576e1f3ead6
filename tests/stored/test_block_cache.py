"""One opening of the file serves many reads of one run, and what is kept never outlives a change of the file."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from qiskit.quantum_info import Statevector
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

import aerchive
from aerchive.errors import FormatError, IntegrityError, NotFoundError
from aerchive.storage.medium import access
from aerchive.stored import block_cache as kept_blocks
from aerchive.stored.kept_numbers import kept_numbers
from tests.small_chunks import small_chunks

NUMBER = 50


def psi(number: int) -> np.ndarray[Any, Any]:
    return np.exp(1j * np.arange(8) * (number + 1)) / np.sqrt(8)


def odd(number: int) -> np.ndarray[Any, Any]:
    """Arrays of many shapes, which are packed into one dataset."""
    return np.arange(number + 2.0)


def counts(number: int) -> dict[str, int]:
    return {"0x0": number + 1, "0x3": 100 - number}


def bits(number: int) -> dict[str, int]:
    return {"00": number + 1, "11": 100 - number}


def many(number: int = NUMBER) -> Result:
    experiments = [
        ExperimentResult(
            100,
            True,
            ExperimentResultData(
                counts=counts(i),
                memory=["0x0", "0x3", hex(i % 4)],
                energy=i / 7,
                statevector=Statevector(psi(i)),
                odd=odd(i),
                shots=[psi(i), psi(i + 1), psi(i + 2), psi(i + 3), psi(i + 4)],
            ),
            header={"name": f"c{i}", "memory_slots": 2, "creg_sizes": [["c", 2]]},
        )
        for i in range(number)
    ]
    return Result(backend_name="hand", backend_version="1", job_id="many", success=True, results=experiments)


@pytest.fixture
def run(project: aerchive.Project, path: Path) -> aerchive.Run:
    """Fifty circuits, as another reader finds them."""
    project.save(many())
    return aerchive.open(path, "r")["many"]


class Openings:
    number = 0


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> Openings:
    """Counts how often a project file is opened."""
    counted, original = Openings(), access.open_file

    def count(path: Path, flags: int) -> int:
        counted.number += 1
        return original(path, flags)

    monkeypatch.setattr(access, "open_file", count)
    return counted


ALL = range(NUMBER)
OF_RESULT: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "get_counts": (lambda result: result.get_counts(), [bits(i) for i in ALL]),
    "get_memory": (
        lambda result: [result.get_memory(i) for i in ALL],
        [["00", "11", format(i % 4, "02b")] for i in ALL],
    ),
    "get_statevector": (lambda result: [[*result.get_statevector(i).data] for i in ALL], [[*psi(i)] for i in ALL]),
    "data": (lambda result: [result.data(i)["odd"].tolist() for i in ALL], [odd(i).tolist() for i in ALL]),
    "attribute": (lambda result: [result.results[i].data.counts for i in ALL], [counts(i) for i in ALL]),
    "numbers": (lambda result: [result.results[i].data.energy for i in ALL], [i / 7 for i in ALL]),
    "lists": (
        lambda result: [result.results[i].data.shots[2].tolist() for i in ALL],
        [psi(i + 2).tolist() for i in ALL],
    ),
}


@pytest.mark.parametrize("how", OF_RESULT)
def test_a_result_opens_the_file_once_for_all_circuits(run: aerchive.Run, openings: Openings, how: str) -> None:
    take, expected = OF_RESULT[how]
    result = run.result()
    openings.number = 0
    number = 0 if how in ("get_counts", "attribute") else 1  # small counts were read with the document

    assert take(result) == expected
    assert openings.number == number
    assert take(run.result()) == expected
    assert openings.number == number


OF_RUN: dict[str, tuple[Callable[[Any], Any], Any, int]] = {
    "counts": (lambda run: [run.counts(i) for i in ALL], [bits(i) for i in ALL], 1),
    "memory": (lambda run: [run.memory(i)[2] for i in ALL], [format(i % 4, "02b") for i in ALL], 1),
    "value": (lambda run: [run.value("energy", i) for i in ALL], [i / 7 for i in ALL], 3),
    "array": (lambda run: [run.array("odd", i)[1] for i in ALL], [1.0] * NUMBER, 2),
    "all of an array": (lambda run: [[*np.asarray(run.array("odd", i))] for i in ALL], [[*odd(i)] for i in ALL], 2),
    "state": (lambda run: [run.state(experiment=i)[3] for i in ALL], [psi(i)[3] for i in ALL], 2),
}


@pytest.mark.parametrize("how", OF_RUN)
def test_a_run_opens_the_file_a_few_times_for_all_circuits(run: aerchive.Run, openings: Openings, how: str) -> None:
    take, expected, most = OF_RUN[how]
    run = run.project.find(job_id="many")[0]
    openings.number = 0

    assert take(run) == expected
    assert openings.number <= most
    before = openings.number
    assert take(run) == expected
    assert openings.number == before


def test_a_table_opens_the_file_as_often_for_fifty_circuits_as_for_one(
    run: aerchive.Run, openings: Openings, path: Path
) -> None:
    pytest.importorskip("pandas")
    table = aerchive.open(path, "r").table(y="counts.11")

    assert table["counts.11"].tolist() == [100 - i for i in ALL]
    assert openings.number <= 4


def test_the_counts_of_one_circuit_read_counts_only(run: aerchive.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read, original = set(), kept_blocks.BlockPlan.read

    def note(plan: kept_blocks.BlockPlan, fd: int) -> Any:
        read.add(plan.plan.name)
        return original(plan, fd)

    monkeypatch.setattr(kept_blocks.BlockPlan, "read", note)

    assert run.result().get_counts(0) == bits(0)
    assert read == {"counts"}


def test_the_file_is_neither_open_nor_locked_between_reads(run: aerchive.Run, path: Path) -> None:
    result = run.result()
    for take, _ in OF_RESULT.values():
        take(result)

    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            assert os.readlink(f"/proc/self/fd/{fd}") != str(path)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises, if anybody holds a lock


def test_what_is_given_may_be_changed(run: aerchive.Run) -> None:
    for read in (
        lambda: run.array("odd", 3)[...],
        lambda: run.value("odd", 3),
        lambda: run.value("shots", 3)[0],
        lambda: np.asarray(run.state(experiment=3)),
    ):
        first = read()
        kept = first.copy()
        first[:] = -1
        assert (read() == kept).all()


@contextlib.contextmanager
def read_before(run: aerchive.Run) -> Iterator[None]:
    """Has all in memory that can be, and then another change of the file than one within a tick of its clock."""
    assert run.counts(0) == bits(0)
    assert run.array("odd", 3)[1] == 1
    assert run.value("shots", 0)[0].tolist() == psi(0).tolist()
    yield
    status = run.place.project.path.stat()
    os.utime(run.place.project.path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def test_a_deleted_run_is_gone(project: aerchive.Project, run: aerchive.Run) -> None:
    with read_before(run):
        project.delete_job("many")

    for read in (
        lambda: run.counts(1),
        lambda: run.array("odd", 2),
        lambda: run.value("shots", 2),
        lambda: run.value("energy", 2),
    ):
        with pytest.raises(NotFoundError, match="not in the project any more"):
            read()


def test_another_run_of_the_job_is_not_taken_for_it(project: aerchive.Project, run: aerchive.Run) -> None:
    with read_before(run):
        project.delete_job("many")
        project.save(many(2))

    with pytest.raises(NotFoundError, match="is another run of job many now"):
        run.counts(1)
    assert project["many"].counts(1) == bits(1)


def test_after_compaction_it_is_read_anew(project: aerchive.Project, run: aerchive.Run, openings: Openings) -> None:
    with read_before(run):
        project.compact()
    openings.number = 0

    assert [run.counts(i) for i in ALL] == [bits(i) for i in ALL]
    assert openings.number == 1
    assert [run.array("odd", i)[1] for i in ALL] == [1] * NUMBER


def test_damage_is_seen_although_it_was_read_before(run: aerchive.Run, path: Path) -> None:
    with h5py.File(path) as file:
        where = file[run.path]["counts"].id.get_chunk_info(0).byte_offset
    with read_before(run), path.open("r+b") as raw:
        raw.seek(where)
        byte = raw.read(1)
        raw.seek(where)
        raw.write(bytes([byte[0] ^ 1]))

    with pytest.raises(IntegrityError, match="counts: chunk 0 is damaged"):
        run.counts(1)


def test_a_missing_file_is_said_to_be_missing(run: aerchive.Run, path: Path) -> None:
    assert run.counts(0) == bits(0)
    path.unlink()

    with pytest.raises(NotFoundError, match="no such project"):
        run.counts(1)


def test_little_is_kept(run: aerchive.Run, openings: Openings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_numbers, "_most_bytes", 0)
    kept_numbers.clear()
    kept = kept_blocks._Cache()
    monkeypatch.setattr(kept_blocks, "_cache", kept)
    monkeypatch.setattr(kept_blocks, "_MOST_BYTES", 2500)
    for i in ALL:
        assert (run.counts(i), run.memory(i)[:2]) == (bits(i), ["00", "11"])
        assert kept.nbytes == sum(block.rows.nbytes for block in kept.blocks.values()) <= 2500
    monkeypatch.setattr(kept_blocks, "_MOST_BLOCKS", 1)
    assert run.value("energy", 3) == 3 / 7
    assert [key[3] for key in kept.blocks] == ["table"]
    monkeypatch.setattr(kept_blocks, "MAX_BLOCK_BYTES", 100)
    kept.blocks.clear()
    openings.number = 0

    assert [run.counts(i) for i in range(5)] == [bits(i) for i in range(5)]
    assert openings.number == 5
    assert not kept.blocks


def test_values_beside_damage_are_read(project: aerchive.Project, path: Path, openings: Openings) -> None:
    with small_chunks(256):
        run = project.save(many())
    with h5py.File(path) as file:
        table = file[run.path]["counts"].id
        number = table.get_num_chunks()
        assert number > 4
        where = table.get_chunk_info(2).byte_offset
    with path.open("r+b") as raw:
        raw.seek(where)
        raw.write(b"damage")
    openings.number = 0

    def read(number: int) -> Any:
        try:
            return run.counts(number)
        except IntegrityError:
            return None

    found = [read(i) for i in ALL]
    assert 0 < found.count(None) < NUMBER / 4
    assert all(one in (None, bits(i)) for i, one in enumerate(found))
    assert openings.number <= 2 * number + found.count(None)


@pytest.mark.parametrize("rows", [[99, 2], [0, 10**30], [-1, 1], None, [0], "ab"])
def test_rows_that_there_are_not_are_refused(run: aerchive.Run, rows: Any) -> None:
    tree = run.stored_result.data(0, "counts")
    for _ in range(2):
        with pytest.raises(FormatError, match="rows"):
            run.stored_result.decode({**tree, "rows": rows})
        assert run.counts(0) == bits(0)
