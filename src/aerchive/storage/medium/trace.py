"""A log of the reads from project files, with which a reader or a test measures the cost of an operation."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class ReadLog:
    """The reads made while a `record_reads` block was open.

    Attributes:
        extents: ``(offset, length)`` in bytes of each read, in order, HDF5's own metadata included.
    """

    extents: list[tuple[int, int]] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        """The number of bytes read; bytes read several times count several times."""
        return sum(length for _, length in self.extents)

    def touches(self, offset: int, length: int) -> bool:
        """Whether any of the ``length`` bytes from ``offset`` was read."""
        return any(start < offset + length and offset < start + size for start, size in self.extents)


_logs: contextvars.ContextVar[tuple[ReadLog, ...]] = contextvars.ContextVar("aerchive_read_logs", default=())


@contextlib.contextmanager
def record_reads() -> Iterator[ReadLog]:
    """Records each read that aerchive makes in this thread while the block runs."""
    log = ReadLog()
    token = _logs.set((*_logs.get(), log))
    try:
        yield log
    finally:
        _logs.reset(token)


def note_read(offset: int, length: int) -> None:
    """Adds a read to the open logs; the storage layer calls this for each read of a project file."""
    for log in _logs.get():
        log.extents.append((offset, length))
