"""A bar on a terminal that says how far something long is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from aerchive.settings import load_settings

Item = TypeVar("Item")

PATIENCE_S = 1.0
"""What takes less is not worth a bar."""


class ProgressBar:
    """How much is done: on standard error, if that is a terminal, and once a second has passed.

    The setting ``progress`` turns it off.

    Args:
        what: What is being done, such as ``fidelity``.
        unit: ``"B"`` for bytes.
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
        """Says how much is done.

        Args:
            done: So much.
            total: Of so much.
        """
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        elif not self._is_decided and time.monotonic() - self._begin > PATIENCE_S:
            self._is_decided = True
            if sys.stderr.isatty() and load_settings().progress:
                self._bar = self._make(done, total)

    def _make(self, done: int, total: int) -> Any:
        from tqdm import tqdm

        class Bar(tqdm):  # type: ignore[misc]  # it ships no types
            monitor_interval = 0  # no thread of its own, which would outlive the pass and trouble a fork

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
    """Passes results on, and shows how many have gone by.

    Args:
        what: What is being done.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __call__(self, items: Iterator[Item], total: int, /) -> Iterator[Item]:
        """Passes the items of one pass on.

        Args:
            items: The items.
            total: How many there are.
        """
        with ProgressBar(self._what) as bar:
            for number, item in enumerate(items, 1):
                bar.show(number, total)
                yield item
