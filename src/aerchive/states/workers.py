"""Threads that read and compute results before the caller takes them."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Generator, Iterator, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from aerchive.threads import in_order, is_single_thread, processors

Task = TypeVar("Task")
Answer = TypeVar("Answer")

MAX_THREADS = 8
"""The greatest number of threads. More threads do not read faster, and each thread holds a few chunks in memory."""
BUDGET_BYTES = 64 * 1024 * 1024


class Watch(Protocol):
    """A function that passes results on, and shows the progress of a pass."""

    def __call__(self, results: Iterator[Answer], total: int, /) -> Iterator[Answer]:
        """Passes the results on."""


def watch_nothing(results: Iterator[Answer], _total: int, /) -> Iterator[Answer]:
    """Passes the results on."""
    return results


class Workers:
    """Does the tasks of a pass in threads, a few at a time, and gives their results in order.

    All threads end before the ``with`` block ends, also if it ends early: by an error, by Ctrl-C, or because the caller
    needs no more results. No thread continues after the block, so that the process may fork.

    Args:
        number: The number of threads. The default is one for each processor, but at least two (one reads while one
            computes) and at most `MAX_THREADS`; in a block of `aerchive.threads.single_thread` it is always 1.
        watch: The function that passes the results of each pass on and shows the progress.
        budget: The memory that tasks in progress and results that are not taken yet may use together, in bytes.
    """

    def __init__(self, number: int | None = None, watch: Watch = watch_nothing, budget: int = BUDGET_BYTES) -> None:
        self.number = 1 if is_single_thread() else number or min(max(processors(), 2), MAX_THREADS)
        self.budget = budget
        self._watch = watch
        self._passes: list[Generator[Any, None, None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for results in self._passes:  # ends loops that were left early, perhaps by an error whose traceback keeps them
            results.close()

    def map(self, function: Callable[[Task], Answer], tasks: Sequence[Task], nbytes: int = 0) -> Iterator[Answer]:
        """Does all tasks. At any time only a few are in progress or finished and not yet taken.

        Args:
            function: The function that does a task. Several threads call it at the same time.
            tasks: The arguments of the function, one for each task.
            nbytes: The memory of one task and its result in bytes, if it is more than a few mebibytes.

        Returns:
            The results, in the order of the tasks.
        """
        context = contextvars.copy_context()  # it contains the logs that count reads (`record_reads`)

        def work(task: Task) -> Answer:
            return context.copy().run(function, task)  # a context cannot be entered twice at the same time

        ahead = max(1, min(2 * self.number, self.budget // max(nbytes, 1)))
        results = in_order(work, tasks, len(tasks), self.number, ahead)
        self._passes.append(results)
        return self._watch(results, len(tasks))
