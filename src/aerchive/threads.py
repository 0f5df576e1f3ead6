"""Threads for work on chunks: one a processor, that of the caller included."""

from __future__ import annotations

import functools
import itertools
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")

_WAITING_EACH = 6
"""So many results a thread may wait for their turn: enough to be busy while one of them takes long."""
_KEPT_BYTES = 8 * 1024 * 1024
"""More than any buffer for a chunk."""


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    work: Callable[[_T], _R],
    items: Iterable[_T],
    number: int,
    threads: int | None = None,
    ahead: int | None = None,
    together: int = 1,
) -> Generator[_R, None, None]:
    """What some work gives for each item, in order, done in threads.

    Only a few items are under way at a time. The caller's thread takes part while it would have to wait, so there are
    never more threads than processors; items are begun in order. When the caller stops, or the work raises, the threads
    end before this does. Where no thread can be started, as when the interpreter ends, the caller does all the work.

    Args:
        work: What is to be done.
        items: For what; taken by the caller's thread.
        number: How many there are, about: for one there are no threads.
        threads: How many, by default one a processor.
        ahead: So many items are under way or wait to be taken, by default a few a thread.
        together: So many items a thread takes at a time. If the work raises, the others of them give no result.
    """
    workers = min(threads or processors(), number)
    if workers < 2:
        yield from map(work, items)
        return
    _keep_freed_memory()
    most = max(1, (ahead or _WAITING_EACH * workers + 1) // together)
    pool = ThreadPoolExecutor(workers - 1, thread_name_prefix="aerchive-chunks")
    waiting: deque[_Job[list[_R]]] = deque()
    left = iter(items)
    try:
        while group := list(itertools.islice(left, together)):
            if len(waiting) >= most:
                yield from _first(waiting)
            waiting.append(_Job(pool, functools.partial(_each, work, group)))
        while waiting:
            yield from _first(waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _each(work: Callable[[_T], _R], group: list[_T]) -> list[_R]:
    """Does all the work of a group, also when some of it raises: work for other items may wait for what this does."""
    results = []
    raised: BaseException | None = None
    for item in group:
        try:
            results.append(work(item))
        except BaseException as error:  # noqa: BLE001  (raised below)
            raised = raised or error
    if raised is not None:
        raise raised
    return results


class _Job(Generic[_R]):
    """A piece of work, which a thread of the pool begins, or the caller.

    Args:
        pool: The threads.
        work: What is to be done.
    """

    def __init__(self, pool: ThreadPoolExecutor, work: Callable[[], _R]) -> None:
        self._work = work
        self.future: Future[_R] = Future()
        try:
            self.future = pool.submit(work)
        except RuntimeError:  # the interpreter ends, or the machine has no thread left
            self._run()  # at once: items that are under way may wait for something that this one does

    def take(self) -> bool:
        """Does the work in this thread, unless it was begun before; whether it did."""
        if not self.future.cancel():
            return False
        self.future = Future()
        self._run()
        return True

    def _run(self) -> None:
        try:
            self.future.set_result(self._work())
        except Exception as error:  # noqa: BLE001  (raised when it is this item's turn)
            self.future.set_exception(error)


def _first(waiting: deque[_Job[_R]]) -> _R:
    """What the first job gives; until it is there, this thread does what nobody has begun."""
    while not waiting[0].future.done() and any(job.take() for job in waiting):
        pass
    return waiting.popleft().future.result()


@functools.cache
def _keep_freed_memory() -> None:
    """Has the C library keep buffers of chunks that are freed, instead of giving them back to the system each time.

    Fresh pages cost a tenth of a write. glibc keeps what is no larger than the largest block that was freed so far
    (``M_MMAP_THRESHOLD`` in mallopt(3)); elsewhere this does nothing.
    """
    bytearray(_KEPT_BYTES)
