"""A progress bar on a terminal for long operations."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from aerchive.display.text import clean
from aerchive.settings import load_settings

Item = TypeVar("Item")

PATIENCE_S = 1.0
"""The duration in seconds before a bar appears. Shorter operations show no bar."""


_REFRESH_S = 0.1
_shown = threading.Lock()
"""Held while there is a bar: a second one, of a part of the same operation, is not shown."""


class ProgressBar:
    """A bar that shows how much of an operation is done.

    It appears on standard error, if that is a terminal, and not before a second has passed. The setting ``progress``
    turns it off.

    Args:
        what: The name of the operation, such as ``fidelity``.
        unit: The unit of the amounts: ``"B"`` for bytes, ``"it"`` for items, or another word.
    """

    def __init__(self, what: str, unit: str = "it") -> None:
        self._what = what
        self._unit = unit
        self._begin = time.monotonic()
        self._bar: _Bar | None = None
        self._is_decided = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
            _shown.release()
            self._bar = None

    def show(self, done: int, total: int) -> None:
        """Updates the bar.

        Args:
            done: The amount that is done, in the unit of the bar.
            total: The whole amount, in the unit of the bar.
        """
        if self._bar is not None:
            self._bar.show(done, total)
        elif not self._is_decided and time.monotonic() - self._begin > PATIENCE_S:
            self._is_decided = True
            if sys.stderr.isatty() and load_settings().progress and _shown.acquire(blocking=False):
                self._bar = self._make(done, total)

    def _make(self, done: int, total: int) -> _Bar:
        bar = _Bar(self._what, self._unit)
        bar.show(done, total)
        return bar


class _Bar:
    """A bar of rich. It is drawn when it is told something: a thread would disturb a fork."""

    def __init__(self, what: str, unit: str) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        amount = DownloadColumn(binary_units=True) if unit == "B" else MofNCompleteColumn()
        word = [TextColumn(unit, markup=False)] if unit not in ("B", "it") else []
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            amount,
            *word,
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task(clean(what), total=None)
        self._drawn = 0.0
        self._progress.start()

    def show(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)
        if time.monotonic() - self._drawn > _REFRESH_S:
            self._drawn = time.monotonic()
            self._progress.refresh()

    def close(self) -> None:
        self._progress.stop()


class WaitingBar:
    """The bar of a program that waits until others release the project; see `aerchive.storage.medium.locks`."""

    def __init__(self) -> None:
        self._bars: dict[int, ProgressBar] = {}

    def waits(self, describe: Callable[[], str], waited_s: float, timeout_s: float) -> None:
        """Shows how long this thread has waited.

        Args:
            describe: A function that says for what.
            waited_s: Time since the wait began, in seconds.
            timeout_s: Longest time that it may take, in seconds.
        """
        thread = threading.get_ident()
        if thread not in self._bars:
            self._bars[thread] = ProgressBar(f"waiting: {describe()}", "s")
        self._bars[thread].show(int(waited_s), math.ceil(timeout_s))

    def ends(self) -> None:
        """Removes the bar of this thread."""
        bar = self._bars.pop(threading.get_ident(), None)
        if bar is not None:
            bar.__exit__(None, None, None)


class ProgressOf:
    """Passes results on, and shows their number in a progress bar.

    Args:
        what: The name of the operation.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __call__(self, items: Iterator[Item], total: int, /) -> Iterator[Item]:
        """Yields the items of one pass, and updates the bar.

        Args:
            items: The items.
            total: The number of items.
        """
        with ProgressBar(self._what) as bar:
            for number, item in enumerate(items, 1):
                bar.show(number, total)
                yield item
