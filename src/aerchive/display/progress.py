"""A progress bar on a terminal for long operations."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from aerchive.settings import load_settings

Item = TypeVar("Item")

PATIENCE_S = 1.0
"""The duration in seconds before a bar appears. Shorter operations show no bar."""


class ProgressBar:
    """A bar that shows how much of an operation is done.

    It appears on standard error, if that is a terminal, and not before a second has passed. The setting ``progress``
    turns it off.

    Args:
        what: The name of the operation, such as ``fidelity``.
        unit: The unit of the amounts: ``"B"`` for bytes, ``"it"`` for items.
    """

    def __init__(self, what: str, unit: str = "it") -> None:
        self._what = what
        self._unit = unit
        self._begin = time.monotonic()
        self._bar: Any = None
        self._is_decided = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, done: int, total: int) -> None:
        """Updates the bar.

        Args:
            done: The amount that is done, in the unit of the bar.
            total: The whole amount, in the unit of the bar.
        """
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        elif not self._is_decided and time.monotonic() - self._begin > PATIENCE_S:
            self._is_decided = True
            if sys.stderr.isatty() and load_settings().progress:
                self._bar = self._make(done, total)

    def _make(self, done: int, total: int) -> Any:
        from tqdm import tqdm

        class Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
            monitor_interval = 0  # no monitor thread: it would outlive the operation and could disturb a fork

        is_bytes = self._unit == "B"
        return Bar(
            total=total,
            initial=done,
            desc=self._what,
            leave=False,
            unit=self._unit,
            unit_scale=is_bytes,
            unit_divisor=1024 if is_bytes else 1000,
        )


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
