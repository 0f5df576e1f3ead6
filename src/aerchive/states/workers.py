"""A few threads that read and compute ahead of whoever takes the results."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Generator, Iterator, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from aerchive.threads import in_order, processors

Task = TypeVar("Task")
Answer = TypeVar("Answer")

MAX_THREADS = 8
"""More would not read faster, and each holds a few chunks."""
BUDGET_BYTES = 64 * 1024 * 1024


class Watch(Protocol):
    """Sees results go by, to show how far a pass is."""

    def __call__(self, results: Iterator[Answer], total: int, /) -> Iterator[Answer]:
        """Passes the results on."""


def watch_nothing(results: Iterator[Answer], _total: int, /) -> Iterator[Answer]:
    """Passes the results on."""
    return results


class Workers:
    """Does the tasks of a pass in threads, a few at a time, and gives their results in order.

    The threads have ended when the ``with`` block has, also if it ends early: by an error, by Ctrl-C, or because enough
    was seen. None outlives a block, so that a process may fork.

    Args:
        number: Of threads; by default one a processor, at least two (one reads while one computes), at most
            `MAX_THREADS`.
        watch: Sees the results of each pass go by.
        budget: What tasks under way and results not yet taken may hold together, in bytes.
    """

    def __init__(self, number: int | None = None, watch: Watch = watch_nothing, budget: int = BUDGET_BYTES) -> None:
        self.number = number or min(max(processors(), 2), MAX_THREADS)
        self.budget = budget
        self._watch = watch
        self._passes: list[Generator[Any, None, None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for results in self._passes:  # a loop that was left, perhaps by an error whose traceback keeps it alive
            results.close()

    def map(self, function: Callable[[Task], Answer], tasks: Sequence[Task], nbytes: int = 0) -> Iterator[Answer]:
        """Does all tasks; at any time only a few are under way or wait to be taken.

        Args:
            function: Called in several threads at once.
            tasks: What it is called with.
            nbytes: What one task and its result hold in memory, if that is more than a few mebibytes.

        Returns:
            The results, in the order of the tasks.
        """
        context = contextvars.copy_context()  # which carries who counts reads (`storage.trace`)

        def work(task: Task) -> Answer:
            return context.copy().run(function, task)  # one context cannot be entered twice at a time

        ahead = max(1, min(2 * self.number, self.budget // max(nbytes, 1)))
        results = in_order(work, tasks, len(tasks), self.number, ahead)
        self._passes.append(results)
        return self._watch(results, len(tasks))
