"""Circuits that this package makes for itself do not count in the names that Qiskit generates (``circuit-7``)."""

from __future__ import annotations

import os
import threading
from typing import Any, ClassVar

from qiskit import QuantumCircuit

from aerchive.private_names import set_private

_COUNT = vars(QuantumCircuit).get("_increment_instances")
"""Qiskit's method that counts; ``None`` in a version of Qiskit that counts otherwise."""


class _State:
    """The threads that make circuits of their own: how many times each of them has begun."""

    lock = threading.RLock()
    threads: ClassVar[dict[int, int]] = {}


class uncounted:
    """Lets circuits that this thread makes use up no number; those of other threads are counted as always."""

    def __enter__(self) -> None:
        me = threading.get_ident()
        with _State.lock:
            if not _State.threads:
                _count_with(_MINE)
            _State.threads[me] = _State.threads.get(me, 0) + 1

    def __exit__(self, *_: object) -> None:
        me = threading.get_ident()
        with _State.lock:
            left = _State.threads.pop(me, 1) - 1  # a child process has none of its parent
            if left:
                _State.threads[me] = left
            elif not _State.threads:
                _count_with(_COUNT)


def _count_with(method: Any) -> None:
    if _COUNT is not None:
        set_private(QuantumCircuit, _increment_instances=method)


def _increment(cls: Any) -> None:
    if _COUNT is not None and threading.get_ident() not in _State.threads:
        _COUNT.__func__(cls)


_MINE = classmethod(_increment)


def _after_fork() -> None:
    """Forgets the threads that a child process does not have."""
    _State.lock, _State.threads = threading.RLock(), {}
    _count_with(_COUNT)


os.register_at_fork(after_in_child=_after_fork)
