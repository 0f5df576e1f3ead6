"""Ctrl-C and other signals wait while a file is written, and are delivered right after."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_waiting: list[bool] = []
"""Not empty while a block runs."""
_came: list[int] = []
"""The signals that came meanwhile, in order."""
_before: dict[int, Callable[[int, FrameType | None], Any]] = {}
"""The handlers that are put aside; that of SIGINT last."""


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[None]:
    """Holds back all signals that have a handler in Python, ``KeyboardInterrupt`` first of all, until the block ended.

    An exception out of nowhere in the middle of HDF5's callbacks could vanish, or leave a half-made state. Only the
    main thread handles signals, so elsewhere this does nothing. `check_interrupt` lets long writes stop where it is
    safe.
    """
    if threading.current_thread() is not threading.main_thread() or _waiting:
        yield
        return
    try:
        _waiting.append(True)
        _came.clear()
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler):
                _before[number] = handler
                signal.signal(number, _note)
        yield
    finally:
        handlers = _restore()
        came = list(dict.fromkeys(_came))
        _came.clear()
        for late in came:
            handlers[late](late, None)


def check_interrupt() -> None:
    """Raises a held interrupt now, where nothing can be left half done.

    Raises:
        KeyboardInterrupt: The user wants to stop.
    """
    if not _waiting or threading.current_thread() is not threading.main_thread():
        return
    if signal.SIGINT in _came and _before.get(signal.SIGINT) is signal.default_int_handler:
        _came[:] = [number for number in _came if number != signal.SIGINT]
        raise KeyboardInterrupt


def _note(number: int, _frame: FrameType | None) -> None:
    _came.append(number)


def _restore() -> dict[int, Callable[[int, FrameType | None], Any]]:
    """Puts the handlers back, and returns them. What comes before its handler is there is still noted."""
    _waiting.clear()
    handlers = dict(_before)
    _before.clear()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    return handlers


def _forget_in_child() -> None:
    """A child forked by another thread, in the middle of a block, has nobody who ends it."""
    if _waiting and threading.current_thread() is threading.main_thread():
        _restore()


_SIGNALS = [*sorted(set(map(int, signal.valid_signals())) - {9, 19, int(signal.SIGINT)}), int(signal.SIGINT)]
"""All but those that nobody can handle; SIGINT last, for what it raises must not keep others from being restored."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
