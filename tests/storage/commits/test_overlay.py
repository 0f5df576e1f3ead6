"""A commit is whole or was not: an overlay over committed bytes, and every way to fail in between."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aerchive.errors import CommittedError, UncertainError, WriteError
from aerchive.layout import CATALOGUE
from aerchive.models.catalogue import DTYPE
from aerchive.storage.chunks.drafts import GroupDraft
from aerchive.storage.commits.overlay import Overlay
from aerchive.storage.commits.superblock import read_superblock
from aerchive.storage.sessions import WriteSession
from tests.samples import (
    CREATED,
    FOLDER,
    OWNER,
    RUN,
    dataset,
    everything,
    noise,
    project_file,
    sha256,
    write_run,
)
from tests.shares import share

# ---- the overlay against a plain file

offsets = st.integers(0, 12_000)
operations = st.lists(
    st.tuples(st.just("seek"), offsets)
    | st.tuples(st.just("end"), st.integers(-50, 50))
    | st.tuples(st.just("read"), st.integers(0, 9000))
    | st.tuples(st.just("write"), st.binary(min_size=1, max_size=40) | st.integers(4000, 9000).map(bytes))
    | st.tuples(st.just("grow"), st.integers(0, 6000))
    | st.tuples(st.just("shrink"), st.integers(0, 6000)),
    max_size=25,
)


def play(path: Path, committed: bytes, steps: list[Any], *, may_shrink: bool) -> None:
    """Does the same to an overlay and to bytes in memory, and compares."""
    path.write_bytes(committed)
    base = len(committed)
    content = bytearray(committed)
    fd = os.open(path, os.O_RDWR)
    try:
        overlay = Overlay(fd, read_superblock(fd, "test"), "test")
        position = 0
        for step, value in [*steps, ("seek", 0), ("read", 50_000)]:
            if step == "seek":
                position = overlay.seek(value)
                assert position == value
            elif step == "end":
                position = overlay.seek(value, os.SEEK_END)
                assert position == len(content) + value
            elif step == "read":
                buffer = bytearray(b"?" * value)
                assert overlay.readinto(memoryview(buffer)) == value
                assert bytes(buffer) == bytes(content[position : position + value]).ljust(value, b"\0")
                position += value
            elif step == "write":
                assert overlay.write(memoryview(value)) == len(value)
                content.extend(bytes(max(0, position - len(content))))
                content[position : position + len(value)] = value
                position += len(value)
            elif step == "grow":
                overlay.truncate(len(content) + value)
                content.extend(bytes(value))
            elif may_shrink:
                size = max(base, len(content) - value)
                overlay.truncate(size)
                del content[size:]
            assert overlay.tell() == position
            assert os.pread(fd, base, 0) == committed, "committed bytes changed before the commit"
        overlay.roll_back()
        assert path.read_bytes() == committed
    finally:
        os.close(fd)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("overlay") / "small.h5"
    write_run(path, GroupDraft({"a": 1}, {"x": dataset([noise(5000)])}))
    return path, path.read_bytes()


@given(operations)
@settings(max_examples=150, deadline=None)
def test_an_overlay_is_a_plain_file(small: tuple[Path, bytes], steps: list[Any]) -> None:
    play(*small, steps, may_shrink=False)


@given(operations)
@settings(max_examples=150, deadline=None)
@example([("end", 0), ("write", b"cut off"), ("shrink", 7)])
@example([("end", 0), ("write", b"cut off"), ("shrink", 5), ("grow", 100)])
def test_what_was_cut_off_is_zero_when_the_file_grows_again(small: tuple[Path, bytes], steps: list[Any]) -> None:
    play(*small, steps, may_shrink=True)


# ---- an exception in the session


NOISE = noise(2**20 + 2**18)
"""Two chunks, and so much that a commit makes it durable first."""


def small_write(session: WriteSession) -> None:
    session.write_run(FOLDER, "new", GroupDraft({"a": 1}), OWNER)


def growing_write(session: WriteSession) -> None:
    session.write_run(FOLDER, "new", GroupDraft(datasets={"x": dataset([NOISE])}), OWNER)
    session.append_rows(CATALOGUE, np.zeros(100, DTYPE))
    session.replace_group(RUN, "labels", GroupDraft({"notes": "x" * 40_000}, mutable=True), OWNER)


def shrinking_write(session: WriteSession) -> None:
    session.replace_group(RUN, "labels", GroupDraft({"name": "s"}, mutable=True), OWNER)


WRITES = [small_write, growing_write, shrinking_write]


@pytest.fixture
def committed(path: Path) -> Path:
    """A project of several pages, whose last bytes are labels that can be replaced by shorter ones."""
    write_run(path, everything())
    with project_file(path).write(CREATED) as session:
        session.append_rows(CATALOGUE, np.zeros(40, DTYPE))
    with project_file(path).write(CREATED) as session:
        session.replace_group(RUN, "labels", GroupDraft({"notes": "n" * 20_000}, mutable=True), OWNER)
    return path


def check_old(path: Path) -> None:
    """All that was committed is there, bit by bit."""
    with project_file(path).read() as session:
        run = session.root.group(RUN)
        assert run.group("labels").attributes(OWNER)["notes"] == "n" * 20_000
        assert run.read("noise_many_chunks", OWNER).tobytes() == noise(2**20 + 2**19).tobytes()
        assert run.run_uuid() == OWNER
        assert session.root.group(FOLDER).names() == ["run"]
        assert len(session.table(CATALOGUE)) == 40


def check_new(path: Path, write: Callable[[WriteSession], None]) -> None:
    with project_file(path).read() as session:
        run = session.root.group(RUN)
        assert run.read("noise_many_chunks", OWNER).tobytes() == noise(2**20 + 2**19).tobytes()
        labels = run.group("labels").attributes(OWNER)
        if write is small_write:
            assert session.root.group(f"{FOLDER}/new").attributes(OWNER)["a"] == 1
        elif write is growing_write:
            found = session.root.group(f"{FOLDER}/new").read("x", OWNER)
            assert found.tobytes() == NOISE.tobytes()
            assert labels["notes"] == "x" * 40_000
            assert len(session.table(CATALOGUE)) == 140
        else:
            assert labels["name"] == "s"


def test_each_write_commits(committed: Path) -> None:
    before = committed.read_bytes()
    for write in WRITES:
        committed.write_bytes(before)
        with project_file(committed).write(CREATED) as session:
            write(session)
        check_new(committed, write)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_file_as_it_was(committed: Path, write: Any, error: type[BaseException]) -> None:
    before, folder = sha256(committed), sorted(committed.parent.iterdir())

    def fail() -> None:
        with project_file(committed).write(CREATED) as session:
            write(session)
            raise error

    with pytest.raises(error):
        fail()

    assert sha256(committed) == before
    assert sorted(committed.parent.iterdir()) == folder
    check_old(committed)


@pytest.mark.parametrize(
    "error", [ValueError("mine"), KeyError("mine"), OSError("mine"), RuntimeError("mine")], ids=repr
)
def test_an_exception_of_the_caller_s_own_stays_what_it_is(committed: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, project_file(committed).write(CREATED):
        raise error

    assert caught.value is error


def test_a_session_that_only_looks_changes_nothing(committed: Path) -> None:
    with project_file(committed).write(CREATED) as session:
        assert session.has(RUN)
        assert not session.has("runs/absent")
        assert session.count_members(FOLDER) == 1
        assert session.count_members("absent") is None
        assert len(session.table(CATALOGUE)) == 40

    check_old(committed)


def test_a_first_session_that_raises_leaves_no_file(path: Path) -> None:
    def fail() -> None:
        with project_file(path).write(CREATED) as session:
            session.write_run(FOLDER, "run", GroupDraft(datasets={"x": dataset([noise(2**21)])}), OWNER)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert list(path.parent.iterdir()) == []


def test_a_new_project_appears_whole(path: Path) -> None:
    with project_file(path).write(CREATED) as session:
        session.write_run(FOLDER, "run", GroupDraft({"a": 1}), OWNER)
        assert not path.exists()

    assert list(path.parent.iterdir()) == [path]


@pytest.fixture
def ending(path: Path) -> Path:
    """A project whose last bytes are the long notes of its only run: HDF5 would end the file earlier without them."""
    write_run(path, GroupDraft({"a": 1}))
    with project_file(path).write(CREATED) as session:
        session.replace_group(RUN, "labels", GroupDraft({"notes": "n" * 20_000}, mutable=True), OWNER)
    return path


def labels_of(path: Path) -> dict[str, Any]:
    with project_file(path).read() as session:
        found = session.root.group(f"{RUN}/labels").attributes(OWNER)
    return {name: value for name, value in found.items() if name != "sha256"}


def test_what_lay_at_the_end_of_the_file_can_be_replaced_by_less(ending: Path) -> None:
    """The address of a committed object is never given to another, so the file does not become shorter."""
    before = ending.stat().st_size
    with project_file(ending).write(CREATED) as session:
        shrinking_write(session)

    assert labels_of(ending) == {"name": "s"}
    assert ending.stat().st_size >= before
    for number in range(5):
        with project_file(ending).write(CREATED) as session:
            session.replace_group(RUN, "labels", GroupDraft({"notes": "m" * 5000 * (number % 2)}, mutable=True), OWNER)
        assert labels_of(ending) == {"notes": "m" * 5000 * (number % 2)}


def test_a_disk_that_fails_while_the_end_of_the_file_is_replaced_loses_nothing(
    ending: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ending.read_bytes()
    bad = BadDisk(monkeypatch, ("pwrite", "fsync", "ftruncate"), errno.EIO)
    failures = 0
    for number in range(1, 50):
        bad.calls, bad.fail_at = 0, number
        try:
            with project_file(ending).write(CREATED) as session:
                shrinking_write(session)
        except CommittedError:
            wanted = {"name": "s"}
        except WriteError:
            wanted = {"notes": "n" * 20_000}
        else:
            wanted = {"name": "s"}
        called, bad.fail_at = bad.calls, -1
        assert labels_of(ending) == wanted, f"call {number}"
        ending.write_bytes(before)
        if called < number:
            break
        failures += 1
    assert failures > 2


# ---- a disk that fails


class BadDisk:
    """Lets one call of a function of `os` fail, or all from one on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], code: int) -> None:
        self.calls = 0
        self.fail_at = -1
        self.all_after = False
        self.code = code
        for name in names:
            monkeypatch.setattr(os, name, self._wrapped(getattr(os, name)))

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.calls += 1
            if self.calls == self.fail_at or (self.all_after and self.calls > self.fail_at > 0):
                raise OSError(self.code, os.strerror(self.code))
            return real(*arguments)

        return call


def count_calls(path: Path, write: Any, bad: BadDisk) -> int:
    before = path.read_bytes()
    bad.calls = 0
    with project_file(path).write(CREATED) as session:
        write(session)
    calls = bad.calls
    path.write_bytes(before)
    return calls


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    ("names", "code", "all_after"),
    [
        (("pwrite",), errno.ENOSPC, False),
        (("pwrite", "fsync"), errno.EIO, False),
        (("pwrite", "fsync", "ftruncate"), errno.EIO, True),
    ],
)
def test_a_failing_disk_loses_nothing(
    committed: Path, monkeypatch: pytest.MonkeyPatch, write: Any, names: tuple[str, ...], code: int, all_after: bool
) -> None:
    before = committed.read_bytes()
    bad = BadDisk(monkeypatch, names, code)
    total = count_calls(committed, write, bad)
    assert total > 2

    for number in share(range(1, total + 1), 1 if total < 30 else 5, len(names)):
        bad.calls, bad.fail_at, bad.all_after = 0, number, all_after
        saved, told = True, f"{committed}: the runs are saved, but"
        try:
            with project_file(committed).write(CREATED) as session:
                write(session)
        except CommittedError as error:
            found = str(error)
        except WriteError as error:
            saved, found = False, str(error)
            told = f"{committed}: {os.strerror(code)}; nothing was saved, the file is as it was"
            if all_after and "lets nothing be undone" in found:  # then it says so, and either state is right
                bad.fail_at, bad.all_after = -1, False
                try:
                    check_old(committed)
                except (AssertionError, LookupError):
                    check_new(committed, write)
                committed.write_bytes(before)
                continue
        else:
            found = told
        assert found.startswith(told), f"call {number}"
        bad.fail_at, bad.all_after = -1, False
        if saved:
            check_new(committed, write)
        else:
            if not all_after:
                assert committed.read_bytes() == before, f"call {number}"
            check_old(committed)
            with project_file(committed).write(CREATED) as session:
                write(session)
            check_new(committed, write)
        committed.write_bytes(before)


@pytest.mark.parametrize("name", ["pwrite", "fsync"])
def test_a_disk_that_fails_at_the_first_session_says_what_is_there(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bad = BadDisk(monkeypatch, (name,), errno.EIO)
    for number in range(1, 100):
        bad.calls, bad.fail_at = 0, number
        try:
            write_run(path, GroupDraft({"a": 1}, {"x": dataset([noise(2000)])}))
        except CommittedError:
            saved = True
        except WriteError:
            saved = False
        else:
            assert bad.calls < number
            break
        bad.fail_at = -1
        if saved:
            with project_file(path).read() as session:
                assert session.root.group(RUN).attributes(OWNER)["a"] == 1
            path.unlink()
        assert list(path.parent.iterdir()) == [], f"call {number}"
    assert number > 2


def test_short_writes_are_carried_on(committed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: real(fd, memoryview(data)[:1000], offset))

    with project_file(committed).write(CREATED) as session:
        growing_write(session)

    check_new(committed, growing_write)


def test_a_commit_that_dies_while_it_applies_is_seen_by_readers_and_completed_by_the_next_writer(
    committed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = BadDisk(monkeypatch, ("pwrite", "fsync"), errno.EIO)
    total = count_calls(committed, growing_write, bad)
    outcomes = set()
    for number in range(total, 0, -1):
        before = committed.read_bytes()
        bad.calls, bad.fail_at, bad.all_after = 0, number, True
        with pytest.raises(WriteError) as caught, project_file(committed).write(CREATED) as session:
            growing_write(session)
        bad.fail_at, bad.all_after = -1, False
        outcomes.add(type(caught.value))
        if caught.type is CommittedError:
            left = committed.read_bytes()
            check_new(committed, growing_write)
            assert committed.read_bytes() == left
            project_file(committed).recover()
            with h5py.File(committed) as file:  # complete for everybody
                assert "new" in file[FOLDER]
        committed.write_bytes(before)
    assert outcomes == {WriteError, UncertainError, CommittedError}


# ---- threads


def test_threads_write_through_one_project(path: Path) -> None:
    shared = project_file(path, lock_timeout_s=30)
    errors: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            for i in range(5):
                with shared.write(CREATED) as session:
                    name = f"t{thread}-{i}"
                    session.write_run(FOLDER, name, GroupDraft({"n": i}, {"x": dataset([noise(2000, i)])}), name)
                    row = np.zeros(1, DTYPE)
                    row["job_id"] = name
                    session.append_rows(CATALOGUE, row)
                with shared.read() as session:
                    found = session.root.group(f"{FOLDER}/{name}").read("x", name)
                    assert found.tobytes() == noise(2000, i).tobytes()
        except BaseException as error:  # noqa: BLE001  (shown by the test)
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    names = {f"t{thread}-{i}" for thread in range(6) for i in range(5)}
    with shared.read() as session:
        assert set(session.root.group(FOLDER).names()) == names
        assert {row["job_id"].decode() for row in session.table(CATALOGUE).rows()} == names
