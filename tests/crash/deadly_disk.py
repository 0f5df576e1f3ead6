"""A disk that kills its process before one of its calls."""

from __future__ import annotations

import os
import signal

from aerchive.testing.disks import RecordingDisk


class DeadlyDisk(RecordingDisk):
    """Kills this process before its n-th call that changes anything; with a negative number it only counts them.

    Args:
        nth: The number of calls that are done.

    Attributes:
        calls: The number of calls so far.
    """

    def __init__(self, nth: int) -> None:
        super().__init__()
        self.nth = nth
        self.calls = 0

    def step(self) -> None:
        """Counts a call."""
        self.calls += 1
        if self.calls > self.nth >= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        """Writes a half first, so that the write is torn if the next step is deadly."""
        self.step()
        super().write(fd, data[: len(data) // 2], offset)
        super().write(fd, data, offset)
        self.log.clear()

    def truncate(self, fd: int, size: int) -> None:
        """Truncates a file."""
        self.step()
        super().truncate(fd, size)

    def sync(self, fd: int) -> None:
        """Only counts: nothing is lost with a process."""
        self.step()
