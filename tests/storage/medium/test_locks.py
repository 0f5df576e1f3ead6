"""Two processes and one project: who waits, for how long, and what they are told."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import pytest

from aerchive.errors import IntegrityError, ProjectLockedError, WriteError
from aerchive.storage.chunks.drafts import GroupDraft
from aerchive.storage.medium import locks
from tests.processes import run, start
from tests.samples import CREATED, FOLDER, OWNER, RUN, project_file, write_run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/locks")

HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "r+b")
fcntl.flock(file, {"shared": fcntl.LOCK_SH, "exclusive": fcntl.LOCK_EX}[sys.argv[2]])
print("held", flush=True)
time.sleep(float(sys.argv[3]))
"""
STOCK = """
import sys, time
import h5py
with h5py.File(sys.argv[1], sys.argv[2]) as file:
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
"""


@contextmanager
def holding(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    with start(script, *arguments) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def held_by(path: Path, process: subprocess.Popen[str], timeout: str) -> str:
    program = Path(f"/proc/{process.pid}/comm").read_text().strip()
    return (
        f"{path}: the project is held by process {process.pid} ({program}) on {socket.gethostname()}; "
        f"waited {timeout} s. "
        "Close the file there, or wait longer with lock_timeout=..."
    )


@pytest.fixture
def committed(path: Path) -> Path:
    write_run(path, GroupDraft({"a": 1}))
    return path


@pytest.mark.parametrize("mode", ["shared", "exclusive"])
def test_a_writer_is_told_who_holds_the_project(committed: Path, mode: str) -> None:
    before = committed.read_bytes()
    with holding(HOLD, committed, mode, 60) as process:
        begin = time.monotonic()
        with pytest.raises(ProjectLockedError) as caught, project_file(committed, 0.2).write(CREATED):
            pass
        waited = time.monotonic() - begin
        assert str(caught.value) == held_by(committed, process, "0.2")

    assert 0.2 <= waited < 2
    assert committed.read_bytes() == before


def test_a_reader_waits_for_a_writer_only(committed: Path) -> None:
    with holding(HOLD, committed, "exclusive", 60) as process:
        with pytest.raises(ProjectLockedError) as caught, project_file(committed, 0.1).read():
            pass
        assert str(caught.value) == held_by(committed, process, "0.1")
    with holding(HOLD, committed, "shared", 60), project_file(committed, 0.1).read() as session:
        assert session.root.group(RUN).attributes(OWNER)["a"] == 1


def test_without_patience_there_is_one_try(committed: Path) -> None:
    impatient = project_file(committed, 0)
    with (
        holding(HOLD, committed, "exclusive", 60),
        pytest.raises(ProjectLockedError, match="waited 0 s"),
        impatient.read(),
    ):
        pass
    with impatient.read():
        pass


def test_waiting_ends_when_the_holder_lets_go(committed: Path) -> None:
    with holding(HOLD, committed, "exclusive", 0.3):
        begin = time.monotonic()
        with project_file(committed, 30).write(CREATED) as session:
            session.write_run(FOLDER, "second", GroupDraft({"a": 2}), OWNER)
        assert 0.05 < time.monotonic() - begin < 10

    with project_file(committed).read() as session:
        assert session.root.group(FOLDER).names() == ["run", "second"]


def test_a_lock_dies_with_its_process(committed: Path) -> None:
    with holding(HOLD, committed, "exclusive", 60) as process:
        process.kill()
        process.wait()
        with project_file(committed, 5).write(CREATED):
            pass


def test_a_stock_reader_keeps_our_writer_out_and_our_reader_not(committed: Path) -> None:
    with holding(STOCK, committed, "r", 60) as process:
        with project_file(committed).read() as session:
            assert session.root.group(RUN).attributes(OWNER)["a"] == 1
        with pytest.raises(ProjectLockedError) as caught, project_file(committed).write(CREATED):
            pass
        assert str(caught.value) == held_by(committed, process, "0.1")


def test_our_reader_keeps_a_stock_writer_out_and_a_stock_reader_not(committed: Path) -> None:
    with project_file(committed).read():
        with h5py.File(committed, "r") as file:
            assert file[RUN].attrs["a"] == 1
        assert run("import sys, h5py; print(list(h5py.File(sys.argv[1]))[0])", committed) == "README\n"
        with pytest.raises(BlockingIOError, match="unable to lock file"):
            h5py.File(committed, "r+")


def test_our_writer_keeps_everybody_out(committed: Path) -> None:
    with project_file(committed).write(CREATED) as session:
        session.write_run(FOLDER, "second", GroupDraft({"a": 2}), OWNER)
        with pytest.raises(BlockingIOError, match="unable to lock file"):
            h5py.File(committed, "r")
        with (
            pytest.raises(ProjectLockedError, match=rf"held by process {os.getpid()} \("),
            project_file(committed).read(),
        ):
            pass


def test_a_stock_writer_keeps_our_reader_out(committed: Path) -> None:
    with holding(STOCK, committed, "r+", 60) as process:
        with pytest.raises(ProjectLockedError) as caught, project_file(committed).read():
            pass
        assert str(caught.value) == held_by(committed, process, "0.1")


FLAGGED = (
    "{path}: a program that writes HDF5 without aerchive stopped, or is still, in the middle of a write; close it. "
    "If it has died, `h5clear -s` makes the file readable again, then check it. If this is a copy that was made while "
    "that program wrote, copy it again"
)


def test_a_stock_writer_that_died_is_noticed(committed: Path) -> None:
    with holding(STOCK, committed, "r+", 60) as process:
        process.kill()
        process.wait()
    assert committed.read_bytes()[11] & 1
    before = committed.read_bytes()

    for session in (project_file(committed).read(), project_file(committed).write(CREATED)):
        with pytest.raises(IntegrityError) as caught, session:
            pass
        assert str(caught.value) == FLAGGED.format(path=committed)
    assert committed.read_bytes() == before


def test_a_long_wait_tells_since_when(committed: Path) -> None:
    with (
        holding(HOLD, committed, "shared", 60) as process,
        pytest.raises(ProjectLockedError) as caught,
        project_file(committed, 0.6).write(CREATED),
    ):
        pass
    pattern = rf"process {process.pid} \(.*\) on \S+, since (\d\d:\d\d:\d\d) or before; waited 0.6 s"
    told = re.search(pattern, str(caught.value))
    assert told is not None, caught.value
    since = time.strptime(told[1], "%H:%M:%S")
    assert since.tm_min in (time.localtime().tm_min, time.localtime(time.time() - 5).tm_min)


READ_ON_AND_ON = """
import sys, time
from pathlib import Path
from tests.samples import project_file
file = project_file(Path(sys.argv[1]), 60)
print("held", flush=True)
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    with file.read():
        time.sleep(0.05)
"""


def test_readers_without_a_gap_do_not_keep_a_writer_out(committed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).resolve().parents[3]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root), *filter(None, sys.path)]))
    waits = []
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(holding(READ_ON_AND_ON, committed, 60))
        for _ in range(5):
            begun = time.monotonic()
            with project_file(committed, 30).write(CREATED):
                waits.append(time.monotonic() - begun)
    assert max(waits) < 10, waits  # never, without the turnstile: six readers, each there nine tenths of the time


def test_writers_without_a_gap_do_not_keep_a_reader_out(committed: Path) -> None:
    """Writers always wait there, and a reader lets them go first only for a while."""
    with committed.open("r+b") as waiting, locks._Turnstile(waiting.fileno()) as turnstile:
        turnstile.take()
        with committed.open("rb") as file:
            begun = time.monotonic()
            locks.lock(file.fileno(), "p.h5", exclusive=False, timeout_s=5)
            assert 0.2 < time.monotonic() - begun < 4


def test_where_there_is_no_turnstile_locks_work_the_same(committed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks._Turnstile, "_COMMAND_SET", None)
    monkeypatch.setattr(locks._Turnstile, "_COMMAND_GET", None)
    with holding(HOLD, committed, "shared", 0.3), project_file(committed, 30).write(CREATED):
        pass


def without_locks(fd: int, mode: int) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def test_a_file_system_without_locks_is_not_written(committed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = committed.read_bytes()
    monkeypatch.setattr(fcntl, "flock", without_locks)

    with pytest.raises(WriteError) as caught, project_file(committed).write(CREATED):
        pass

    assert str(caught.value) == (
        f"{committed}: the file system cannot lock files (No locks available); nothing was saved. Keep the project on "
        "another file system and copy it with 'aerchive copy'"
    )
    assert committed.read_bytes() == before


def test_a_file_system_without_locks_can_be_read(committed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", without_locks)
    with project_file(committed).read() as session:
        assert session.root.group(RUN).attributes(OWNER)["a"] == 1


def test_where_only_folders_cannot_be_locked_a_project_is_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fcntl.flock

    def no_folders(fd: int, mode: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(fd, mode)

    monkeypatch.setattr(fcntl, "flock", no_folders)
    write_run(path, GroupDraft({"a": 1}))
    with project_file(path).read() as session:
        assert session.root.group(RUN).attributes(OWNER)["a"] == 1


def test_another_error_of_the_lock_is_not_hidden() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        locks.lock(10**6, "p.h5", exclusive=False, timeout_s=5)


def test_all_holders_are_named(committed: Path) -> None:
    with holding(HOLD, committed, "shared", 60) as one, holding(HOLD, committed, "shared", 60) as other:
        with committed.open("rb") as file:
            told = locks.Holders(file.fileno()).describe()
        assert str(one.pid) in told
        assert str(other.pid) in told
    with committed.open("rb") as file:
        assert locks.Holders(file.fileno()).describe() == "another program has the project open"


def test_a_file_replaced_while_waiting_is_opened_anew(committed: Path) -> None:
    other = committed.with_name("other.h5")
    write_run(other, GroupDraft({"a": 2}))
    done = threading.Event()

    def replace() -> None:
        time.sleep(0.2)
        os.replace(other, committed)
        done.set()

    with holding(HOLD, committed, "exclusive", 0.6):
        thread = threading.Thread(target=replace)
        thread.start()
        with project_file(committed, 30).read() as session:
            assert done.is_set()
            assert session.root.group(RUN).attributes(OWNER)["a"] == 2
        thread.join()


WRITE_MANY = """
import sys
from pathlib import Path
from aerchive.storage.chunks.drafts import GroupDraft
from tests.samples import CREATED, FOLDER, project_file
shared = project_file(Path(sys.argv[1]), 60)
for i in range(8):
    with shared.write(CREATED) as session:
        session.write_run(FOLDER, f"{sys.argv[2]}-{i}", GroupDraft({"n": i}), "u")
"""


def test_processes_that_make_the_same_project_at_once_share_it(path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    search = os.pathsep.join([str(root), *filter(None, sys.path)])
    writers = [start(WRITE_MANY, path, name, environment={"PYTHONPATH": search}) for name in "abc"]
    for writer in writers:
        _, err = writer.communicate(timeout=60)
        assert (writer.returncode, err) == (0, "")

    with project_file(path).read() as session:
        assert session.root.group(FOLDER).names() == [f"{name}-{i}" for name in "abc" for i in range(8)]
    assert list(path.parent.iterdir()) == [path]
