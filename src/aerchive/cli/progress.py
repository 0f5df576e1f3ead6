"""A line that says how far a command is, on a terminal and after a second."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

_PATIENCE_S = 1.0
_PAUSE_S = 0.2
_GIB = 1024**3


class ProgressLine:
    """Shows what is done and to do, on standard error if that is a terminal.

    Args:
        done: What is being done, as in "verified".
        unit: What is counted; by default bytes.
    """

    def __init__(self, done: str, unit: str | None = None) -> None:
        self._done = done
        self._unit = unit
        self._next = time.monotonic() + _PATIENCE_S
        self._width = 0

    def __enter__(self) -> Self:
        return self

    def show(self, done: int, total: int) -> None:
        """Says how much is done.

        Args:
            done: In units.
            total: In units.
        """
        if time.monotonic() < self._next or not sys.stderr.isatty():
            return
        self._next = time.monotonic() + _PAUSE_S
        share = f"{done:,} of {total:,} {self._unit}" if self._unit else f"{done / _GIB:.2f} of {total / _GIB:.2f} GiB"
        text = f"{self._done} {share} ({100 * done // max(total, 1)} %)"
        print(f"\r{text:{self._width}}", end="", file=sys.stderr, flush=True)
        self._width = len(text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._width:
            print(f"\r{'':{self._width}}\r", end="", file=sys.stderr, flush=True)
