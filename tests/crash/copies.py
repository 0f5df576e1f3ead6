"""Copies that a program that knows no locks makes, such as ``cp``, while another process commits.

Such a copy may be a mixture of states: what was read first is older than what was read last. `copied` makes copies with
real processes; `modelled` makes them from the recorded operations of commits, and so the same ones each time. What
comes of each copy is one of these:

* ``clean``: runs are saved into it, and `verify` finds nothing;
* ``mixture``: it is read, and nothing is saved into it;
* ``not opened``: it is refused with an error of aerchive;
* ``vetting crashed``: HDF5 crashed in the child that vets it, and so it is refused;
* ``damaged run``: a run cannot be read, vetting finds that, and other runs are saved;
* ``MISSED``: runs were saved into it, and `verify` finds something of which vetting said nothing;
* ``CRASHED``: a process that opens it, or saves into it, crashes, or raises an exception that is not aerchive's.

``python3 tests/crash/copies.py --copies 200 --modelled 2000 --keep FOLDER`` tries them. The exit code is 0 if nothing
was missed and nothing crashed.
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
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from aerchive.errors import AerchiveError, IntegrityError, UnsafeContentError
from aerchive.project.project import Project
from aerchive.storage import vet_child, vetting
from aerchive.testing.disks import Operation, RecordingDisk, final_content, using
from tests.crash.folders import memory_folder
from tests.drafts import draft_of, job_id, project_at

BAD = ("MISSED", "CRASHED")
BLOCKS = (512, 4096, 131_072)
"""Sizes of what a copying program reads at once, in bytes."""
PATIENCE_S = 60
RUNS = 40
"""Runs that a project has before its writer begins."""
NEW = 900_000
"""Number of the first run that is saved into copies."""


class Work:
    """Commits of one kind on a project, without end.

    Args:
        project: The project.
        kind: What is done; a key of `KINDS`.
        chance: For choices.
        numbers: The numbers of the runs that the project has.
    """

    def __init__(self, project: Project, kind: str, chance: random.Random, numbers: int) -> None:
        self._project = project
        self._chance = chance
        self._steps = KINDS[kind]
        self._there = list(range(numbers))
        self._next = numbers

    def pause_s(self) -> float:
        """Time until the next commit, in seconds; large runs must not come faster than they are copied."""
        return self._chance.choice((0, 0, 0.01, 0.05)) + 0.05 * ("_large" in str(self._steps))

    def step(self, name: str = "") -> None:
        """Does one commit: the named one, or one of those of its kind."""
        getattr(self, f"_{name or self._chance.choice(self._steps)}")()

    def _save(self, extra_bytes: int = 0) -> None:
        number, self._next = self._next, self._next + 1
        self._there.append(number)
        self._project.archive(draft_of(number, extra_bytes=extra_bytes, day=20 + number // 30 % 8))

    def _save_large(self) -> None:
        self._save(self._chance.randrange(1_000_000, 2_000_000))

    def _save_many(self) -> None:
        with self._project.transaction():
            for _ in range(10):
                self._save()

    def _label(self) -> None:
        run = self._project[job_id(self._chance.choice(self._there))]
        number = self._chance.randrange(1000)
        change = self._chance.choice(
            (
                lambda: run.add_tags(f"tag-{number}"),
                lambda: run.remove_tags(*run.tags),
                lambda: run.rename(f"name-{number}" * (number % 9)),
                lambda: run.annotate("n" * number, {"number": number}),
            )
        )
        change()

    def _tag_many(self) -> None:
        chosen = self._chance.sample(self._there, min(10, len(self._there)))
        self._project.tag(job_ids=[job_id(number) for number in chosen], add=f"many-{self._chance.randrange(1000)}")

    def _delete(self) -> None:
        if len(self._there) > 2:
            number = self._there.pop(self._chance.randrange(len(self._there)))
            self._project.delete_job(job_id(number))

    def _restore(self) -> None:
        number = self._there.pop(self._chance.randrange(len(self._there)))
        self._project.delete_job(job_id(number))
        self._project.restore(job_id(number))
        self._there.append(number)

    def _compact(self) -> None:
        self._project.compact(force=True)

    def _rebuild(self) -> None:
        self._project.rebuild_catalogue()


KINDS: dict[str, tuple[str, ...]] = {
    "small runs": ("save",),
    "large runs": ("save_large",),
    "transactions": ("save_many", "tag_many"),
    "labels": ("label",),
    "labels of many": ("tag_many", "label"),
    "deletions": ("save", "delete", "restore"),
    "compactions": ("save", "save", "delete", "label", "compact"),
    "all": ("save", "save", "save_large", "save_many", "label", "tag_many", "delete", "restore", "compact", "rebuild"),
}
IN_PLACE = [kind for kind, steps in KINDS.items() if "compact" not in steps]
"""Kinds that change the file; a compaction puts another in its place."""


def make_project(path: Path, runs: int, nbytes: int = 0) -> None:
    """Makes a project of so many runs, each with an array of so many bytes."""
    project = project_at(path)
    with project.transaction():
        for number in range(runs):
            project.archive(draft_of(number, extra_bytes=nbytes))


# -- copies by real processes


def by_cp(source: Path, target: Path, _: random.Random) -> None:
    subprocess.run(["cp", source, target], check=True)


def by_dd(source: Path, target: Path, chance: random.Random) -> None:
    size = chance.choice((512, 4096, 65536))
    subprocess.run(["dd", f"if={source}", f"of={target}", f"bs={size}", "status=none"], check=True)


def by_python(source: Path, target: Path, _: random.Random) -> None:
    shutil.copyfile(source, target)


def slowly(source: Path, target: Path, chance: random.Random) -> None:
    """As over a slow network: it takes about half a second, in blocks of one size."""
    block = chance.choice((4096, 32768, 262144))
    pause = 0.5 * block / max(source.stat().st_size, 1)
    end = time.monotonic() + 1  # the rest is read fast: the file may grow as fast as it is read
    with open(source, "rb", buffering=0) as old, open(target, "wb", buffering=0) as new:
        while data := old.read(block):
            new.write(data)
            if time.monotonic() < end:
                time.sleep(pause)


WAYS: tuple[Callable[[Path, Path, random.Random], None], ...] = (by_cp, by_dd, by_python, slowly, slowly)


@contextlib.contextmanager
def writer(path: Path, kind: str, seed: int) -> Iterator[None]:
    """A process that commits until the block ends."""
    child = os.fork()
    if not child:
        try:
            work = Work(project_at(path, lock_timeout_s=PATIENCE_S), kind, random.Random(seed), RUNS)
            while True:
                work.step()
                time.sleep(work.pause_s())
        except BaseException:  # noqa: BLE001  (the child must not go on as its parent)
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(1)
    try:
        yield
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "the writer ended by itself"
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def copied(folder: Path, number: int, *, seed: int = 0, keep: Path | None = None) -> Iterator[tuple[str, str, str]]:
    """Makes copies while another process commits, some after each start of it.

    Yields:
        Kind of the commits and way of the copy; what came of it; and what `verify` or the error said.
    """
    chance = random.Random(seed)
    at_once = 5
    for first in range(0, number, at_once):
        kind = list(KINDS)[first // at_once % len(KINDS)]
        place = Path(tempfile.mkdtemp(dir=folder))
        path = place / "project.h5"
        nbytes = chance.choice((0, 0, 0, 7, 7, 20, 50)) * 1_000_000
        make_project(path, RUNS, nbytes // RUNS)
        ways = [chance.choice(WAYS) for _ in range(min(at_once, number - first))]
        targets = [place / f"copy-{index}.h5" for index in range(len(ways))]
        with writer(path, kind, seed + first):
            time.sleep(0.3)
            for way, target in zip(ways, targets, strict=True):
                way(path, target, chance)
                time.sleep(chance.uniform(0, 0.02))
        for way, target in zip(ways, targets, strict=True):
            words = f"{kind}, {way.__name__}, {nbytes // 1_000_000} MB"
            yield words, *end_of(target, keep)
        shutil.rmtree(place)


# -- copies that follow from recorded operations


def modelled(
    folder: Path, number: int, *, seed: int = 0, keep: Path | None = None, runs: int = RUNS
) -> Iterator[tuple[str, str, str]]:
    """Makes copies of which the first bytes are of one moment and the others of a later one, or of two later ones.

    Yields:
        As `copied` does.
    """
    chance = random.Random(seed)
    for kind in IN_PLACE:
        place = Path(tempfile.mkdtemp(dir=folder))
        initial, log = recorded(place, kind, seed=seed, runs=runs)
        for _ in range(number // len(IN_PLACE)):
            content, words = mixture(initial, log, chance)
            target = place / "copy.h5"
            target.write_bytes(content)
            yield f"{kind}: {words}", *end_of(target, keep, in_process=True)
            target.unlink()
        shutil.rmtree(place)


def recorded(
    folder: Path, kind: str, *, seed: int = 0, runs: int = RUNS, commits: int = 12
) -> tuple[bytes, list[Operation]]:
    """Does commits; returns the file before them, and what was done to it."""
    path = folder / "project.h5"
    with using(RecordingDisk()) as disk:
        make_project(path, runs)
        work = Work(project_at(path), kind, random.Random(seed), runs)
        disk.log.clear()
        initial = path.read_bytes()
        for _ in range(commits):
            work.step()
        log = disk.of(path)
    assert final_content(initial, log) == path.read_bytes()
    return initial, log


def mixture(initial: bytes, log: list[Operation], chance: random.Random) -> tuple[bytes, str]:
    """A copy that reads parts of the file at two or three moments."""
    moments = sorted(chance.randrange(len(log) + 1) for _ in range(chance.choice((2, 2, 3))))
    if chance.random() < 0.7:  # moments that are near to each other
        begun = chance.randrange(len(log) + 1)
        moments = sorted(min(len(log), begun + chance.randrange(12)) for _ in moments)
    contents = [final_content(initial, log[:moment]) for moment in moments]
    block = chance.choice(BLOCKS)
    cuts = sorted(chance.randrange(len(contents[-1]) // block + 1) * block for _ in contents[1:])
    copy = b""
    for content, stop in zip(contents, [*cuts, len(contents[-1])], strict=True):
        copy += content[len(copy) : stop]
        if len(copy) < stop:  # the file was shorter then, and the copying program saw its end
            break
    return copy, f"{moments} at {cuts}"


# -- what comes of a copy


def end_of(copy: Path, keep: Path | None, *, in_process: bool = False) -> tuple[str, str]:
    """What comes of a copy, and the reason; it is tried in a process of its own.

    Args:
        copy: The copy; it is changed.
        keep: A folder for copies that were missed, or crashed a process.
        in_process: Whether that process vets it itself, which takes less time.
    """
    content = copy.read_bytes()
    with tempfile.TemporaryFile() as log:
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            signal.alarm(PATIENCE_S)
            os.environ |= {"AERCHIVE_VET": "always", "AERCHIVE_KNOWN_FILES": str(copy.with_name("known"))}
            try:
                with mock.patch.object(vetting, "run_limited", _vet_here) if in_process else contextlib.nullcontext():
                    end, why = _use(copy, lambda: os.write(log.fileno(), b"vetted\n") and None)
            except BaseException as error:  # noqa: BLE001  (the child must not go on as its parent)
                end, why = "CRASHED", repr(error)
            os.write(log.fileno(), json.dumps([end, why]).encode())
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        *vetted, said = os.pread(log.fileno(), 1 << 16, 0).decode().split("\n")
    if status:
        end, why = "CRASHED" if vetted or not in_process else "vetting crashed", f"it ended with status {status}"
    else:
        end, why = json.loads(said)
    if end in BAD and keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        kept = keep / f"{len(os.listdir(keep)):04d}-{end}.h5"
        kept.write_bytes(content)
        why = f"{kept.name}: {why}"
    return end, why.replace("\n", " ")


def _vet_here(module: str, function: str, arguments: list[Any], *_: object) -> dict[str, Any]:
    assert (module, function) == (vet_child.__name__, "vet")
    return vet_child.vet(*arguments)


def _use(copy: Path, vetted: Callable[[], None]) -> tuple[str, str]:
    """Opens a copy, saves runs into it, labels one and verifies everything."""
    content = copy.read_bytes()
    try:
        project = project_at(copy)
        runs = len(list(project))
    except AerchiveError as error:
        return "vetting crashed" if isinstance(error, UnsafeContentError) else "not opened", str(error)
    vetted()
    try:
        project.archive(draft_of(NEW))
    except IntegrityError as error:
        if "nothing is saved into it" in str(error):
            return "mixture", str(error)
        raise
    project.archive(draft_of(NEW + 1))
    project[job_id(NEW)].add_tags("seen")
    problems = project.verify().problems
    if len(list(project)) != runs + 2:
        problems.append(f"there are {len(list(project))} runs, and not {runs} and two new ones")
    if not problems:
        return "clean", ""
    copy.write_bytes(content)
    with open(copy, "rb") as file:
        known = vetting.vet(file.fileno(), str(copy)).findings
    return ("damaged run", known[0]) if known else ("MISSED", problems[0])


def tried(copies: Iterator[tuple[str, str, str]]) -> tuple[dict[str, int], list[str]]:
    """How often each thing came of copies, and a line for each copy with which something is wrong."""
    figures: collections.Counter[str] = collections.Counter()
    problems = []
    for words, end, why in copies:
        figures[end] += 1
        if end in BAD:
            problems.append(f"{end}: {words}: {why}")
        if figures.total() % 20 == 0:
            print(f"  {dict(figures)}", *problems[-1:], file=sys.stderr, flush=True)
    return dict(figures), problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=200)
    parser.add_argument("--modelled", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for copies with which something is wrong")
    given = parser.parse_args()
    bad = 0
    for make, number, parent in ((copied, given.copies, None), (modelled, given.modelled, memory_folder())):
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            figures, problems = tried(make(Path(folder), number, seed=given.seed, keep=given.keep))
        print(*problems, sep="\n", end="\n" if problems else "")
        print(f"{make.__name__}: {json.dumps(figures | {'seconds': round(time.monotonic() - begun)})}", flush=True)
        bad += len(problems)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
