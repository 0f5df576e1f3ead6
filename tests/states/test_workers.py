from __future__ import annotations

import contextvars
import threading
import time
from typing import Any

import pytest

from aerchive.states.workers import MAX_THREADS, Workers
from tests import processes


def ours() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("aerchive-")]


def test_results_are_in_the_order_of_the_tasks() -> None:
    def slow_first(task: int) -> int:
        time.sleep(0.02 if task % 5 == 0 else 0)
        return task * task

    with Workers(4) as workers:
        assert list(workers.map(slow_first, range(50))) == [task * task for task in range(50)]
        assert list(workers.map(slow_first, [])) == []
    assert not ours()


def test_tasks_are_done_in_several_threads() -> None:
    both = threading.Barrier(2, timeout=10)

    with Workers(2) as workers:
        list(workers.map(lambda _: both.wait(), range(2)))


def test_one_task_needs_no_thread() -> None:
    with Workers(4) as workers:
        assert list(workers.map(lambda _: threading.current_thread(), range(1))) == [threading.current_thread()]
        assert not ours()


def test_number_of_threads() -> None:
    assert 2 <= Workers().number <= MAX_THREADS
    assert Workers(3).number == 3


class Counting:
    """Counts tasks that are begun and whose result nobody took."""

    def __init__(self) -> None:
        self.open = self.most = 0
        self.lock = threading.Lock()

    def begin(self, task: int) -> int:
        with self.lock:
            self.open += 1
            self.most = max(self.most, self.open)
        return task

    def end(self) -> None:
        with self.lock:
            self.open -= 1


@pytest.mark.parametrize(("nbytes", "most"), [(0, 6), (100, 6), (400, 2), (10**6, 1)])
def test_only_few_tasks_are_ahead_of_whoever_takes_the_results(nbytes: int, most: int) -> None:
    counting = Counting()

    with Workers(3, budget=1000) as workers:
        for _ in workers.map(counting.begin, range(60), nbytes=nbytes):
            time.sleep(0.002)
            counting.end()

    assert counting.open == 0
    # A result that is being looked at is still open, while its successor may have begun.
    assert most <= counting.most <= most + 1


def test_threads_end_when_the_loop_is_left() -> None:
    begun = Counting()
    with Workers(2) as workers:
        for task in workers.map(begun.begin, range(10_000)):
            if task == 3:
                break
    assert begun.open < 20
    assert not ours()


def test_threads_end_when_a_task_fails() -> None:
    def fail(task: int) -> int:
        if task == 7:
            raise ValueError("seven")
        return task

    seen = []

    def go() -> None:
        with Workers(2) as workers:
            for task in workers.map(fail, range(1000)):
                seen.append(task)

    with pytest.raises(ValueError, match="seven"):
        go()
    assert seen == list(range(7))
    assert not ours()


def test_threads_end_when_the_loop_raises() -> None:
    def go() -> None:
        with Workers(2) as workers:
            for _ in workers.map(str, range(1000)):
                raise KeyError

    with pytest.raises(KeyError):
        go()
    assert not ours()


def test_tasks_see_the_context_of_their_caller() -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")
    name.set("caller")

    with Workers(2) as workers:
        assert set(workers.map(lambda _: name.get(), range(20))) == {"caller"}


def test_results_are_watched() -> None:
    seen: list[Any] = []

    def watch(results: Any, total: int) -> Any:
        for result in results:
            seen.append((result, total))
            yield result

    with Workers(2, watch) as workers:
        assert list(workers.map(abs, range(3))) == [0, 1, 2]
    assert seen == [(0, 3), (1, 3), (2, 3)]


def test_ctrl_c_ends_it_at_once() -> None:
    script = """
        import os, signal, threading, time
        from aerchive.states.workers import Workers

        def work(task):
            if task == 20:
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.005)
            return task

        begun = time.monotonic()
        try:
            with Workers(2) as workers:
                for done in workers.map(work, range(100_000)):
                    pass
        except KeyboardInterrupt:
            print("stopped", 10 < done < 200, threading.active_count())
    """

    assert processes.run(script).split() == ["stopped", "True", "1"]
