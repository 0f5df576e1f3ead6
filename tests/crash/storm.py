"""Storms: processes that save runs are killed or interrupted at random moments, again and again.

In a process of its own, because it forks: everything is imported once, and a victim costs milliseconds.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from aerchive.project.documents.draft import RunDraft
from aerchive.testing.disks import SlowDisk, UnsyncedDisk, using
from tests.drafts import draft_of, job_id, model_of, project_at
from tests.views import project_view, stock_values

RUNS_PER_FILE = 60
"""A new project is begun after so many, so that looking at all of it stays cheap."""
PATIENCE_S = 10.0


def draft_for(number: int) -> RunDraft:
    """Runs of all sizes, known by their number."""
    return draft_of(number, extra_bytes={0: 40_000, 5: 1_200_000}.get(number % 10, 0), day=20 + number % 3)


class Storm:
    """Victims one after another on one project after another.

    Args:
        folder: For the projects.
        seed: Of the moments.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self.chance = random.Random(seed)
        self.figures: collections.Counter[str] = collections.Counter()
        self._number = 0
        self._file = 0
        self.path = folder / "project-0.h5"
        self.acknowledged: set[str] = set()
        self._deleted: set[str] = set()

    def next_numbers(self) -> range:
        """Of the runs the next victim saves; victims do not share any."""
        if self._number - self._file * 1000 >= RUNS_PER_FILE:
            self._begin_file()
        return range(self._number, self._number + 1000)

    def _begin_file(self) -> None:
        self.path.unlink(missing_ok=True)  # on a busy machine no victim may have got so far
        self._file += 1
        self._number = self._file * 1000
        self.path = self._folder / f"project-{self._file}.h5"
        self.acknowledged = set()
        self._deleted = set()

    def forget(self, deleted: set[str], begun: set[str]) -> None:
        """These runs were deleted, or were about to be; those must not come back."""
        self._deleted |= deleted
        self.acknowledged -= begun

    def look(self, saved: list[str], tried: int) -> None:
        """Every acknowledged run must be there and readable, and no half of another."""
        self.acknowledged.update(saved)
        self._number += tried
        self.figures["acknowledged"] += len(saved)
        if not self.path.exists():
            assert not self.acknowledged, f"the project is gone, and with it {sorted(self.acknowledged)}"
            self.figures["stopped before there was a file"] += 1
            return
        recovered = project_at(self.path, lock_timeout_s=PATIENCE_S).file.recover()
        self.figures["recoveries"] += recovered
        found = project_view(self.path)
        missing = self.acknowledged - found.keys()
        assert not missing, f"acknowledged and lost: {sorted(missing)}"
        assert not self._deleted & found.keys(), f"deleted and back: {sorted(self._deleted & found.keys())}"
        expected = model_of(draft_for(int(job.removeprefix("job-"))) for job in found)
        assert found == expected, "a run is not what was saved"
        assert stock_values(self.path) == {job: values for job, (_, values) in found.items()}
        extra = found.keys() - self.acknowledged
        self.figures["saved and not yet acknowledged"] += len(extra)
        self.acknowledged.update(extra)


def kill_storm(folder: Path, kills: int, *, seed: int = 0, pause_s: float = 0.0) -> dict[str, int]:
    """SIGKILL at random moments.

    Args:
        folder: For the projects.
        kills: How many.
        seed: Of the moments.
        pause_s: Of each write of the disk, in seconds.
    """
    storm = Storm(folder, seed)
    longest = 0.04 + 60 * pause_s
    for kill in range(kills):
        numbers = storm.next_numbers()
        with _victim(lambda tell, numbers=numbers: _save(storm.path, numbers, tell, pause_s)) as (child, lines):
            if kill % 2:  # on a busy machine the other half may all come before the first commit
                _wait_for_one(lines)
            time.sleep(storm.chance.uniform(0, longest))
            os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
            assert os.WIFSIGNALED(status), f"ended by itself with {status}: {lines()[-3:]}"
            said = lines()
        storm.figures["kills"] += 1
        storm.look([line[3:] for line in said if line.startswith("ok ")], len(said) + 2)
    return dict(storm.figures)


def interrupt_storm(folder: Path, interrupts: int, *, seed: int = 0) -> dict[str, int]:
    """SIGINT at random moments: several for one process, which goes on after each."""
    storm = Storm(folder, seed)
    while storm.figures["interrupts"] < interrupts:
        numbers = storm.next_numbers()
        with _victim(lambda tell, numbers=numbers: _save_stubbornly(storm.path, numbers, tell)) as (child, lines):
            _wait_for_one(lines)
            for _ in range(8):
                time.sleep(storm.chance.uniform(0.001, 0.03))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGINT)
                storm.figures["interrupts"] += 1
            time.sleep(0.02)
            os.kill(child, signal.SIGTERM)
            status = _wait(child)
            said = lines()
        problems = [line for line in said if line.startswith("bad ")]
        assert not problems, problems
        assert status in (0, signal.SIGTERM), f"ended with status {status}: {said[-3:]}"
        storm.figures["processes"] += 1
        storm.figures["KeyboardInterrupt"] += sum(line.startswith("interrupted") for line in said)
        storm.look([line[3:] for line in said if line.startswith("ok ")], len(said) + 2)
    return dict(storm.figures)


def compact_storm(folder: Path, kills: int, *, seed: int = 0) -> dict[str, int]:
    """SIGKILL for a process that compacts again and again, while another saves and deletes; then for that one, too."""
    storm = Storm(folder, seed)
    for _ in range(kills):
        numbers = storm.next_numbers()
        with (
            _victim(lambda tell, numbers=numbers: _save_and_delete(storm.path, numbers, tell)) as (saver, told),
            _victim(lambda tell: _compact_on(storm.path, tell)) as (compactor, compacted),
        ):
            _wait_for_one(told)
            if storm.chance.random() < 0.5:
                _wait_for_one(compacted)
            time.sleep(storm.chance.uniform(0, 0.15))
            os.kill(compactor, signal.SIGKILL)
            status = os.waitpid(compactor, 0)[1]
            assert os.WIFSIGNALED(status), f"ended by itself with {status}: {compacted()[-3:]}"
            before = len(told())
            deadline = time.monotonic() + PATIENCE_S
            while len(told()) == before and time.monotonic() < deadline:  # the other goes on
                time.sleep(0.001)
            assert len(told()) > before, "nothing is saved any more"
            os.kill(saver, signal.SIGKILL)
            status = os.waitpid(saver, 0)[1]
            assert os.WIFSIGNALED(status), f"ended by itself with {status}: {told()[-3:]}"
            said = told()
            storm.figures["compactions"] += len(compacted())
        storm.figures["kills"] += 2
        storm.figures["left over"] += len(list(folder.glob(".*.compact-*")))
        gone = {line[5:] for line in said if line.startswith("gone ")}
        begun = {line[3:] for line in said if line.startswith("rm ")}
        storm.forget(gone, begun)
        storm.look([line[3:] for line in said if line.startswith("ok ") and line[3:] not in begun], len(said) + 2)
        project_at(storm.path, lock_timeout_s=PATIENCE_S).recover()
        assert not list(folder.glob(".*.compact-*"))
        assert project_at(storm.path).verify().ok
    return dict(storm.figures)


def _save_and_delete(path: Path, numbers: range, tell: Callable[[str], None]) -> None:
    project = project_at(path, lock_timeout_s=PATIENCE_S)
    for number in numbers:
        project.archive(draft_for(number))
        tell(f"ok {job_id(number)}")
        if number % 4 == 3:
            tell(f"rm {job_id(number)}")
            project.delete_job(job_id(number))
            tell(f"gone {job_id(number)}")


def _compact_on(path: Path, tell: Callable[[str], None]) -> None:
    project = project_at(path, lock_timeout_s=PATIENCE_S)
    while True:
        if path.exists():
            project.compact(force=True)
            tell("compacted")


def _save(path: Path, numbers: range, tell: Callable[[str], None], pause_s: float) -> None:
    project = project_at(path, lock_timeout_s=PATIENCE_S)
    with using(SlowDisk(pause_s)) if pause_s else contextlib.nullcontext():
        for number in numbers:
            project.archive(draft_for(number))
            tell(f"ok {job_id(number)}")


def _save_stubbornly(path: Path, numbers: range, tell: Callable[[str], None]) -> None:
    left = iter(numbers)
    while True:
        try:
            project = project_at(path, lock_timeout_s=PATIENCE_S)
            for number in left:
                begun = time.monotonic()
                project.archive(draft_for(number))
                if time.monotonic() - begun > PATIENCE_S / 2:
                    tell("bad: a lock was left behind")
                tell(f"ok {job_id(number)}")
        except KeyboardInterrupt:
            tell("interrupted")
        except Exception as error:
            tell(f"bad {error!r}")
            raise


@contextlib.contextmanager
def _victim(work: Callable[[Callable[[str], None]], None]) -> Iterator[tuple[int, Callable[[], list[str]]]]:
    """A child that works; what it told, line by line, outlives it."""
    with tempfile.TemporaryFile() as log:
        child = os.fork()
        if not child:
            try:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                work(lambda text: os.write(log.fileno(), f"{text}\n".encode()) and None)
            except KeyboardInterrupt:  # between two saves, in the handling of the one before
                os._exit(0)
            except BaseException:  # noqa: BLE001  (the child must not go on as its parent)
                sys.excepthook(*sys.exc_info())
                os._exit(1)
            os._exit(0)

        def lines() -> list[str]:
            size = os.fstat(log.fileno()).st_size
            return os.pread(log.fileno(), size, 0).decode().splitlines()

        yield child, lines


def _wait_for_one(lines: Callable[[], list[str]]) -> None:
    """Until the victim has told something, on a machine as slow as it likes."""
    deadline = time.monotonic() + PATIENCE_S
    while not lines() and time.monotonic() < deadline:
        time.sleep(0.001)


def _wait(child: int) -> int:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)  # it held the signal back for too long
    return os.waitpid(child, 0)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["kill", "interrupt", "compact"])
    parser.add_argument("number", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pause", type=float, default=0.0, help="of each write, in seconds")
    parser.add_argument("--unsynced", action="store_true", help="do not wait for the medium")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        with using(UnsyncedDisk()) if given.unsynced else contextlib.nullcontext():
            if given.kind == "kill":
                figures = kill_storm(folder, given.number, seed=given.seed, pause_s=given.pause)
            elif given.kind == "compact":
                figures = compact_storm(folder, given.number, seed=given.seed)
            else:
                figures = interrupt_storm(folder, given.number, seed=given.seed)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
