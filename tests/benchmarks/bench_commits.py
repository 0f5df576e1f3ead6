"""What a crash-safe commit costs beside plain h5py, and how long the way back from a crash takes.

1. Small commits. `project.archive` of a draft, beside plain h5py: open, write a group with the same attributes,
   datasets and links, close, and then one fsync, as many as a commit makes, or as many with 48 bytes written before
   each, as in a commit. Plain h5py keeps no catalogue and no digests. Then: what a commit asks of `Disk`, and the size
   of its journal beside the bytes that differ afterwards.
2. Payload. One dataset of noise written into a copy of one project, by h5py's own driver and through `Overlay`, both
   with the same libver and one fsync at the end; and through `Overlay` with a whole commit in place of the fsync.
3. Recovery. `ProjectFile.recover` of a commit that stopped when its journal was durable and nothing was applied, with
   tails of several sizes and nothing of the file in the page cache, beside 0.2 s and 3 s for each GiB of tail.

Interleaved in one process, in one folder, on the same data; the order changes each time. Medians, the 10th to 90th
percentile, and ratios of what was measured next to each other.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import functools
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import h5py
import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import CommittedError
from aerchive.project.documents.draft import RunDraft
from aerchive.storage.chunks.drafts import AttributeValue, GroupDraft, attribute_array
from aerchive.storage.commits.overlay import Overlay
from aerchive.storage.commits.superblock import SIZE as SUPERBLOCK_SIZE
from aerchive.storage.commits.superblock import read_superblock
from aerchive.storage.medium.disk import Disk
from aerchive.testing.disks import FailingDisk, RecordingDisk, fault, using
from tests.benchmarks.measuring import Figures, ratios, rotated, settle, spread, touch_memory
from tests.drafts import draft_of, job_id, project_at, values_of

MIB = 1024 * 1024
CHUNK_BYTES = MIB
WARM_UP = 3
"""Small commits before the first that counts."""
COUNTED = 10
"""Small commits of which all calls are counted."""
LIMIT_S, LIMIT_S_PER_GIB = 0.2, 3.0
"""What a recovery may take."""
JOURNAL_MAGIC = b"AERJRNL1"


# -- small commits


def kernel_calls() -> int:
    """Reads and writes of this process so far, all files and those of this function included; 0 where nobody counts."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("syscr", "syscw")))


def new_project(path: Path, runs: int) -> None:
    project = project_at(path)
    for number in range(runs):
        project.archive(draft_of(number))


def put_attributes(node: Any, values: Mapping[str, AttributeValue]) -> None:
    for name, value in values.items():
        node.attrs[name] = attribute_array(value)


def put_group(group: Any, draft: GroupDraft) -> None:
    put_attributes(group, draft.attributes)
    for name, dataset in draft.datasets.items():
        (part,) = dataset.parts
        put_attributes(group.create_dataset(name, data=part), dataset.attributes)
    for name, target in draft.objects.items():
        if target.path not in group.file:
            put_group(group.file.create_group(target.path), GroupDraft(target.attributes, target.datasets))
        group[name] = group.file[target.path]
    for name, inner in draft.groups.items():
        put_group(group.create_group(name), inner)


def append_plainly(path: Path, folder: str, name: str, draft: GroupDraft, *, syncs: int, rewrite: bool = False) -> None:
    """What a user would write.

    Args:
        path: The file.
        folder: For the group.
        name: Of the group.
        draft: What goes into it.
        syncs: How often to sync at the end.
        rewrite: Whether the superblock is written again, as it is, before each sync, so that it has something to do.
    """
    with h5py.File(path, "r+", libver=layout.LIBVER) as file:
        put_group(file.create_group(f"{folder}/{name}"), draft)
    fd = os.open(path, os.O_RDWR)
    for _ in range(syncs):
        if rewrite:
            os.pwrite(fd, os.pread(fd, SUPERBLOCK_SIZE, 0), 0)
        os.fsync(fd)
    os.close(fd)


def count_calls(path: Path, first: int) -> Figures:
    """What commits do to the disk.

    Args:
        path: A project that is not needed any more.
        first: Number of the first new run.
    """
    project = project_at(path)
    calls: list[Counter[str]] = []
    series: dict[str, list[float]] = {}
    for number in range(first, first + COUNTED):
        with using(FailingDisk(-1)) as counting:
            project.archive(draft_of(number))
        calls.append(Counter(counting.calls))
    for number in range(first + COUNTED, first + 2 * COUNTED):
        before = path.read_bytes()
        with using(RecordingDisk()) as recording:
            project.archive(draft_of(number))
        after = path.read_bytes()
        log = recording.of(path)
        at = next(place for place, operation in enumerate(log) if operation.data.startswith(JOURNAL_MAGIC))
        journal = len(log[at].data)
        pieces = [len(op.data) for op in log[at + 1 :] if op.kind == "write" and op.offset >= SUPERBLOCK_SIZE]
        differing = sum(a != b for a, b in zip(before, after, strict=False))
        for name, value in {
            "journal bytes": journal,
            "changes in the journal": len(pieces),
            "bytes of these changes": sum(pieces),
            "bytes that differ, superblock included": differing,
            "bytes added to the file": len(after) - len(before),
            "bytes written in all": sum(len(op.data) for op in log if op.kind == "write"),
        }.items():
            series.setdefault(name, []).append(value)
        series.setdefault("journal for each byte that differs", []).append(round(journal / differing, 2))
    kinds = sorted(set().union(*calls))
    figures: Figures = {f"calls: {kind}": spread([count[kind] for count in calls], 2) for kind in kinds}
    figures["calls: all"] = spread([count.total() for count in calls], 2)
    return figures | {name: spread(values, 2) for name, values in series.items()}


def small_commits(folder: Path, base: int, runs: int) -> Figures:
    start = folder / "start.h5"
    new_project(start, base)
    counted = folder / "counted.h5"
    shutil.copy(start, counted)
    counts = count_calls(counted, base)
    syncs = round(counts["calls: sync"]["median"])
    ways: dict[str, Path] = {}
    for name in ("project.archive", "h5py, 1 fsync", f"h5py, {syncs} fsyncs", f"h5py, {syncs} writes and fsyncs"):
        ways[name] = folder / f"way-{len(ways)}.h5"
        shutil.copy(start, ways[name])
    project = project_at(ways["project.archive"])
    settle(folder)
    times: dict[str, list[float]] = {name: [] for name in ways}
    asked: dict[str, list[float]] = {name: [] for name in ways}
    own = -kernel_calls() + kernel_calls()
    for number in range(base, base + WARM_UP + runs):
        draft = draft_of(number)
        group, place = draft.group, f"{layout.RUNS}/{draft.day}"
        actions: dict[str, Callable[[], Any]] = {"project.archive": functools.partial(project.archive, draft)}
        for name, path in list(ways.items())[1:]:
            plain = functools.partial(append_plainly, path, place, draft.group_name, group)
            many = 1 if name == "h5py, 1 fsync" else syncs
            actions[name] = functools.partial(plain, syncs=many, rewrite="writes" in name)
        for name, action in rotated(actions, number):
            before = kernel_calls()
            begun = time.perf_counter()
            action()
            done = time.perf_counter()
            if number >= base + WARM_UP:
                times[name].append(1000 * (done - begun))
                asked[name].append(kernel_calls() - before - own)
    assert len(project) == base + WARM_UP + runs
    against = times[f"h5py, {syncs} fsyncs"]
    figures: Figures = {
        "ms": {name: spread(values) for name, values in times.items()},
        "ratio": {name: ratios(values, against) for name, values in times.items()},
        "against": f"h5py, {syncs} fsyncs",
        "reads and writes": {name: spread(values, 1) for name, values in asked.items()},
        "commit": counts,
    }
    print(f"Small commits, {runs} of each, on a project of {base} runs")
    print(
        f"{'':44} {'p50 ms':>8} {'p95 ms':>8} {'10-90 % ms':>15} {'of h5py':>8} {'10-90 %':>12} {'reads, writes':>14}"
    )
    for name in times:
        ms, ratio, calls = figures["ms"][name], figures["ratio"][name], figures["reads and writes"][name]
        print(
            f"{name:44} {ms['median']:8.2f} {ms['p95']:8.2f} {ms['p10']:8.2f}-{ms['p90']:<6.2f} "
            f"{ratio['median']:8.2f} {ratio['p10']:6.2f}-{ratio['p90']:<5.2f} {calls['median']:14,.0f}"
        )
    print(f"\n{'One commit':44} {'median':>8} {'10-90 %':>15}")
    for name, figure in counts.items():
        print(f"{name:44} {figure['median']:8,.10g} {figure['p10']:8,.10g}-{figure['p90']:<6,.10g}")
    return figures


# -- payload


def noise(mib: int) -> NDArray[np.complex128]:
    """Incompressible."""
    return np.random.default_rng(1).standard_normal(mib * MIB // 8).view(np.complex128)


def put_chunked(file: Any, data: NDArray[np.complex128]) -> None:
    rows = CHUNK_BYTES // data.itemsize
    dataset = file.create_dataset("payload", data.shape, data.dtype, chunks=(rows,))
    for start in range(0, len(data), rows):
        dataset.id.write_direct_chunk((start,), data[start : start + rows].view(np.uint8).data)


def put_contiguous(file: Any, data: NDArray[np.complex128]) -> None:
    file.create_dataset("payload", data.shape, data.dtype)[...] = data


@contextlib.contextmanager
def plain_file(path: Path) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """The open file, and what makes it durable."""
    fd = os.open(path, os.O_RDWR)
    with h5py.File(path, "r+", libver=layout.LIBVER) as file:
        yield file, lambda: os.fsync(fd)
    os.close(fd)


@contextlib.contextmanager
def overlay_file(path: Path, *, commit: bool) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """The same through an overlay."""
    fd = os.open(path, os.O_RDWR)
    overlay = Overlay(fd, read_superblock(fd, str(path)), str(path))
    with h5py.File(overlay, "r+", libver=layout.LIBVER) as file:
        yield file, overlay.commit if commit else lambda: os.fsync(fd)
    assert overlay.error is None
    os.close(fd)


PLAIN, THROUGH, COMMITTED = "h5py's own driver, 1 fsync", "Overlay, 1 fsync", "Overlay, whole commit"
UNSYNCED = {PLAIN: "h5py's own driver, until closed", THROUGH: "Overlay, until closed"}
WAYS: dict[str, Callable[[Path], contextlib.AbstractContextManager[tuple[h5py.File, Callable[[], None]]]]] = {
    PLAIN: plain_file,
    THROUGH: functools.partial(overlay_file, commit=False),
    COMMITTED: functools.partial(overlay_file, commit=True),
}
PUTS = {"chunks of 1 MiB, raw": put_chunked, "contiguous, dataset[...] =": put_contiguous}


def payload(folder: Path, mib: int, repetitions: int) -> Figures:
    data = noise(mib)
    start = folder / "start.h5"
    new_project(start, 3)
    path = folder / "payload.h5"
    rates: dict[str, dict[str, list[float]]] = {put: {row: [] for row in (*WAYS, *UNSYNCED.values())} for put in PUTS}
    for number in range(-1, repetitions):  # the first does not count: it finds the memory and the disk as they were
        for put, write in PUTS.items():
            for way, opened in rotated(WAYS, number):
                shutil.copy(start, path)
                settle(folder)
                touch_memory(data.nbytes * 5 // 4)
                begun = time.perf_counter()
                with opened(path) as (file, make_durable):
                    write(file, data)
                    file.close()
                    written = time.perf_counter() - begun
                    make_durable()
                    done = time.perf_counter() - begun
                if number < 0 and way != THROUGH:
                    with h5py.File(path) as file:
                        assert np.array_equal(file["payload"][:], data)
                path.unlink()
                if number >= 0:
                    rates[put][way].append(data.nbytes / 1e9 / done)
                if number >= 0 and way in UNSYNCED:
                    rates[put][UNSYNCED[way]].append(data.nbytes / 1e9 / written)
    figures: Figures = {"mib": mib}
    print(f"\nPayload, {mib} MiB of complex128, {repetitions} of each")
    for put, series in rates.items():
        print(f"{put:44} {'GB/s':>8} {'10-90 %':>15} {'of h5py':>8} {'10-90 %':>12}")
        base = {row: series[UNSYNCED[PLAIN] if row in UNSYNCED.values() else PLAIN] for row in series}
        figures[put] = {
            "GB/s": {row: spread(values) for row, values in series.items()},
            "ratio": {row: ratios(values, base[row]) for row, values in series.items()},
        }
        for row in series:
            rate, ratio = figures[put]["GB/s"][row], figures[put]["ratio"][row]
            print(
                f"{'  ' + row:44} {rate['median']:8.2f} {rate['p10']:8.2f}-{rate['p90']:<6.2f} "
                f"{ratio['median']:8.2f} {ratio['p10']:6.2f}-{ratio['p90']:<5.2f}"
            )
    return figures


# -- recovery


class StoppingDisk(Disk):
    """Changes nothing more once a journal is durable, from the first write of the superblock on.

    Attributes:
        start: Where the journal begins.
    """

    def __init__(self) -> None:
        self.start = 0
        self._is_durable = False
        self._has_stopped = False

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        self._has_stopped |= self._is_durable and offset == 0
        self._check()
        super().write(fd, data, offset)
        if data[: len(JOURNAL_MAGIC)] == JOURNAL_MAGIC:
            self.start = offset

    def truncate(self, fd: int, size: int) -> None:
        self._check()
        super().truncate(fd, size)

    def sync(self, fd: int) -> None:
        self._check()
        super().sync(fd)
        self._is_durable = self.start > 0

    def _check(self) -> None:
        if self._has_stopped:
            raise fault(errno.EIO)


class Crashed:
    """A file whose commit stopped when its journal was durable; recovered and put back as often as wanted.

    Recovery changes only what was committed before, and cuts the journal off, so these two are kept.

    Args:
        path: For the file.
        mib: Size of the tail; a little less, so that 1 is just below the limit up to which it is hashed.
        runs: In the project before.
    """

    def __init__(self, path: Path, mib: int, runs: int) -> None:
        new_project(path, runs)
        self.path = path
        self.draft: RunDraft = draft_of(runs, extra_bytes=max(0, mib * MIB - 64 * 1024))
        self.project = project_at(path)
        self._head = path.read_bytes()
        with using(StoppingDisk()) as disk:
            try:
                self.project.archive(self.draft)
            except CommittedError:
                pass
            else:
                raise AssertionError("the commit did not stop")
        self._start = disk.start
        with path.open("rb") as file:
            assert file.read(len(self._head)) == self._head, "something was applied"
            file.seek(disk.start)
            self._journal = file.read()

    @property
    def tail(self) -> int:
        """Bytes of new data."""
        return self._start - len(self._head)

    def recover(self) -> float:
        """How long it takes, in seconds."""
        fd = os.open(self.path, os.O_RDWR)
        os.pwrite(fd, self._head, 0)
        os.pwrite(fd, self._journal, self._start)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
        begun = time.perf_counter()
        found = self.project.file.recover()
        taken = time.perf_counter() - begun
        assert found, "there was nothing to recover"
        return taken

    def check(self, runs: int) -> None:
        """Sees whether the run is there, and everything else."""
        project = project_at(self.path, "r")
        assert not project_at(self.path).recover()
        assert len(project) == runs + 1
        assert project[job_id(runs)].record == self.draft.record
        report = project.verify()
        assert report.ok, report.problems
        with h5py.File(self.path) as file:
            group = file[layout.RUNS][self.draft.day][self.draft.group_name]
            for name, (_, shape, content) in values_of(self.draft).items():
                stored = group[name]
                assert stored.shape == shape
                assert stored[()].tobytes() == content, name


def recovery(folder: Path, tails: Sequence[int], base: int, repetitions: int) -> Figures:
    crashed = {str(mib): Crashed(folder / f"crashed-{mib}.h5", mib, base) for mib in tails}
    times: dict[str, list[float]] = {name: [] for name in crashed}
    for number in range(repetitions):
        for name, one in rotated(crashed, number):
            times[name].append(one.recover())
    figures: Figures = {}
    print(f"\nRecovery, {repetitions} of each, on a project of {base} runs")
    print(
        f"{'tail':>14} {'':14} {'median ms':>10} {'10-90 % ms':>15} {'max ms':>8} {'limit ms':>9} {'max of limit':>13}"
    )
    for name, one in crashed.items():
        one.check(base)
        limit = LIMIT_S + LIMIT_S_PER_GIB * one.tail / 1024**3
        figure = spread([1000 * value for value in times[name]])
        share = figure["max"] / 1000 / limit
        figures[name] = {"tail bytes": one.tail, "ms": figure, "limit s": round(limit, 3), "share": round(share, 4)}
        what = "hashed" if one.tail < MIB else "synced"
        print(
            f"{one.tail / MIB:10.2f} MiB {what:14} {figure['median']:10.2f} "
            f"{figure['p10']:8.2f}-{figure['p90']:<6.2f} {figure['max']:8.2f} {1000 * limit:9.0f} {share:13.3f}"
        )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="small commits that are measured")
    parser.add_argument("--base", type=int, default=50, help="runs in the project before")
    parser.add_argument("--mib", type=int, default=512, help="size of the payload")
    parser.add_argument("--repetitions", type=int, default=7, help="of the payload and of each recovery")
    parser.add_argument("--tails", type=int, nargs="*", default=[0, 1, 64, 512, 1024], help="in MiB, for the recovery")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured; by default that of temporary files")
    parser.add_argument("--json", action="store_true", help="all figures in one line at the end")
    given = parser.parse_args()
    figures: Figures = {"h5py": h5py.version.version, "hdf5": h5py.version.hdf5_version}
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        parts: dict[str, Callable[[Path], Figures]] = {
            "small commits": lambda place: small_commits(place, given.base, given.runs),
            "payload": lambda place: payload(place, given.mib, given.repetitions),
            "recovery": lambda place: recovery(place, given.tails, given.base, given.repetitions),
        }
        for part, measure in parts.items():
            place = folder / part.replace(" ", "-")
            place.mkdir()
            figures[part] = measure(place)
            shutil.rmtree(place)
            settle(folder)
    if given.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
