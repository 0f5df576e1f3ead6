"""Python's search for garbage in cycles rests while bytes of another machine are waited for.

h5py holds its lock while HDF5 reads through a file object, and takes it as well when an object of HDF5 is destroyed.
The search may run in any thread. In the one that is waited for, and finding such an object there, it would wait for the
lock of the one who waits: until the time for the answer is over, or, at a lock without such a time, for ever.
"""

from __future__ import annotations

import contextlib
import gc
import os
import threading
from collections.abc import Iterator


class _Rests:
    """Who lets the search rest.

    Attributes:
        lock: Held while these are changed.
        number: The number of blocks of `resting_collector` that have begun and not ended.
        is_wanted: Whether the search goes on after the last of them.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.number = 0
        self.is_wanted = False


_rests = _Rests()


@contextlib.contextmanager
def resting_collector() -> Iterator[None]:
    """Lets the search rest until the block ends; it must begin before the block takes a lock."""
    is_wanted = gc.isenabled()
    gc.disable()  # before the lock, for which the same holds
    with _rests.lock:
        gc.disable()  # another block may have ended in between
        _rests.number += 1
        _rests.is_wanted |= is_wanted
    try:
        yield
    finally:
        with _rests.lock:
            _rests.number -= 1
            if not _rests.number and _rests.is_wanted:
                _rests.is_wanted = False
                gc.enable()


def _after_fork() -> None:
    """The blocks of other threads do not end in a child process."""
    if _rests.is_wanted:
        gc.enable()
    _rests.__init__()  # type: ignore[misc]


os.register_at_fork(after_in_child=_after_fork)
