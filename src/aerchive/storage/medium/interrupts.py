"""Ctrl-C and other signals wait while a file is written, and are delivered right after."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_waiting: list[bool] = []
"""Not empty while a block runs."""
_came: list[int] = []
"""The signals that came meanwhile, each once, in order."""
_before: dict[int, Callable[[int, FrameType | None], Any]] = {}
"""The handlers that are put aside; that of SIGINT last."""


class _Ended(BaseException):  # not an Exception, so that nothing on its way takes it for an error of the file
    """Ends a block because a handler raised something, which the block raises when it has been left.

    Args:
        error: What the handler raised.
    """

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.context = error.__context__


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[None]:
    """Holds back all signals that have a handler in Python, ``KeyboardInterrupt`` first of all, until the block ended.

    An exception out of nowhere in the middle of HDF5's callbacks could vanish, or leave a half-made state. Only the
    main thread handles signals, so elsewhere this does nothing. `check_interrupt` lets long writes stop where it is
    safe, and `deliver_interrupts` calls the handlers where the program only waits.

    Raises:
        BaseException: What a handler raised.
    """
    if threading.current_thread() is not threading.main_thread() or _waiting:
        yield
        return
    ended = None
    try:
        _hold()
        yield
    except _Ended as error:
        ended = error
    finally:
        _release()
    if ended is not None:
        try:
            raise ended.error
        finally:
            ended.error.__context__ = ended.context  # without the detour by which it came here


def check_interrupt() -> None:
    """Raises a held interrupt now, where nothing can be left half done.

    Raises:
        KeyboardInterrupt: The user wants to stop.
    """
    if not _waiting or threading.current_thread() is not threading.main_thread():
        return
    if signal.SIGINT in _came and _before.get(signal.SIGINT) is signal.default_int_handler:
        _came.remove(signal.SIGINT)
        raise KeyboardInterrupt


def deliver_interrupts() -> None:
    """Calls the handlers of the signals that came, where the program waits and nothing is half done.

    While they run, signals are not held back, and they may use this package themselves; then signals wait again.

    Raises:
        BaseException: A handler raised something. The outermost block of `deferred_interrupts` raises that itself when
            it has been left; what comes out here may not be caught.
    """
    if not _waiting or not _came or threading.current_thread() is not threading.main_thread():
        return
    try:
        try:
            _release()
        finally:
            _hold()
    except BaseException as error:  # noqa: BLE001  (raised by the outermost block)
        raise _Ended(error) from None


def _note(number: int, _frame: FrameType | None) -> None:
    if number not in _came:
        _came.append(number)


def _hold() -> None:
    """Puts the handlers aside, all of them also if one raises something before it is put aside itself."""
    _waiting.append(True)
    try:
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler) and handler is not _note:
                _before[number] = handler
                signal.signal(number, _note)
    except BaseException:
        _hold()
        raise


def _release() -> None:
    """Puts the handlers back, and calls those whose signals came."""
    try:
        _restore()
    finally:
        _call_handlers()


def _restore() -> None:
    """Puts the handlers back, all of them also if one that is back raises something.

    What comes before its handler is there is still noted.
    """
    _waiting.clear()
    try:
        while _before:
            number, handler = next(iter(_before.items()))
            signal.signal(number, handler)
            _before.pop(number, None)
    except BaseException:
        _restore()
        raise


def _call_handlers() -> None:
    """Calls the handlers of all signals that came, also if one of them raises something."""
    if not _came:
        return
    number = _came.pop(0)
    try:
        handler = signal.getsignal(number)
        if callable(handler):
            handler(number, sys._getframe(1))
        elif handler is signal.SIG_DFL:  # a handler that was called before has given up this one
            signal.raise_signal(number)
    finally:
        _call_handlers()


def _forget_in_child() -> None:
    """A child forked by another thread, in the middle of a block, has nobody who ends it."""
    _came.clear()
    if _waiting and threading.current_thread() is threading.main_thread():
        _restore()


_SIGNALS = [*sorted(set(map(int, signal.valid_signals())) - {9, 19, int(signal.SIGINT)}), int(signal.SIGINT)]
"""All but those that nobody can handle; SIGINT last, for it is the one that most often raises something."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
