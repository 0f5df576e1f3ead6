"""Whether something else was going on while something was measured.

A measurement is *disturbed* if one of these holds:

1. A memcpy of 16 MiB just before or just after it, the best of three, ran at less than 0.6 of the speed of a quiet
   machine: the 75th percentile of all such probes of this process so far.
2. Other processes, or the host of a virtual machine (steal), used more than 0.15 of all processors, and 0.03 s.
3. More than a quarter more bytes, and 8 MiB, went to or came from the disk than the measurement asked for.

What the system does not count (1 is always there) is not a reason to discard anything.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

MIB = 1024 * 1024
PROBE_BYTES = 16 * MIB
SLOW_PROBE = 0.6
FOREIGN_SHARE, FOREIGN_S = 0.15, 0.03
FOREIGN_BYTES_SHARE, FOREIGN_BYTES = 0.25, 8 * MIB

_T = TypeVar("_T")


class Timed(NamedTuple):
    """One measurement.

    Attributes:
        seconds: Of the clock.
        cpu_s: Of the processor, all threads of this process.
        disturbed: Why it does not count; empty if it does.
    """

    seconds: float
    cpu_s: float
    disturbed: str


class Counters(NamedTuple):
    """What the system has counted so far.

    Attributes:
        busy_s: Processor time of all processes, kernel and steal included.
        own_s: Of this process.
        disk_bytes: To and from the disk.
    """

    busy_s: float
    own_s: float
    disk_bytes: int


class Observer:
    """Times actions, and says which of them were disturbed.

    Args:
        folder: On the disk that is measured.
    """

    def __init__(self, folder: Path) -> None:
        self._disk = _device_of(folder)
        self._source = np.ones(PROBE_BYTES, np.uint8)
        self._target = np.ones(PROBE_BYTES, np.uint8)
        self._probes: list[float] = []
        for _ in range(20):
            self.probe()

    @property
    def reference(self) -> float:
        """Speed of a memcpy on the quiet machine, in GB/s."""
        return statistics.quantiles(self._probes, n=4)[2]

    def probe(self) -> float:
        """Speed of a memcpy now, in GB/s."""
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            np.copyto(self._target, self._source)
            times.append(time.perf_counter() - begun)
        speed = PROBE_BYTES / 1e9 / min(times)
        self._probes.append(speed)
        return speed

    def measure(self, action: Callable[[], _T], disk_bytes: Callable[[], int] = lambda: 0) -> tuple[_T, Timed]:
        """Times an action.

        Args:
            action: What is timed.
            disk_bytes: How many bytes it was to move to or from the disk; asked afterwards.
        """
        before = self.probe()
        start = self._counters()
        cpu = time.process_time()
        begun = time.perf_counter()
        value = action()
        seconds = time.perf_counter() - begun
        cpu = time.process_time() - cpu
        end = self._counters()
        speed = min(before, self.probe())
        return value, Timed(seconds, cpu, self._reason(seconds, start, end, speed, disk_bytes()))

    def _reason(self, seconds: float, start: Counters, end: Counters, speed: float, disk_bytes: int) -> str:
        reasons = []
        if speed < SLOW_PROBE * self.reference:
            reasons.append(f"memcpy at {speed:.1f} of {self.reference:.1f} GB/s")
        foreign = (end.busy_s - start.busy_s) - (end.own_s - start.own_s)
        share = foreign / (seconds * (os.cpu_count() or 1))
        if share > FOREIGN_SHARE and foreign > FOREIGN_S:
            reasons.append(f"others used {share:.0%} of the processors")
        moved = end.disk_bytes - start.disk_bytes - disk_bytes
        if moved > FOREIGN_BYTES_SHARE * disk_bytes and moved > FOREIGN_BYTES:
            reasons.append(f"others moved {moved / MIB:.0f} MiB to or from the disk")
        return "; ".join(reasons)

    def _counters(self) -> Counters:
        mine = os.times()
        return Counters(_busy_s(), mine.user + mine.system, _disk_bytes(self._disk))


def _busy_s() -> float:
    """Seconds that all processors together were not idle since the machine started; 0 if nobody counts."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return 0.0
    user, nice, system, _idle, _waiting, irq, soft_irq, steal = map(int, fields[1:9])
    return (user + nice + system + irq + soft_irq + steal) / os.sysconf("SC_CLK_TCK")


def _device_of(folder: Path) -> tuple[str, str]:
    device = folder.stat().st_dev
    return str(os.major(device)), str(os.minor(device))


def _disk_bytes(device: tuple[str, str]) -> int:
    """Bytes read from and written to a disk since the machine started; 0 if nobody counts."""
    try:
        lines = Path("/proc/diskstats").read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        fields = line.split()
        if (fields[0], fields[1]) == device:
            return 512 * (int(fields[5]) + int(fields[9]))
    return 0
