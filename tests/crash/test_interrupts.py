"""Ctrl-C at every line: the commit is there or not, nothing stays locked, and the next commit is as safe."""

from __future__ import annotations

import collections
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import aerchive
from aerchive.project.project import Project
from aerchive.storage.medium import interrupts
from aerchive.testing.disks import UnsyncedDisk, using
from tests import processes
from tests.drafts import draft_of, model_of, project_at
from tests.shares import ALL
from tests.views import project_view

PACKAGE = str(Path(aerchive.__file__).parent)
POINTS = 600 if ALL else 60
"""Of each action, spread over all its lines."""


class Interrupter:
    """Sends SIGINT to this process at a line that is executed, counted over this package and `contextlib`.

    Args:
        nth: The line; negative: none, to count them.
    """

    def __init__(self, nth: int) -> None:
        self.lines = 0
        self.place = ""
        self._nth = nth

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(PACKAGE) and not name.endswith("contextlib.py"):
            return None
        if event == "line":
            self.lines += 1
            if self.lines - 1 == self._nth:
                self.place = f"{Path(name).name}:{frame.f_lineno}"
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return self


def interrupted(nth: int, action: Callable[[], Any]) -> tuple[Interrupter, BaseException | None]:
    interrupter = Interrupter(nth)
    before = sys.gettrace()
    raised: BaseException | None = None
    try:
        sys.settrace(interrupter)
        try:
            action()
        finally:
            sys.settrace(before)
    except BaseException as error:  # noqa: BLE001  (judged by the test)
        raised = error
    return interrupter, raised


def first(project: Project) -> None:
    project.archive(draft_of(7))


def second(project: Project) -> None:
    project.archive(draft_of(8, extra_bytes=300_000))


def read(project: Project) -> None:
    assert "job-000000" in project


@pytest.mark.parametrize("action", [first, second, read])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_each_line(action: Callable[[Project], None], folder: Path) -> None:
    path = folder / "project.h5"
    before = sys.gettrace()
    with using(UnsyncedDisk()):
        if action is not first:
            project_at(path).archive(draft_of(0))
        content = path.read_bytes() if path.exists() else None
        old = project_view(path) if content else {}
        count, _ = interrupted(-1, lambda: action(project_at(path)))
        new = project_view(path)
        wrong = collections.Counter[str]()
        seen = collections.Counter[str]()

        for nth in range(0, count.lines, -(-count.lines // POINTS)):
            path.unlink(missing_ok=True)
            if content:
                path.write_bytes(content)
            project = project_at(path, lock_timeout_s=0.05)
            interrupter, raised = interrupted(nth, lambda project=project: action(project))
            del project
            try:
                assert raised is None or type(raised) is KeyboardInterrupt, "the interrupt became something else"
                found = project_view(path) if path.exists() else {}
                assert found in (old, new), "half a commit"
                assert raised or found == new, "no KeyboardInterrupt, and no commit"
                assert not interrupts._waiting, "later commits would not be protected"
                assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, "the handler stays ours"
                spooled = project_at(path).spools.runs()  # where a run goes if the wait for the lock is interrupted
                assert all(run.is_held for run in spooled), "a run waits that is not durable"
                project_at(path, lock_timeout_s=0.05).archive(draft_of(9))
                assert project_view(path) == (new if spooled else found) | model_of([draft_of(9)])
                assert not project_at(path).spools.runs()
                seen["new" if found == new else "old"] += 1
            except Exception as error:  # noqa: BLE001  (judged by the test)
                wrong[f"{interrupter.place}: {raised!r}: {type(error).__name__}: {str(error)[:120]}"] += 1
                interrupts._waiting.clear()
                signal.signal(signal.SIGINT, signal.default_int_handler)

    assert sys.gettrace() is before
    assert not wrong, wrong
    assert seen["old"] or action is read
    assert seen["new"]


ALARMS = """
import signal, sys
from pathlib import Path
from tests.drafts import draft_of, project_at
from tests.views import project_view, stock_values

class Alarm(Exception):
    pass

def ring(number, frame):
    raise Alarm

def unraisable(ignored):
    # An alarm may fall into a finaliser, or between the opening of a file or folder and its "with".
    if not issubclass(ignored.exc_type, (Alarm, ResourceWarning)):
        sys.__unraisablehook__(ignored)

sys.unraisablehook = unraisable
signal.signal(signal.SIGALRM, ring)
path = Path(sys.argv[1])
saved, rung = [], 0
for number in range(40):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005 + number % 13 / 1000)
        project_at(path).archive(draft_of(number))
        saved.append(number)
        project_view(path)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Alarm:
        rung += 1
signal.setitimer(signal.ITIMER_REAL, 0)
found = set(project_view(path))
assert {draft_of(number).job_id for number in saved} <= found
assert stock_values(path).keys() == found
assert project_at(path).verify().ok
print(rung)
"""


def test_handlers_that_raise_wait_for_the_end_of_a_session(folder: Path) -> None:
    """As of a batch system's warning, or of somebody's timeout."""
    assert int(processes.run(ALARMS, folder / "project.h5", timeout_s=100)) > 12
