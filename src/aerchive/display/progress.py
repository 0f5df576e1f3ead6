"""A bar on a terminal that says how far a long pass is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any, TypeVar

from aerchive.settings import load_settings

Item = TypeVar("Item")

PATIENCE_S = 1.0
"""What takes less is not worth a bar."""


class ProgressBar:
    """Shows how many of its items have gone by: on standard error, if that is a terminal, and once a second has passed.

    The setting ``progress`` turns it off.

    Args:
        what: What is being done, such as ``fidelity``.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __call__(self, items: Iterator[Item], total: int, /) -> Iterator[Item]:
        """Passes the items on.

        Args:
            items: The items.
            total: How many there are.
        """
        begin = time.monotonic()
        bar: Any = None
        patient = True
        try:
            for number, item in enumerate(items, 1):
                if bar is not None:
                    bar.update(number - bar.n)
                elif patient and time.monotonic() - begin > PATIENCE_S:
                    patient = False
                    bar = self._bar(number, total)
                yield item
        finally:
            if bar is not None:
                bar.close()

    def _bar(self, done: int, total: int) -> Any:
        if not sys.stderr.isatty() or not load_settings().progress:
            return None
        from tqdm import tqdm

        class Bar(tqdm):  # type: ignore[misc]  # it ships no types
            monitor_interval = 0  # no thread of its own, which would outlive the pass and trouble a fork

        return Bar(total=total, initial=done, desc=self._what, leave=False)
