"""How long is waited for another machine, and how often it is asked again."""

from __future__ import annotations

import email.utils
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from aerchive.errors import ReadError
from aerchive.settings import load_settings
from aerchive.storage.medium.interrupts import check_interrupt

_T = TypeVar("_T")

_TRIES = 4
_PAUSE_S = 0.5
"""Pause after the first failure, in seconds; each further one is twice as long."""
_LONGEST_PAUSE_S = 20.0
_SLOWEST = 16 * 1024
"""Bytes per second; an answer that comes slower takes too long."""
_STEP_S = 0.1


class AgainError(Exception):
    """A failure that may pass.

    Args:
        why: What happened, as the end of a sentence.
        pause_s: The pause that the server asks for, in seconds, if it does.
    """

    def __init__(self, why: str, pause_s: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.pause_s = pause_s


def patience_s() -> float:
    """Longest time without an answer, in seconds, as the settings say."""
    return load_settings().remote_timeout


def tried(name: str, attempt: Callable[[], _T]) -> _T:
    """Calls a function, and again a few times after failures that may pass.

    Args:
        name: The address, for the message.
        attempt: The function; it raises `AgainError` for such a failure.

    Raises:
        ReadError: It failed each time, or the server asks for a long pause.
        KeyboardInterrupt: The user has pressed Ctrl-C.
    """
    pause_s = _PAUSE_S
    for number in range(1, _TRIES + 1):
        check_interrupt()
        try:
            return attempt()
        except AgainError as error:
            wait_s = max(pause_s, error.pause_s or 0.0)
            if number == _TRIES or wait_s > _LONGEST_PAUSE_S:
                times = "once" if number == 1 else f"{number} times"
                raise ReadError(f"{name}: asked {times}, but {error.why}; try again later") from error
            _sleep(wait_s * random.uniform(0.75, 1.25))  # noqa: S311  (spreads those who wait)
            pause_s *= 2
    raise AssertionError("the loop returns or raises")


def in_time(attempt: Callable[[], _T], nbytes: int) -> _T:
    """Calls a function in a thread, which is left alone if it does not come back in time.

    So neither a server that sends a byte now and then, nor a file system that waits for ever, holds up the program, and
    Ctrl-C ends the wait.

    Args:
        attempt: The function.
        nbytes: Number of bytes that it gets.

    Raises:
        AgainError: It did not come back in time.
    """
    found: list[_T] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            found.append(attempt())
        except BaseException as error:  # noqa: BLE001  (raised again below)
            failed.append(error)

    end_s = 2 * patience_s() + nbytes / _SLOWEST
    end = time.monotonic() + end_s
    thread = threading.Thread(target=work, name="aerchive-remote", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_STEP_S)
        check_interrupt()
        if thread.is_alive() and time.monotonic() > end:
            raise AgainError(f"no whole answer came within {end_s:.0f} s")
    if failed:
        raise failed[0]
    return found[0]


def seconds_of(header: str | None) -> float | None:
    """The pause that a header ``Retry-After`` asks for, in seconds or as a date; ``None`` if it cannot be read."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _sleep(seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        check_interrupt()
        time.sleep(min(left, _STEP_S))
