"""The disk fails at each single call: a typed error or none, the project old or new as the error says, and usable."""

from __future__ import annotations

import collections
import errno
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import qiskit_aer
from qiskit import QuantumCircuit

from aerchive.aer import AerSimulator
from aerchive.errors import AerchiveError, ArchiveWarning, CommittedError, ReadError, UncertainError, WriteError
from aerchive.project.project import Project
from aerchive.storage.medium import disk as disk_module
from aerchive.testing.disks import (
    FailingDisk,
    Fault,
    RecordingDisk,
    ShortCalls,
    UnsyncedDisk,
    crash_states,
    fault,
    using,
)
from tests import processes
from tests.crash.matrix import NEXT
from tests.crash.workloads import LARGE, archive, label, transaction
from tests.drafts import Model, draft_of, model_of, project_at
from tests.views import project_view, stock_view

Commit = Callable[[Project, Model], Model]

BASE = [draft_of(0), draft_of(1)]
COMMITS: dict[str, Commit] = {
    "append": archive(draft_of(2)),
    "append large": archive(draft_of(2, extra_bytes=LARGE)),
    "transaction": transaction(draft_of(2), draft_of(3)),
    "labels": label(0, name="changed", tags=["a"]),
}
ALL_CALLS = frozenset({"read", "write", "truncate", "sync", "size"})
FAULTS: dict[str, Callable[[], Fault]] = {
    "EIO": lambda: fault(errno.EIO),
    "ENOSPC": lambda: fault(errno.ENOSPC),
    "EINTR": lambda: fault(errno.EINTR),
    "MemoryError": MemoryError,
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return base_content(tmp_path_factory.mktemp("base") / "base.h5")


def calls_of(commit: Commit, path: Path, model: Model, only: frozenset[str] = ALL_CALLS) -> tuple[int, Model]:
    """How many calls a commit makes, and what is there after it."""
    with using(FailingDisk(-1, only=only)) as disk:
        after = commit(project_at(path), model)
    return len(disk.calls), after


def meaning(error: BaseException | None) -> str:
    """What an error says of the commit."""
    if error is None or isinstance(error, CommittedError):
        return "new"
    assert isinstance(error, AerchiveError | MemoryError), f"not typed: {error!r}"
    return "either" if isinstance(error, UncertainError) else "old"


class Judge:
    """Looks at a file with a healthy disk, at each content once."""

    def __init__(self) -> None:
        self._seen: dict[bytes, Model] = {}

    def model_in(self, path: Path) -> Model:
        """What is in a project; it must go on, too."""
        content = path.read_bytes()
        if content not in self._seen:
            with using(UnsyncedDisk()):
                found = project_view(path)
                assert path.read_bytes() == content, "a reader changed the file"
                project_at(path).recover()
                stock_view(path)
                project_at(path).archive(NEXT)
                assert project_view(path) == found | model_of([NEXT])
            self._seen[content] = found
        return self._seen[content]


EVERY_WAY = list(itertools.product(COMMITS, [False, True], FAULTS))
"""What is committed, whether the disk stays broken, and how it fails."""
IN_EACH_RUN = [
    (name, sticky, kind)
    for name, sticky, kind in EVERY_WAY
    if name == "append" or (sticky, kind) in ((False, "EIO"), (True, "ENOSPC"), (False, "MemoryError"))
]
"""All ways for one commit, and for the others one of each: a call, all from one on with a torn write, no memory."""


def base_content(path: Path) -> bytes:
    """A project of two runs."""
    for draft in BASE:
        project_at(path).archive(draft)
    return path.read_bytes()


def faults_at_each_call(
    name: str, sticky: bool, kind: str, base: bytes, folder: Path, calls: slice = slice(None)
) -> tuple[collections.Counter[str], collections.Counter[str]]:
    """Lets each call of a commit fail.

    Args:
        name: Key of `COMMITS`.
        sticky: Whether the disk stays broken.
        kind: Key of `FAULTS`.
        base: Content of the project before the commit.
        folder: Where the project is made.
        calls: Which of the calls fail, one at a time.

    Returns:
        What was raised how often, and what was wrong.
    """
    commit, model = COMMITS[name], model_of(BASE)
    path = folder / "project.h5"
    path.write_bytes(base)
    only = frozenset({"read", "write"}) if kind == "MemoryError" else ALL_CALLS
    number, after = calls_of(commit, path, model, only)
    wrong = collections.Counter[str]()
    outcomes = collections.Counter[str]()
    judge = Judge()

    chosen = range(number)[calls]
    for nth in chosen:
        path.write_bytes(base)
        raised: BaseException | None = None
        with using(FailingDisk(nth, FAULTS[kind](), sticky=sticky, torn=kind == "ENOSPC", only=only)) as disk:
            try:
                commit(project_at(path), model)
            except Exception as error:  # noqa: BLE001  (judged by the test)
                raised = error
        assert disk.has_failed
        try:
            said = meaning(raised)
            allowed = {"old": [model], "new": [after], "either": [model, after]}[said]
            if judge.model_in(path) not in allowed:
                wrong[f"{disk.calls[nth]}: {raised!r}, but found another state"] += 1
            outcomes[type(raised).__name__] += 1
        except Exception as error:  # noqa: BLE001  (judged by the test)
            wrong[f"{disk.calls[nth]}: {raised!r}, then {type(error).__name__}: {str(error)[:300]}"] += 1

    assert outcomes.total() + wrong.total() >= len(chosen)
    return outcomes, wrong


@pytest.mark.parametrize(("name", "sticky", "kind"), IN_EACH_RUN)
def test_a_fault_at_each_call(name: str, sticky: bool, kind: str, base: bytes, folder: Path) -> None:
    """Every third call, from another one on for each way; all calls of `EVERY_WAY`: ``python3 tasks.py crash``."""
    first = IN_EACH_RUN.index((name, sticky, kind)) % 3
    outcomes, wrong = faults_at_each_call(name, sticky, kind, base, folder, slice(first, None, 3))

    assert not wrong, f"{wrong.total()} of {outcomes.total()} calls: {wrong}"
    print(dict(outcomes))


@pytest.mark.parametrize("sticky", [False, True], ids=["once", "sticky"])
def test_a_fault_at_each_call_of_the_first_commit(sticky: bool, folder: Path) -> None:
    commit = archive(draft_of(0))
    path = folder / "project.h5"
    number, after = calls_of(commit, path, {})
    wrong = collections.Counter[str]()

    for nth in range(number):
        path.unlink(missing_ok=True)
        raised: BaseException | None = None
        with using(FailingDisk(nth, sticky=sticky)):
            try:
                commit(project_at(path), {})
            except Exception as error:  # noqa: BLE001  (judged by the test)
                raised = error
        try:
            if meaning(raised) == "old":
                assert not path.exists(), f"{raised!r}, but there is a file"
            else:
                assert project_view(path) == after
            assert [entry.name for entry in folder.iterdir() if entry != path] == []
            project_at(path).archive(NEXT)
        except Exception as error:  # noqa: BLE001  (judged by the test)
            wrong[f"{nth}: {type(error).__name__}: {str(error)[:300]}"] += 1

    assert not wrong, f"{wrong.total()} of {number} calls: {wrong}"


@pytest.mark.parametrize("step", ["link", "open", "fsync", "unlink"])
def test_a_fault_while_the_file_is_put_in_place(step: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that do not go through the disk: the folder's."""
    import os

    path = folder / "project.h5"
    real = getattr(os, step)
    for nth in itertools.count():
        path.unlink(missing_ok=True)
        calls = itertools.count()

        def failing(*arguments: object, _nth: int = nth, _calls: object = calls, **options: object) -> object:
            if next(_calls) == _nth:
                raise fault(errno.EIO)
            return real(*arguments, **options)

        raised: BaseException | None = None
        monkeypatch.setattr(os, step, failing)
        if step in ("link", "unlink"):  # as where the system cannot rename without replacing
            monkeypatch.setattr("aerchive.storage.commits.creation.rename_new", lambda *_: False)
        try:
            project_at(path).archive(draft_of(0))
        except Exception as error:  # noqa: BLE001  (judged by the test)
            raised = error
        monkeypatch.undo()
        if next(calls) <= nth:
            break
        if meaning(raised) == "new":
            assert project_view(path) == model_of([draft_of(0)])
        else:
            assert not path.exists() or project_view(path) == {}, f"{raised!r}, but the run is there"
        for left in folder.glob(".project.h5.new-*"):
            left.unlink()


@pytest.mark.parametrize("longest", [1, 7, 512, 4096])
def test_short_reads_and_writes(longest: int, base: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "project.h5"
    path.write_bytes(base)
    short = ShortCalls(longest)
    monkeypatch.setattr(disk_module, "os", short)
    model = model_of(BASE)

    with using(UnsyncedDisk()):
        commits = [COMMITS["append"], COMMITS["labels"]]
        for commit in [*commits, archive(draft_of(5, extra_bytes=LARGE))] if longest > 1000 else commits:
            model = commit(project_at(path), model)
            assert project_view(path) == model

    assert short.short > 0
    monkeypatch.undo()
    assert project_view(path) == model


def interrupted(base: bytes, folder: Path) -> tuple[Path, bytes, Model]:
    """A project whose last commit is in the journal only."""
    path = folder / "project.h5"
    path.write_bytes(base)
    with using(RecordingDisk()) as disk:
        after = COMMITS["append"](project_at(path), model_of(BASE))
    log = disk.of(path)
    journal = next(n for n, operation in enumerate(log, 1) if operation.data.startswith(b"AERJRNL"))
    state = next(s for s in crash_states(base, log, torn=0, power=0) if s.how == "prefix" and s.done == journal + 2)
    return path, state.content, after


@pytest.mark.parametrize("sticky", [False, True], ids=["once", "sticky"])
def test_a_fault_at_each_call_of_recovery(sticky: bool, base: bytes, folder: Path) -> None:
    path, content, after = interrupted(base, folder)
    wrong = collections.Counter[str]()

    for opening in (project_view, lambda path: project_at(path).file.recover()):
        path.write_bytes(content)
        with using(FailingDisk(-1)) as count:
            opening(path)
        for nth in range(len(count.calls)):
            path.write_bytes(content)
            with using(FailingDisk(nth, sticky=sticky)):
                try:
                    opening(path)
                except AerchiveError:
                    pass
                except Exception as error:  # noqa: BLE001  (judged by the test)
                    wrong[f"{count.calls[nth]}: not typed: {error!r}"] += 1
            try:
                assert project_view(path) == after
            except Exception as error:  # noqa: BLE001  (judged by the test)
                wrong[f"{count.calls[nth]}: {type(error).__name__}: {str(error)[:300]}"] += 1

    assert not wrong, wrong


@pytest.mark.parametrize("sticky", [False, True], ids=["once", "sticky"])
def test_a_fault_at_each_call_of_a_reader(sticky: bool, base: bytes, folder: Path) -> None:
    path = folder / "project.h5"
    path.write_bytes(base)
    with using(FailingDisk(-1)) as count:
        project_view(path)
    wrong = collections.Counter[str]()

    for nth in range(len(count.calls)):
        with using(FailingDisk(nth, sticky=sticky)):
            try:
                assert project_view(path) == model_of(BASE)
            except AerchiveError:
                pass
            except Exception as error:  # noqa: BLE001  (judged by the test)
                wrong[f"{count.calls[nth]}: {error!r}"] += 1

    assert not wrong, wrong
    assert project_view(path) == model_of(BASE)


EXIT_AFTER_FAULTS = """
import gc, os, sys
from pathlib import Path
from aerchive.errors import AerchiveError
from aerchive.testing.disks import FailingDisk, using
from tests.drafts import draft_of, project_at
from tests.views import project_view

path, sticky, first, step = Path(sys.argv[1]), sys.argv[2] == "True", int(sys.argv[3]), int(sys.argv[4])
project_at(path).archive(draft_of(0))
content = path.read_bytes()
actions = [lambda: project_at(path).archive(draft_of(1)), lambda: project_view(path)]
died = []
for action in actions:
    with using(FailingDisk(-1)) as count:
        action()
    for nth in range(first, len(count.calls), step):
        path.write_bytes(content)
        child = os.fork()
        if not child:
            with using(FailingDisk(nth, sticky=sticky)):
                try:
                    action()
                except AerchiveError as error:
                    kept = error
            sys.exit()
        status = os.waitpid(child, 0)[1]
        if status:
            died.append((count.calls[nth], nth, status))
print(died)
"""


def died_after_faults(folder: Path, *, sticky: bool, first: int = 0, step: int = 1) -> str:
    """At which calls an interpreter did not end well when they failed; forked processes, one for each call."""
    return processes.run(EXIT_AFTER_FAULTS, folder / "project.h5", sticky, first, step, timeout_s=1800).strip()


@pytest.mark.parametrize("sticky", [False, True], ids=["once", "sticky"])
def test_the_interpreter_ends_well_after_a_fault(sticky: bool, folder: Path) -> None:
    """HDF5 may keep file objects up to its own end, when there is no Python any more.

    One call in six, other ones once than for good; each of them: ``python3 tasks.py crash``.
    """
    assert died_after_faults(folder, sticky=sticky, first=6 * sticky, step=12) == "[]"


class FailingSync(RecordingDisk):
    """Records, but one sync fails: what was written before it may be on the medium or not."""

    def __init__(self, nth: int, *, sticky: bool) -> None:
        super().__init__()
        self._left = nth
        self._sticky = sticky

    def sync(self, fd: int) -> None:
        """See `Disk`."""
        self._left -= 1
        if self._left == -1 or (self._sticky and self._left < 0):
            self.note("failed sync")
            raise fault(errno.EIO)
        super().sync(fd)


@pytest.mark.parametrize("name", COMMITS)
def test_a_failed_sync_is_not_tried_again(name: str, base: bytes, folder: Path) -> None:
    """The kernel may have dropped what it could not write, and a second sync would say that all is well."""
    path = folder / "project.h5"
    path.write_bytes(base)
    number, _ = calls_of(COMMITS[name], path, model_of(BASE), frozenset({"sync"}))

    for nth in range(number):
        path.write_bytes(base)
        disk = FailingSync(nth, sticky=False)
        with using(disk), pytest.raises(WriteError):
            COMMITS[name](project_at(path), model_of(BASE))
        kinds = [operation.kind for operation in disk.of(path)]
        after = kinds[kinds.index("note") + 1 :]
        undone = after[:1] == ["truncate"] or after[:2] == ["write", "truncate"]
        assert "sync" not in after or undone, f"sync {nth} is followed by {after}"


@pytest.mark.parametrize("sticky", [False, True], ids=["once", "sticky"])
@pytest.mark.parametrize("name", COMMITS)
def test_what_was_refused_does_not_come_back(name: str, sticky: bool, base: bytes, folder: Path) -> None:
    """A journal may be on the medium although its sync failed; when the machine stops later, nobody may find it."""
    path = folder / "project.h5"
    path.write_bytes(base)
    model = model_of(BASE)
    number, after = calls_of(COMMITS[name], path, model, frozenset({"sync"}))
    judge = Judge()
    outcomes = collections.Counter[str]()

    for nth in range(number):
        path.write_bytes(base)
        disk = FailingSync(nth, sticky=sticky)
        with using(disk), pytest.raises(WriteError) as caught:
            COMMITS[name](project_at(path), model)
        allowed = {"old": [model], "new": [after], "either": [model, after]}[meaning(caught.value)]
        log = [operation for operation in disk.of(path) if operation.kind != "note"]
        for state in crash_states(base, log, torn=0, power=4, seed=nth):
            if state.done == len(log) and state.how != "torn":
                path.write_bytes(state.content)
                found = judge.model_in(path)
                assert found in allowed, f"sync {nth}: {caught.value!r}, and after the stop another state"
                outcomes[f"{type(caught.value).__name__}: {'old' if found == model else 'new'}"] += 1
    assert outcomes


@pytest.mark.parametrize("kind", ["EIO", "ENOSPC"])
def test_a_run_that_cannot_be_kept_still_has_its_result(kind: str, folder: Path) -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    expected = qiskit_aer.AerSimulator(seed_simulator=3).run(circuit, shots=200).result().get_counts()
    path = folder / "project.h5"
    simulator = AerSimulator(seed_simulator=3, project=path)
    simulator.run(circuit, shots=200).result()
    (first,) = project_at(path).runs()

    for only in ("read", "size"):
        with using(FailingDisk(0, FAULTS[kind](), sticky=True, only=frozenset({only}))):
            with pytest.raises(ReadError, match=r"project\.h5: .* while reading; look at the disk"):
                simulator.run(circuit, shots=200)  # refused before anything is simulated
            job = simulator.run(circuit, shots=200, save_jobs=False)
        assert job.result().get_counts() == expected
    for only in ("write", "sync", "truncate"):
        with using(FailingDisk(0, FAULTS[kind](), sticky=True, only=frozenset({only}))):
            job = simulator.run(circuit, shots=200)
            with pytest.warns(ArchiveWarning):
                result = job.result()
        assert result.get_counts() == expected
        project = project_at(path)
        assert first in project.runs()
    job = simulator.run(circuit, shots=200)
    assert job.result().get_counts() == expected
    assert job.job_id() in project_at(path)
