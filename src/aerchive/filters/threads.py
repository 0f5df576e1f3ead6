"""Threads for work on chunks: one a processor."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")

_WAITING_EACH = 6
"""So many results a thread may wait for their turn: enough to be busy while one of them takes long."""


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    work: Callable[[_T], _R], items: Iterable[_T], number: int, threads: int | None = None, ahead: int | None = None
) -> Generator[_R, None, None]:
    """What some work gives for each item, in order, done in threads.

    Only a few items are under way at a time. When the caller stops, or the work raises, the threads end before this
    does. Where no thread can be started, as when the interpreter ends, the caller does the work itself.

    Args:
        work: What is to be done.
        items: For what; taken by the caller's thread.
        number: How many there are, about: for one there are no threads.
        threads: How many, by default one a processor.
        ahead: So many items are under way or wait to be taken, by default a few a thread.
    """
    workers = min(threads or processors(), number)
    if workers < 2:
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="aerchive-chunks")
    waiting: deque[Callable[[], _R]] = deque()
    try:
        for item in items:
            if len(waiting) >= (ahead or _WAITING_EACH * workers + 1):
                yield waiting.popleft()()
            waiting.append(_started(pool, work, item))
        while waiting:
            yield waiting.popleft()()
    finally:
        pool.shutdown(cancel_futures=True)


def _started(pool: ThreadPoolExecutor, work: Callable[[_T], _R], item: _T) -> Callable[[], _R]:
    try:
        return pool.submit(work, item).result
    except RuntimeError:  # the interpreter ends, or the machine has no thread left
        result = work(item)  # at once: items that are under way may wait for something that this one does
        return lambda: result
