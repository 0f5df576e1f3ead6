"""Large arrays go through in pieces: little memory, threads that end, interrupts that leave nothing half done."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aerchive import threads
from aerchive.errors import IntegrityError, WriteError
from aerchive.filters import pipeline
from aerchive.filters.profiles import Compression
from aerchive.filters.rounding import Rounding
from aerchive.storage.chunks import write_plan
from aerchive.storage.chunks.drafts import DatasetDraft, GroupDraft
from aerchive.storage.medium.disk import Disk
from aerchive.testing.disks import using
from tests import processes
from tests.samples import CREATED, FOLDER, OWNER, RUN, noise, project_file, read_values, sha256, write_run

SIZE = 2**20
"""Elements: 16 MiB, sixteen chunks."""


def draft(value: np.ndarray, profile: str = "portable") -> GroupDraft:
    attributes: dict[str, Any] = {"encoding": "array", "encoding_version": 1, "dtype": value.dtype.str}
    return GroupDraft(datasets={"x": DatasetDraft([value], attributes=attributes, compression=Compression(profile))})


@pytest.fixture
def state() -> np.ndarray:
    return np.random.default_rng(0).normal(size=2 * SIZE).view(complex)


@pytest.fixture(autouse=True)
def _threads_end() -> Iterator[None]:
    yield
    assert [thread for thread in threading.enumerate() if thread.name.startswith("aerchive-chunks")] == []


class Bell(Disk):
    """Sends an interrupt at some call.

    Args:
        kind: Of the call.
        number: Which one.
    """

    def __init__(self, kind: str, number: int) -> None:
        self.kind = kind
        self.number = number

    def _ring(self, kind: str, size: int) -> None:
        if kind == self.kind and size > 2**19:
            self.number -= 1
            if self.number == 0:
                os.kill(os.getpid(), signal.SIGINT)

    def read(self, fd: int, view: memoryview, offset: int) -> int:
        self._ring("read", len(view))
        return super().read(fd, view, offset)

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        self._ring("write", len(data))
        super().write(fd, data, offset)


@pytest.mark.parametrize("nth", [1, 5])
def test_an_interrupt_while_chunks_are_written_rolls_back(path: Path, state: np.ndarray, nth: int) -> None:
    write_run(path, draft(np.arange(10)), "old")
    before = sha256(path)
    bell = Bell("write", nth)

    with using(bell), pytest.raises(KeyboardInterrupt):
        write_run(path, draft(state))

    assert bell.number == 0
    assert sha256(path) == before
    write_run(path, draft(state))
    assert read_values(path, "x").tobytes() == state.tobytes()


@pytest.mark.parametrize("nth", [1, 5])
def test_an_interrupt_while_chunks_are_read(path: Path, state: np.ndarray, nth: int) -> None:
    write_run(path, draft(state))
    with project_file(path).read() as session:
        plan, fd = session.root.group(RUN).plan("x", OWNER), session.detach()
    bell = Bell("read", nth)

    try:
        with using(bell), pytest.raises(KeyboardInterrupt):
            plan.read(fd)
        assert bell.number <= 0
        assert plan.read(fd).tobytes() == state.tobytes()
    finally:
        os.close(fd)


def test_a_worker_that_fails_rolls_back(path: Path, state: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(path, draft(np.arange(10)), "old")
    before = sha256(path)
    calls: list[int] = []

    def fail(*arguments: Any) -> bytes:
        calls.append(1)
        if len(calls) == 5:
            raise MemoryError("no memory for a chunk")
        return pack_planes(*arguments)

    pack_planes = pipeline.pack_planes
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "pack_planes", fail)
        with pytest.raises(MemoryError, match=r"^no memory for a chunk$"):
            write_run(path, draft(state))

    assert sha256(path) == before
    write_run(path, draft(state))
    assert read_values(path, "x").tobytes() == state.tobytes()


@pytest.mark.parametrize("nth", [1, 2, 33])
def test_a_chunk_that_others_wait_for_may_fail(path: Path, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
    """The first chunk, and one in 32, tell the others how to do it."""
    state = np.random.default_rng(0).normal(size=5 * 2**20).view(complex)
    calls: list[int] = []
    apply = Rounding.apply

    def fail(self: Rounding, parts: np.ndarray) -> np.ndarray:
        calls.append(1)
        if len(calls) == nth + 1:  # the very first looks whether the values are narrow
            raise MemoryError("no memory to round")
        return apply(self, parts)

    monkeypatch.setattr(threads, "processors", lambda: 3)
    monkeypatch.setattr(write_plan, "to_narrow", lambda _: None)
    monkeypatch.setattr(Rounding, "apply", fail)
    attributes: dict[str, Any] = {"encoding": "array", "encoding_version": 1, "kind": "statevector", "dtype": "<c16"}
    rounded = DatasetDraft([state], False, attributes, True, Compression("portable", 1e-9))

    with pytest.raises(MemoryError, match=r"^no memory to round$"):
        write_run(path, GroupDraft(datasets={"x": rounded}))


def test_a_full_disk_rolls_back(path: Path, state: np.ndarray) -> None:
    class Full(Disk):
        def write(self, fd: int, data: memoryview, offset: int) -> None:
            if offset > 5 * 2**20:
                raise OSError(28, "No space left on device")
            super().write(fd, data, offset)

    write_run(path, draft(np.arange(10)), "old")
    before = sha256(path)

    with using(Full()), pytest.raises(WriteError, match="No space left on device; nothing was saved"):
        write_run(path, draft(state))

    assert sha256(path) == before


def test_damage_in_any_chunk_is_found_by_any_thread(path: Path) -> None:
    value = noise(16 * 2**20)
    write_run(path, draft(value))
    with project_file(path).read() as session:
        plan, fd = session.root.group(RUN).plan("x", OWNER), session.detach()
    try:
        for number in (0, 7, 15):
            with path.open("r+b") as file:
                file.seek(plan.locations[number].address + 1000)
                file.write(bytes([value[number * 2**20 + 1000] ^ 1]))
            with pytest.raises(IntegrityError, match=rf"/{RUN}/x: chunk {number} is damaged"):
                plan.read(fd)
            with path.open("r+b") as file:
                file.seek(plan.locations[number].address + 1000)
                file.write(bytes([value[number * 2**20 + 1000]]))
        assert plan.read(fd).tobytes() == value.tobytes()
    finally:
        os.close(fd)


def test_fortran_ordered_matrices_are_views(path: Path) -> None:
    matrix = np.asfortranarray(np.random.default_rng(1).normal(size=(700, 700)))
    part = matrix.T
    made = DatasetDraft([part])

    assert np.shares_memory(made.read_chunk((0, 0), (100, 700)), matrix)
    write_run(path, GroupDraft(datasets={"x": made}))
    assert np.array_equal(read_values(path, "x"), matrix.T)


MEMORY = """
import resource, sys
import numpy as np
from pathlib import Path
from aerchive import threads
from aerchive.filters.profiles import Compression
from aerchive.storage.chunks.drafts import DatasetDraft, GroupDraft
from tests.samples import CREATED, FOLDER, OWNER, RUN, project_file, write_run

threads.processors = lambda: 4
path, profile, limit, kind = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]) or None, sys.argv[4]
state = np.empty(8 * 2**20, complex)  # 128 MiB
state.reshape(-1, 2**18)[:] = np.random.default_rng(0).normal(size=2**19).view(complex)  # no chunk sees that it repeats
if kind == "narrow":
    state.view(np.float64)[:] = state.view(np.float64).astype(np.float32)
if kind == "fortran":
    state = np.lib.stride_tricks.as_strided(state, (2 * 2**10, 2**12), (16, 16 * 2 * 2**10)).T
attributes = {"encoding": "array", "encoding_version": 1, "kind": "statevector", "dtype": "<c16"}
def drafts(value):
    stored = Compression(profile, limit)
    return GroupDraft(datasets={"x": DatasetDraft([value], False, attributes, kind == "state", stored)})
write_run(path, drafts(state[:2]), "warm")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write_run(path, drafts(state))
written = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with project_file(path).read() as session:
    plan = session.root.group(RUN).plan("x", OWNER)
    for place in plan.locations:
        plan.values_of(plan.stored_bytes(session.fd, place), place)
streamed = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((written - before) // 1024, (streamed - written) // 1024)
"""


@pytest.mark.parametrize(
    ("profile", "limit", "kind"),
    [
        ("portable", 0, "plain"),
        ("portable", 0, "narrow"),
        ("portable", 1e-12, "state"),
        ("portable", 0, "fortran"),
        ("none", 0, "plain"),
        ("fast", 0, "plain"),
    ],
)
def test_memory_is_a_few_chunks(path: Path, profile: str, limit: float, kind: str) -> None:
    answer = processes.run(MEMORY, path, profile, limit, kind, timeout_s=100)

    writing, streaming = map(int, answer.split())
    assert writing < 64, "MiB of memory while 128 MiB were written"
    assert streaming < 16


def test_a_read_that_is_small_starts_no_threads(path: Path, state: np.ndarray) -> None:
    write_run(path, draft(state))
    started = []

    with project_file(path).read() as session:
        before = threading.Thread.start
        try:
            threading.Thread.start = lambda self: started.append(self) or before(self)  # type: ignore[method-assign]
            session.root.group(RUN).read("x", OWNER, slice(5, 70_000))
            assert started == []
            session.root.group(RUN).read("x", OWNER)
        finally:
            threading.Thread.start = before  # type: ignore[method-assign]
    processors = len(os.sched_getaffinity(0))
    assert min(1, processors - 1) <= len(started) <= processors


def test_the_data_is_on_its_way_before_the_commit_waits(path: Path, state: np.ndarray) -> None:
    hints: list[tuple[int, int]] = []

    class Listening(Disk):
        def begin_writing(self, fd: int, offset: int, length: int) -> None:
            hints.append((offset, length))
            super().begin_writing(fd, offset, length)

    with using(Listening()), project_file(path).write(CREATED) as session:
        session.write_run(FOLDER, "run", draft(state), OWNER)

    assert hints
    assert all(length >= 8 * 2**20 for _, length in hints)
    assert all(start == first + size for (first, size), (start, _) in itertools.pairwise(hints))
