"""Passes over arrays in the background: one at a time, that of the array asked for last first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from aerchive.errors import InvalidInputError

_POLLED_S = 2.0
"""A page asks for an array that it shows more often than that: only an older question moves the array to the front."""


class Pass(Protocol):
    """A pass over an array."""

    def advance(self, should_stop: Callable[[], bool]) -> bool:
        """Continues the pass until it is complete, or should stop. Returns whether it is complete; raises no errors."""


class Passes:
    """A queue of passes, and the thread that does them. The thread ends when the queue is empty, and starts again.

    When an array is asked for while another is read, the pass over the other pauses and continues afterwards.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[Pass] = []
        self._asked: dict[int, float] = {}
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def ask(self, one: Pass) -> None:
        """Puts a pass at the front of the queue. One that waits there already, and was asked for just now, stays.

        Raises:
            InvalidInputError: The queue was closed.
        """
        with self._lock:
            if self._is_closed:
                raise InvalidInputError("these views were closed; make new ones")
            now = time.monotonic()
            before = self._asked.get(id(one), -_POLLED_S)
            self._asked[id(one)] = now
            if one not in self._queue or now - before > _POLLED_S:
                self._forget(one)
                self._queue.append(one)
                self._asked[id(one)] = now
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="aerchive-views", daemon=True)
                self._thread.start()

    def forget(self, one: Pass) -> None:
        """Takes a pass out of the queue. It may still add one piece."""
        with self._lock:
            self._forget(one)

    def _forget(self, one: Pass) -> None:
        if one in self._queue:
            self._queue.remove(one)
        self._asked.pop(id(one), None)

    def close(self) -> None:
        """Stops the pass in progress and waits until its threads have ended, which takes as long as a piece."""
        with self._lock:
            self._is_closed = True
            self._queue.clear()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._thread = None
                    return
                one = self._queue[-1]
            if one.advance(lambda one=one: not self._is_first(one)):  # type: ignore[misc]
                self.forget(one)

    def _is_first(self, one: Pass) -> bool:
        queue = self._queue[-1:]  # without the lock: the next look sees what this one misses
        return bool(queue) and queue[0] is one
