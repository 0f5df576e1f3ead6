"""Threads for work on chunks. There is one thread for each processor, and the thread of the caller is one of them."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from typing import Generic, TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")

_WAITING_EACH = 6
"""The number of results that may wait for each thread. It keeps the threads busy while one result takes long."""
_KEPT_BYTES = 8 * 1024 * 1024
"""A size in bytes that is larger than any buffer for a chunk."""
_KEPT_TOGETHER = 64 * 1024 * 1024
"""The memory in bytes that is kept at the end of the heap, where the environment says less."""
_FIXED = "MALLOC_TRIM_THRESHOLD_"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Numbers of the parameters of mallopt(3)."""


_single: ContextVar[bool] = ContextVar("aerchive_single_thread", default=False)


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Lets what is called in the block work in the thread of the caller: other tasks keep the processors busy."""
    _keep_freed_memory()
    token = _single.set(True)
    try:
        yield
    finally:
        _single.reset(token)


def is_single_thread() -> bool:
    """Returns whether this is called in a block of `single_thread`."""
    return _single.get()


def processors() -> int:
    """Returns the number of processors that this process may use; 1 in a block of `single_thread`."""
    return 1 if _single.get() else len(os.sched_getaffinity(0))


def in_order(
    work: Callable[[_T], _R],
    items: Iterable[_T],
    number: int,
    threads: int | None = None,
    ahead: int | None = None,
    together: int = 1,
) -> Generator[_R, None, None]:
    """Yields the result of a function for each item, in order. Threads do the work.

    Only a few items are in progress at a time. The caller's thread works while it would otherwise wait, so there are
    never more threads than processors. Items are begun in order. When the caller stops, or the function raises, the
    threads end before this generator ends. Where no thread can be started, as at the end of the interpreter, the caller
    does all the work.

    Args:
        work: The function that is called with each item.
        items: The items. The caller's thread iterates over them.
        number: The approximate number of items. For fewer than two items no thread is started.
        threads: The number of threads; by default one for each processor.
        ahead: The number of items that are in progress or finished and not yet taken; by default a few for each thread.
        together: The number of items that a thread takes at a time. If the function raises for one of them, the other
            items of this group give no result.
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
    """Does all the work of a group, also after an error, because work for other items may wait for it."""
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
    """A piece of work that is begun by a thread of the pool or by the caller.

    Args:
        pool: The threads.
        work: The function that does the work.
    """

    def __init__(self, pool: ThreadPoolExecutor, work: Callable[[], _R]) -> None:
        self._work = work
        self.future: Future[_R] = Future()
        try:
            self.future = pool.submit(work)
        except RuntimeError:  # the interpreter is ending, or the machine cannot start another thread
            self._run()  # at once, because items in progress may wait for something that this item does

    def take(self) -> bool:
        """Does the work in this thread if it was not begun before. Returns whether it did the work."""
        if not self.future.cancel():
            return False
        self.future = Future()
        self._run()
        return True

    def _run(self) -> None:
        try:
            self.future.set_result(self._work())
        except Exception as error:  # noqa: BLE001  (raised when this item's result is taken)
            self.future.set_exception(error)


def _first(waiting: deque[_Job[_R]]) -> _R:
    """Returns the result of the first job. Until it is ready, this thread does jobs that no thread has begun."""
    while not waiting[0].future.done() and any(job.take() for job in waiting):
        pass
    return waiting.popleft().future.result()


@functools.cache
def _keep_freed_memory() -> None:
    """Makes the C library keep the freed buffers of chunks, instead of returning them to the system each time.

    Fresh pages cost a tenth of the time of a write, and more than half of the time of a calculation that reads. glibc
    keeps a block that is not larger than the largest block freed so far (``M_MMAP_THRESHOLD`` in mallopt(3)), unless
    the environment has a fixed threshold, as in workers of Dask; then both thresholds are set here. With other C
    libraries this function has no effect.
    """
    if _FIXED in os.environ:
        with contextlib.suppress(AttributeError, OSError):
            library = ctypes.CDLL(None)
            library.mallopt(_M_TRIM_THRESHOLD, _KEPT_TOGETHER)
            library.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
    bytearray(_KEPT_BYTES)
