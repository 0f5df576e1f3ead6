"""Ctrl-C waits while a file is written, and is delivered right after."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_waiting: list[bool] = []


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[None]:
    """Holds ``KeyboardInterrupt`` back until the block has ended.

    An exception out of nowhere in the middle of HDF5's callbacks could vanish, or leave a half-made state. Only the
    main thread gets interrupts, so
    elsewhere this does nothing. `check_interrupt` lets long writes stop where it is safe.
    """
    if threading.current_thread() is not threading.main_thread() or _waiting:
        yield
        return
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        yield
        return

    noted: list[bool] = []

    def note(_number: int, _frame: FrameType | None) -> None:
        if _waiting:
            _waiting[0] = True
        else:
            noted.append(True)

    try:
        _waiting.append(False)
        signal.signal(signal.SIGINT, note)
        yield
    finally:
        if _waiting and _waiting.pop():
            noted.append(True)
        signal.signal(signal.SIGINT, handler)
        if noted:
            handler(signal.SIGINT, None)


def check_interrupt() -> None:
    """Raises a held interrupt now, where nothing can be left half done.

    Raises:
        KeyboardInterrupt: The user wants to stop.
    """
    if _waiting and _waiting[0] and threading.current_thread() is threading.main_thread():
        _waiting[0] = False
        raise KeyboardInterrupt
