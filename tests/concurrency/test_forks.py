"""Threads and forks: what one thread waits for holds up no other, and no child that is forked meanwhile."""

from __future__ import annotations

import fcntl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aerchive.storage.medium import locks
from tests import processes
from tests.drafts import draft_of, job_id, project_at
from tests.holding import held

FORK = """
import os, signal, sys, threading
from pathlib import Path

import qiskit_aer
from qiskit import QuantumCircuit

import aerchive
from aerchive.project import location as place

folder = Path(sys.argv[1])
circuit = QuantumCircuit(1, 1)
circuit.h(0)
circuit.measure(0, 0)
projects = [aerchive.open(folder / name) for name in ("a.h5", "b.h5")]
ids = [project.save(qiskit_aer.AerSimulator().run(circuit, shots=10, seed_simulator=1)).job_id for project in projects]
expected = projects[1][ids[1]].result().get_counts()
USES = {
    "record": lambda project, job: project[job].record,
    "result": lambda project, job: project[job].result().get_counts(),
}
use = USES[sys.argv[2]]

is_inside, may_go, stock = threading.Event(), threading.Event(), place.RunPlace.open

def slow(self, *arguments, **options):
    if threading.current_thread() is not threading.main_thread():
        is_inside.set()
        assert may_go.wait(60)
    return stock(self, *arguments, **options)

place.RunPlace.open = slow
reader = threading.Thread(target=use, args=(projects[0], ids[0]))
reader.start()
assert is_inside.wait(60)
child = os.fork()
if child == 0:
    signal.alarm(60)  # ends a child that hangs
    assert use(projects[1], ids[1]) is not None
    assert projects[1][ids[1]].result().get_counts() == expected
    os._exit(7)
status = os.waitpid(child, 0)[1]
may_go.set()
reader.join()
print(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.parametrize("use", ["record", "result"])
def test_a_child_forked_while_a_thread_reads_can_read(tmp_path: Path, use: str) -> None:
    assert processes.run(FORK, tmp_path, use, timeout_s=120) == "7\n"


FORK_IN_VALUE = """
import os, signal, threading
from aerchive.aer.archived.lazy_dict import LazyDict, Waiting

is_inside, may_go = threading.Event(), threading.Event()

def make():
    if threading.current_thread() is not threading.main_thread():
        is_inside.set()
        assert may_go.wait(60)
    return "made"

values = LazyDict({"a": Waiting(make, lambda: None)})
reader = threading.Thread(target=lambda: values["a"])
reader.start()
assert is_inside.wait(60)
child = os.fork()
if child == 0:
    signal.alarm(60)
    os._exit(7 if values["a"] == "made" else 1)
status = os.waitpid(child, 0)[1]
may_go.set()
reader.join()
print(os.waitstatus_to_exitcode(status))
"""


def test_a_child_forked_while_a_thread_makes_a_value_can_make_it() -> None:
    assert processes.run(FORK_IN_VALUE, timeout_s=120) == "7\n"


FORK_IN_AUTOSAVE = """
import os, signal, sys, threading
import aerchive
from aerchive.aer.running import autosave as module

is_held, is_forking = threading.Event(), threading.Event()

def change():
    with module._lock:
        is_held.set()
        assert is_forking.wait(60)

os.register_at_fork(before=is_forking.set)  # called before the one of the lock: the last that came is the first
thread = threading.Thread(target=change)
thread.start()
assert is_held.wait(60)
child = os.fork()
if child == 0:
    signal.alarm(60)
    aerchive.autosave(sys.argv[1])
    aerchive.autosave(False)
    os._exit(7)
thread.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
aerchive.autosave(False)
"""


def test_a_child_forked_while_a_thread_switches_autosave_can_switch_it(tmp_path: Path) -> None:
    assert processes.run(FORK_IN_AUTOSAVE, tmp_path / "a.h5", timeout_s=120) == "7\n"


def test_a_thread_that_waits_for_one_project_does_not_stop_reads_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []
    for name in ("locked.h5", "free.h5"):
        project = project_at(tmp_path / name, lock_timeout_s=60)
        project.archive(draft_of(1))
        runs.append(project[job_id(1)])
    is_waiting, stock = threading.Event(), locks.Holders.look

    def look(self: locks.Holders) -> None:
        is_waiting.set()
        stock(self)

    monkeypatch.setattr(locks.Holders, "look", look)
    with ThreadPoolExecutor(2) as threads:
        with held(tmp_path / "locked.h5", fcntl.LOCK_EX):
            waits = threads.submit(lambda: runs[0].record)
            assert is_waiting.wait(30)
            assert threads.submit(lambda: runs[1].record).result(30).job_id == job_id(1)
            assert not waits.done()
        assert waits.result(30).job_id == job_id(1)
