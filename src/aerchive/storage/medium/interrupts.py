"""Signals, such as that of Ctrl-C, are held back while a file is written, and delivered right after."""

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
"""Not empty while a block of `deferred_interrupts` holds signals back."""
_came: list[int] = []
"""Numbers of the signals that arrived while they are held back, each once, in order of arrival."""
_before: dict[int, Callable[[int, FrameType | None], Any]] = {}
"""The original handlers by signal number, while they are replaced; that of SIGINT last."""


class _Ended(BaseException):  # not an Exception, so that no caller in between takes it for an error of the file
    """Leaves a block of `deferred_interrupts` because a signal handler raised; the block then raises that exception.

    Args:
        error: The exception that the handler raised.
    """

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.context = error.__context__


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[None]:
    """Holds back all signals that have a Python handler (SIGINT, thus ``KeyboardInterrupt``, too) until the block ends.

    An exception raised by a handler inside HDF5's callbacks could be lost, or leave an incomplete state. Only the main
    thread handles signals, so in other threads this does nothing. `check_interrupt` lets long writes stop where it is
    safe, and `deliver_interrupts` calls the handlers where the program only waits.

    Raises:
        BaseException: The exception that a handler raised.
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
            ended.error.__context__ = ended.context  # the context as it was when the handler raised


def check_interrupt() -> None:
    """Raises a held-back ``KeyboardInterrupt`` now; called where no operation can be left incomplete.

    Raises:
        KeyboardInterrupt: The user has pressed Ctrl-C.
    """
    if not _waiting or threading.current_thread() is not threading.main_thread():
        return
    if signal.SIGINT in _came and _before.get(signal.SIGINT) is signal.default_int_handler:
        _came.remove(signal.SIGINT)
        raise KeyboardInterrupt


def deliver_interrupts() -> None:
    """Calls the handlers of the signals that arrived; called where the program waits and no operation is incomplete.

    While the handlers run, signals are not held back, and handlers may use this package; then signals are held again.

    Raises:
        BaseException: A handler raised an exception. The outermost block of `deferred_interrupts` raises that exception
            when it is left; callers must not catch the one raised here.
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
    """Replaces all handlers by `_note`, also if one of them is called and raises before it is replaced."""
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
    """Restores the handlers, and calls those whose signals arrived."""
    try:
        _restore()
    finally:
        _call_handlers()


def _restore() -> None:
    """Restores all handlers, also if one that is already restored is called and raises.

    A signal that arrives before its handler is restored is still noted.
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
    """Calls the handlers of all signals that arrived, also if one of them raises."""
    if not _came:
        return
    number = _came.pop(0)
    try:
        handler = signal.getsignal(number)
        if callable(handler):
            handler(number, sys._getframe(1))
        elif handler is signal.SIG_DFL:  # a handler called before has reset this signal to its default
            signal.raise_signal(number)
    finally:
        _call_handlers()


def _forget_in_child() -> None:
    """Restores the handlers in a forked child: if another thread forked during a block, that block never ends there."""
    _came.clear()
    if _waiting and threading.current_thread() is threading.main_thread():
        _restore()


_SIGNALS = [*sorted(set(map(int, signal.valid_signals())) - {9, 19, int(signal.SIGINT)}), int(signal.SIGINT)]
"""All signals except SIGKILL and SIGSTOP, which cannot be handled; SIGINT last, as its handler most often raises."""
os.register_at_fork(after_in_child=_forget_in_child)
