"""Signals while a session waits for a lock: their handlers run at once, and what they raise comes out as it is."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aerchive.storage.chunks.drafts import GroupDraft
from aerchive.storage.medium import interrupts, locks
from aerchive.storage.medium.interrupts import deferred_interrupts, deliver_interrupts
from tests import processes
from tests.holding import held
from tests.samples import CREATED, FOLDER, OWNER, project_file, write_run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")


class Stop(Exception):
    """What a handler raises."""


def write(path: Path) -> None:
    with project_file(path, 60).write(CREATED) as session:
        session.write_run(FOLDER, "second", GroupDraft({"a": 2}), OWNER)


def read(path: Path) -> None:
    with project_file(path, 60).read():
        pass


def keep_writers_out(path: Path) -> None:
    """As the end of a compaction does."""
    with project_file(path, 60).without_writers():
        pass


def recover(path: Path) -> None:
    project_file(path, 60).recover()


def make(path: Path) -> None:
    """Waits for the folder."""
    write(path.with_name("new.h5"))


def copy(path: Path) -> None:
    project_file(path, 60).copy(path.with_name("copy.h5"))


WAITS: dict[str, tuple[Callable[[Path], None], bool]] = {
    "write": (write, False),
    "read": (read, False),
    "keep writers out": (keep_writers_out, False),
    "recover": (recover, False),
    "make": (make, True),
    "copy": (copy, False),
}
"""What waits for a lock, and whether it is that of the folder."""


@pytest.fixture
def committed(path: Path) -> Path:
    write_run(path, GroupDraft({"a": 1}))
    return path


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """The handlers are as they were, and so is this module."""
    numbers = [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2]
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    assert not interrupts._waiting
    assert not interrupts._came
    assert not interrupts._before


def at_the_third_pause(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> None:
    """Does something while `locks.lock` waits."""
    pauses = 0

    def sleep(seconds: float) -> None:
        nonlocal pauses
        pauses += 1
        if pauses == 3:
            action()
        assert pauses < 10_000, "waits on and on"
        time.sleep(seconds)

    monkeypatch.setattr(locks, "time", types.SimpleNamespace(sleep=sleep, monotonic=time.monotonic, strftime=str))


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def raises(error: BaseException) -> Callable[[int, Any], None]:
    def handler(_number: int, _frame: Any) -> None:
        raise error

    return handler


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), Stop("enough"), TimeoutError("enough")], ids=repr
)
@pytest.mark.parametrize("wait", WAITS)
def test_what_a_handler_raises_ends_the_wait(
    committed: Path, monkeypatch: pytest.MonkeyPatch, wait: str, error: BaseException
) -> None:
    action, is_folder = WAITS[wait]
    content, names = committed.read_bytes(), set(os.listdir(committed.parent))
    signal.signal(signal.SIGTERM, handler := raises(error))
    at_the_third_pause(monkeypatch, lambda: signal.raise_signal(signal.SIGTERM))
    before = open_files()

    with held(committed.parent if is_folder else committed, fcntl.LOCK_EX):
        with pytest.raises(type(error)) as caught:
            action(committed)
        assert open_files() == before + 1  # that of `held`

    assert caught.value is error
    assert signal.getsignal(signal.SIGTERM) is handler
    assert committed.read_bytes() == content
    assert set(os.listdir(committed.parent)) == names
    with committed.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("wait", WAITS)
def test_after_a_handler_the_wait_goes_on(committed: Path, monkeypatch: pytest.MonkeyPatch, wait: str) -> None:
    action, is_folder = WAITS[wait]
    lines = []
    holder = held(committed.parent if is_folder else committed, fcntl.LOCK_EX)

    def handler(_number: int, frame: types.FrameType) -> None:
        lines.append(frame.f_lineno)
        holder.__exit__(None, None, None)  # the lock is free from now on

    signal.signal(signal.SIGTERM, handler)
    at_the_third_pause(monkeypatch, lambda: signal.raise_signal(signal.SIGTERM))
    with holder:
        action(committed)

    assert len(lines) == 1
    assert signal.getsignal(signal.SIGTERM) is handler


def test_where_nothing_waits_any_more_signals_are_held_back_again(
    committed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    holder = held(committed, fcntl.LOCK_EX)

    def handler(number: int, _frame: Any) -> None:
        calls.append(number)
        if len(calls) == 1:
            holder.__exit__(None, None, None)

    signal.signal(signal.SIGTERM, handler)
    at_the_third_pause(monkeypatch, lambda: signal.raise_signal(signal.SIGTERM))
    with holder, project_file(committed, 60).write(CREATED):
        assert len(calls) == 1
        signal.raise_signal(signal.SIGTERM)
        assert len(calls) == 1
    assert len(calls) == 2


def test_a_handler_may_use_projects_itself(committed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = committed.with_name("other.h5")

    def handler(_number: int, _frame: Any) -> None:
        write_run(other, GroupDraft({"a": 3}))
        raise Stop

    signal.signal(signal.SIGTERM, handler)
    at_the_third_pause(monkeypatch, lambda: signal.raise_signal(signal.SIGTERM))
    with held(committed, fcntl.LOCK_EX), pytest.raises(Stop):
        write(committed)
    with project_file(other).read() as session:
        assert session.root.group(FOLDER).names() == ["run"]
    assert signal.getsignal(signal.SIGTERM) is handler


def test_what_a_handler_sets_stays(committed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later = []
    holder = held(committed, fcntl.LOCK_EX)

    def second(number: int, _frame: Any) -> None:
        later.append(number)

    def handler(_number: int, _frame: Any) -> None:
        signal.signal(signal.SIGTERM, second)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        holder.__exit__(None, None, None)

    signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGUSR1, second)
    at_the_third_pause(monkeypatch, lambda: signal.raise_signal(signal.SIGTERM))
    with holder, project_file(committed, 60).write(CREATED):
        signal.raise_signal(signal.SIGTERM)
        assert not later
    assert later == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is second
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN


@pytest.mark.parametrize("deliver", [deliver_interrupts, lambda: None], ids=["while waiting", "at the end"])
def test_each_handler_is_called_although_another_raised(deliver: Callable[[], None]) -> None:
    calls = []
    signal.signal(signal.SIGUSR1, raises(Stop("first")))
    signal.signal(signal.SIGUSR2, lambda number, _frame: calls.append(number))
    signal.signal(signal.SIGTERM, raises(Stop("last")))

    def wait() -> None:
        with deferred_interrupts():
            for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR2, signal.SIGTERM):
                signal.raise_signal(number)
            deliver()

    with pytest.raises(Stop, match="last") as caught:
        wait()

    assert str(caught.value.__context__) == "first"
    assert calls == [signal.SIGUSR2]


def test_a_handler_that_is_given_up_by_another_is_not_called() -> None:
    def never(number: int, _frame: Any) -> None:
        raise AssertionError(f"called for {number}")

    signal.signal(signal.SIGUSR1, lambda _number, _frame: signal.signal(signal.SIGUSR2, signal.SIG_IGN))
    signal.signal(signal.SIGUSR2, never)
    with deferred_interrupts():
        signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGUSR2)


def test_a_handler_that_raises_while_handlers_are_put_back_keeps_no_other_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stock, first, second = signal.signal, raises(Stop("first")), raises(Stop("second"))
    stock(signal.SIGUSR1, first)
    stock(signal.SIGUSR2, second)

    def put(number: int, handler: Any) -> Any:
        before = stock(number, handler)
        if handler is first:
            monkeypatch.undo()
            signal.raise_signal(signal.SIGUSR1)  # comes just when its handler is back
        return before

    with pytest.raises(Stop, match="first"), deferred_interrupts():
        monkeypatch.setattr(signal, "signal", put)
    assert signal.getsignal(signal.SIGUSR1) is first
    assert signal.getsignal(signal.SIGUSR2) is second


REAL = """
import signal, sys, threading
from pathlib import Path
from aerchive.storage.medium import locks
from tests.samples import CREATED, project_file

def handler(number, frame):
    print("handler", flush=True)
    sys.exit(3)

def look(self):
    locks.Holders.look = stock
    print("waiting", flush=True)

def use():
    with file.write(CREATED) if sys.argv[2] == "write" else file.read():
        print("has the lock", flush=True)

signal.signal(getattr(signal, sys.argv[3]), handler)
stock, locks.Holders.look = locks.Holders.look, look
file = project_file(Path(sys.argv[1]), 600)
if sys.argv[4] == "main thread":
    use()
else:
    thread = threading.Thread(target=use, daemon=True)
    thread.start()
    thread.join()
"""


@pytest.mark.parametrize(
    ("what", "name", "where"),
    [
        ("write", "SIGTERM", "main thread"),
        ("write", "SIGINT", "main thread"),
        ("read", "SIGTERM", "main thread"),
        ("write", "SIGTERM", "other thread"),
        ("read", "SIGINT", "other thread"),
    ],
)
def test_a_real_signal_ends_a_real_process_that_waits(committed: Path, what: str, name: str, where: str) -> None:
    kind = fcntl.LOCK_SH if what == "write" else fcntl.LOCK_EX
    with held(committed, kind), processes.start(REAL, committed, what, name, where) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "waiting\n"
            process.send_signal(getattr(signal, name))
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (out, err, process.returncode) == ("handler\n", "", 3)
