"""Compactions that are killed, or whose disk fails, at one call after another; the old file or the new one is there."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

from aerchive.errors import AerchiveError, CommittedError, UncertainError
from aerchive.testing.disks import FailingDisk, UnsyncedDisk, fault, using
from tests import processes
from tests.crash.matrix import NEXT
from tests.drafts import Model, draft_of, job_id, model_of, project_at
from tests.views import project_view, stock_values, stock_view

SEVERAL_CHUNKS = 1024 * 1024 + 70_000


def make(path: Path) -> Model:
    """A project of which a part is dead."""
    with using(UnsyncedDisk()):
        project = project_at(path)
        for number in range(4):
            project.archive(draft_of(number, extra_bytes=SEVERAL_CHUNKS if number == 2 else 20_000))
        project[job_id(3)].add_tags("kept")
        project.delete_jobs([job_id(0), job_id(1)])
        return project_view(path)


def is_right(path: Path, model: Model) -> None:
    """The project shows what it must, to everybody, and goes on."""
    assert project_view(path) == model
    assert stock_values(path) == {job: values for job, (_, values) in model.items()}
    stock_view(path)
    content = path.read_bytes()
    with using(UnsyncedDisk()):
        project_at(path).archive(NEXT)
        assert project_view(path) == model | model_of([NEXT])
    path.write_bytes(content)


KILL = """
import os, signal, sys
from pathlib import Path
from aerchive.storage.commits import replacing
from aerchive.testing.disks import RecordingDisk, using
from tests.drafts import job_id, project_at
from tests.views import project_view
from tests.crash.compactions import is_right, make

path, every, first = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
model = make(path)
old = path.read_bytes()

class Deadly:
    # Kills this process before its n-th call that changes anything.
    def __init__(self, nth):
        self.left = nth
        self.calls = 0

    def step(self):
        self.calls += 1
        if self.calls > self.left >= 0:
            os.kill(os.getpid(), signal.SIGKILL)

class DeadlyDisk(RecordingDisk):
    def write(self, fd, data, offset):
        deadly.step()
        super().write(fd, data[: len(data) // 2], offset)  # torn, if the next step is deadly
        super().write(fd, data, offset)
        self.log.clear()

    def truncate(self, fd, size):
        deadly.step()
        super().truncate(fd, size)

    def sync(self, fd):
        deadly.step()

def around(module, name):
    real = getattr(module, name)

    def wrapped(*arguments, **options):
        deadly.step()
        result = real(*arguments, **options)
        deadly.step()
        return result

    setattr(module, name, wrapped)

for module, name in [(os, "rename"), (os, "unlink"), (os, "fchmod"), (replacing, "sync_folder")]:
    around(module, name)

def compact(nth):
    global deadly
    path.write_bytes(old)
    deadly = Deadly(nth)
    with using(DeadlyDisk()):
        project_at(path).compact()
    return deadly.calls

total = compact(-1)
figures = {"old": 0, "new": 0, "left": 0}
steps = sorted({*range(first % every, total, every), *range(total - 8, total)})
for nth in steps:
    child = os.fork()
    if not child:
        compact(nth)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status), (nth, total, status)
    content = path.read_bytes()
    figures["old" if content == old else "new"] += 1
    assert project_view(path) == model, nth
    left = [entry for entry in path.parent.iterdir() if entry != path]
    assert len(left) <= 1, left
    figures["left"] += len(left)
    if nth % 9 == 0 or nth > total - 8:
        is_right(path, model)
        project_at(path).compact()
        assert project_view(path) == model, nth
    else:
        project_at(path).recover()
    assert list(path.parent.iterdir()) == [path]
print(len(steps), figures["old"], figures["new"], figures["left"])
"""


def kills_at(folder: Path, every: int = 1, first: int = 0) -> dict[str, int]:
    """SIGKILL before calls that change anything, one process for each, always before the last ones.

    Args:
        folder: For the project.
        every: Of so many calls, one kills.
        first: Which.

    Returns:
        How many ``kills`` there were, after how many the ``old`` and the ``new`` file was there, and beside how many of
        these something was ``left``.
    """
    figures = processes.run(KILL, folder / "project.h5", every, first, timeout_s=3600).split()
    return dict(zip(("kills", "old", "new", "left"), map(int, figures), strict=True))


WRITES = frozenset({"write", "truncate", "sync"})
READS = frozenset({"read", "size"})


def failing(kind: int, *, sticky: bool) -> Callable[[int], FailingDisk]:
    """A disk for `faults_at`; a full one takes the first half of what is written."""
    return lambda nth: FailingDisk(nth, fault(kind), sticky=sticky, torn=kind == errno.ENOSPC, only=WRITES)


def faults_at(
    folder: Path, disk: Callable[[int], FailingDisk], only: frozenset[str], every: int = 1, first: int = 0
) -> tuple[int, list[str]]:
    """A fault at calls that a compaction makes, one compaction for each.

    Args:
        folder: For the project.
        disk: Fails at the n-th call.
        only: What kinds of calls are counted.
        every: Of so many calls, one fails.
        first: Which.

    Returns:
        How many compactions there were, and what was wrong, in words.
    """
    path = folder / "project.h5"
    model, number, wrong = make(path), 0, []
    for nth, old in _calls(path, only, every, first):
        number += 1
        problem = _judge(_compact_with(path, disk(nth)), path, old, model)
        if problem:
            wrong.append(f"{nth}: {problem}")
    return number, wrong


def _calls(path: Path, only: frozenset[str], every: int, first: int) -> Iterator[tuple[int, bytes]]:
    """The number of a call that a compaction makes, the file being as it was before."""
    old = path.read_bytes()
    with using(FailingDisk(-1, only=only)) as count:
        project_at(path).compact()
    for nth in range(first % every, len(count.calls), every):
        path.write_bytes(old)
        yield nth, old


def _compact_with(path: Path, disk: FailingDisk) -> BaseException | None:
    with using(disk):
        try:
            project_at(path).compact()
        except Exception as error:  # noqa: BLE001  (judged by the test)
            return error
    return None


def _judge(outcome: BaseException | None, path: Path, old: bytes, model: Model) -> str | None:
    """What is wrong with the outcome, in words."""
    if not isinstance(outcome, AerchiveError | None):
        return f"not typed: {outcome!r}"
    if isinstance(outcome, CommittedError | UncertainError) or ".compact-" in str(outcome):
        return f"not said of the project: {outcome!r}"
    if outcome is not None and path.read_bytes() != old:
        return f"the old file was changed: {outcome}"
    left = [entry.name for entry in path.parent.iterdir() if entry != path]
    if left:
        return f"{outcome!r} left {left}"
    return None if project_view(path) == model else f"another state after {outcome!r}"
