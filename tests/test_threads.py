"""Work in threads: in order, a few at a time, and nothing left behind when it ends early."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from aerchive import threads
from aerchive.threads import in_order, processors


@pytest.fixture(params=[1, 2, 7], autouse=True)
def workers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    number: int = request.param
    monkeypatch.setattr(threads, "processors", lambda: number)
    return number


def ours() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("aerchive-chunks")]


def test_there_is_a_processor() -> None:
    assert processors() >= 1


@pytest.mark.parametrize("number", [0, 1, 2, 100])
def test_results_come_in_order(number: int) -> None:
    def work(item: int) -> int:
        time.sleep(0.001 * (item % 3))
        return item * item

    assert list(in_order(work, iter(range(number)), number)) == [item * item for item in range(number)]
    assert ours() == []


def test_only_a_few_are_under_way(workers: int) -> None:
    taken: list[int] = []

    def items() -> object:
        for item in range(1000):
            taken.append(item)
            yield item

    with contextlib.closing(in_order(lambda item: item, items(), 1000)) as results:
        assert next(results) == 0
        assert len(taken) <= 7 * workers + 2

    assert ours() == []
    assert len(taken) <= 7 * workers + 2


def test_what_the_work_raises_comes_out_and_all_threads_end() -> None:
    def work(item: int) -> int:
        if item == 5:
            raise MemoryError("five")
        return item

    results = in_order(work, range(100), 100)

    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(MemoryError, match=r"^five$"):
        next(results)
    assert ours() == []


def test_where_no_thread_can_be_started_the_caller_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def submit(self: ThreadPoolExecutor, *_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)
    names = set(in_order(lambda _: threading.current_thread().name, range(20), 20))

    assert names == {threading.current_thread().name}


def test_after_the_end_of_the_main_thread_it_still_works() -> None:
    """A job that archives itself may outlive the script that started it."""
    code = """
import threading, time
from aerchive import threads
threads.processors = lambda: 2
def late():
    threading.main_thread().join()
    print(list(threads.in_order(lambda item: item + 1, range(5), 5)), flush=True)
threading.Thread(target=late).start()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "[1, 2, 3, 4, 5]"
    assert done.stderr == ""


def test_the_caller_takes_part_and_items_are_begun_in_order(workers: int) -> None:
    begun: list[int] = []
    names = set()

    def work(item: int) -> int:
        begun.append(item)
        names.add(threading.current_thread().name)
        time.sleep(0.002)
        return item

    assert list(in_order(work, range(60), 60)) == list(range(60))
    assert threading.current_thread().name in names
    assert len(names) <= workers
    assert all(abs(item - place) < workers for place, item in enumerate(begun))


def test_what_the_caller_itself_raises_waits_for_its_turn() -> None:
    slow = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            slow.wait(5)
        if item == 1:
            slow.set()
            raise MemoryError("one")
        return item

    if threads.processors() == 1:
        slow.set()
    results = in_order(work, range(10), 10)

    assert next(results) == 0
    with pytest.raises(MemoryError, match=r"^one$"):
        next(results)
    assert ours() == []


@pytest.mark.parametrize("together", [2, 3, 50])
def test_items_that_are_taken_together(together: int) -> None:
    assert list(in_order(lambda item: item + 1, range(100), 100, together=together)) == list(range(1, 101))


def test_work_that_others_wait_for_is_done_although_its_neighbour_raises() -> None:
    done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            raise MemoryError("zero")
        if item == 1:
            done.set()
        return item if done.wait(20) else -1

    results = in_order(work, range(40), 40, threads=2, together=2)

    with pytest.raises(MemoryError, match=r"^zero$"):
        next(results)
    assert done.is_set()
    assert ours() == []
