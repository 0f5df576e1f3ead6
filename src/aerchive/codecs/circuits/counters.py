"""Circuits that this package makes for itself do not count in the names that Qiskit generates (``circuit-7``)."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

from qiskit import QuantumCircuit

from aerchive.private_names import set_private

_COUNT = vars(QuantumCircuit).get("_increment_instances")
"""Qiskit's method that counts; ``None`` in a version of Qiskit that counts otherwise."""


class _State:
    """The threads that make circuits of their own."""

    lock = threading.RLock()
    threads: ClassVar[Counter[int]] = Counter()


@contextlib.contextmanager
def uncounted() -> Iterator[None]:
    """Lets circuits that this thread makes use up no number; those of other threads are counted as always."""
    me = threading.get_ident()
    with _State.lock:
        _State.threads[me] += 1
        _count_with(classmethod(_increment))
    try:
        yield
    finally:
        with _State.lock:
            _State.threads[me] -= 1
            _State.threads += Counter()  # without the threads that have ended
            if not _State.threads:
                _count_with(_COUNT)


def _count_with(method: Any) -> None:
    if _COUNT is not None:
        set_private(QuantumCircuit, _increment_instances=method)


def _increment(cls: Any) -> None:
    if _COUNT is not None and threading.get_ident() not in _State.threads:
        _COUNT.__func__(cls)


def _after_fork() -> None:
    """Forgets the threads that a child process does not have."""
    _State.lock, _State.threads = threading.RLock(), Counter()
    _count_with(_COUNT)


os.register_at_fork(after_in_child=_after_fork)
