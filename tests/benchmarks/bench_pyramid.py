"""What the state explorer of the web page takes: the first picture, the whole pass, the tiles, and the memory.

The state is the dense and incompressible one of `tests.benchmarks.large_state`, archived and then read by processes of
their own, each with the file dropped from the page cache. The page is imitated by a loop that asks for the description
and the tile of 1,024 bins over and over. What a user would do without it is ``np.abs(state) ** 2`` of the whole state
in memory, and sums over bins of that; it is done if the state and its probabilities fit into half of the memory.

*First picture*: from the first question to a tile in which every bin has the sum of its probabilities; with the profile
that was stored when the run was archived, and without it (every bin then has a greatest amplitude that was read).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from tests.benchmarks import fresh_process, large_state
from tests.benchmarks.large_state import MIB, NAMES
from tests.benchmarks.measuring import Figures
from tests.benchmarks.storage_methods import drop_from_cache

_PICTURE = 10
"""The level of a picture of 1,024 bins."""
_TILES = 25
_POLL_S = 0.02


def explore(folder: Path, qubits: int) -> Figures:
    """Asks for views as the page does, from the first question to the end of the pass."""
    import aerchive
    from aerchive.view.arrays import ArrayViews

    path, cache = folder / NAMES[0], folder / "views"
    state = aerchive.open(path, "r").latest().state()
    profile = _profile(path)
    views = ArrayViews(cache)
    drop_from_cache(path)
    before = fresh_process.start_of_peak()
    level = min(_PICTURE, qubits)
    begun = time.perf_counter()
    info = views.info(state, 0, profile)
    first = _numbers(views.tile(state, 0, level, (0,)))
    figures: Figures = {"first picture with the profile, s": time.perf_counter() - begun}
    assert np.isfinite(first[0]).all(), "a bin of the first picture is missing"
    asked: list[float] = []
    deep: list[float] = []
    filled = None
    while info["progress"] < 1:
        time.sleep(_POLL_S)
        info = views.info(state, 0, profile)
        asked.append(_seconds(lambda: views.tile(state, 0, level, (0,))))
        deep.append(_seconds(lambda: views.tile(state, 0, qubits, (len(asked) * 7919 % max(1, 2**qubits // 1024),))))
        if filled is None and np.isfinite(_numbers(views.tile(state, 0, level, (0,)))).all():
            filled = time.perf_counter() - begun
    figures["every bin has an amplitude that was read, s"] = filled or time.perf_counter() - begun
    figures["whole pass, s"] = time.perf_counter() - begun
    views.close()
    figures["extra memory at the peak, MiB"] = (fresh_process.memory("VmHWM") - before) / MIB
    if asked:
        figures["tile of 1,024 bins during the pass, longest, ms"] = 1000 * max(asked)
        figures["tile of single amplitudes during the pass, longest, ms"] = 1000 * max(deep)
    assert abs(info["norm"] - 1) < 1e-12, "the norm is wrong"
    _check(views.tile(state, 0, level, (0,)), profile)
    return figures


def zoom(folder: Path, qubits: int) -> Figures:
    """Opens the explorer again, in another process, and asks for tiles of all levels in all places."""
    import aerchive
    from aerchive.view.arrays import ArrayViews

    path = folder / NAMES[0]
    state = aerchive.open(path, "r").latest().state()
    drop_from_cache(path)
    views = ArrayViews(folder / "views")
    figures: Figures = {"opened again: description, s": _seconds(lambda: views.info(state))}
    assert views.info(state)["progress"] == 1, "the pass begins again"
    random = np.random.default_rng(1)
    for level in sorted({min(level, qubits) for level in (0, 10, 18, 19, (18 + qubits) // 2, qubits)}):
        tiles = max(1, 2**level // 1024)
        drop_from_cache(path)
        times = [
            _seconds(lambda level=level, tiles=tiles: views.tile(state, 0, level, (int(random.integers(tiles)),)))
            for _ in range(_TILES)
        ]
        figures[f"tile of level {level}, ms"] = (
            f"{1000 * statistics.median(times):.1f} ({1000 * min(times):.1f}–{1000 * max(times):.1f})"
        )
    views.close()
    return figures


def whole(folder: Path, qubits: int) -> Figures:
    """What a user would do: all probabilities in memory, and their sums."""
    import aerchive

    path = folder / NAMES[0]
    state = aerchive.open(path, "r").latest().state()
    profile = _profile(path)
    drop_from_cache(path)
    before = fresh_process.start_of_peak()
    begun = time.perf_counter()
    weights = np.abs(state[...]) ** 2
    sums = weights.reshape(min(1024, 2**qubits), -1).sum(axis=1)
    figures: Figures = {"probabilities of all in memory, first picture, s": time.perf_counter() - begun}
    begun = time.perf_counter()
    top = np.argpartition(weights, -64)[-64:] if qubits > 6 else np.arange(len(weights))
    ones = [float(weights.reshape(-1, 2, 1 << qubit)[:, 1].sum()) for qubit in range(qubits)]
    figures["the same: top outcomes and marginals, s"] = time.perf_counter() - begun
    figures["the same: extra memory at the peak, MiB"] = (fresh_process.memory("VmHWM") - before) / MIB
    assert len(top)
    assert len(ones) == qubits
    np.testing.assert_allclose(sums, profile, rtol=1e-6)
    return figures


STEPS = {"explore": explore, "zoom": zoom, "whole": whole}


def _profile(path: Path) -> Any:
    """The sums that were stored when the run was archived."""
    import h5py

    import aerchive

    group = aerchive.open(path, "r").latest().path
    with h5py.File(path, "r") as file:
        return file[f"{group}/view/probability/probability"][...]


def _numbers(tile: bytes) -> Any:
    return np.frombuffer(tile, "<f4").reshape(4, -1)


def _check(tile: bytes, profile: Any) -> None:
    np.testing.assert_allclose(_numbers(tile)[0], profile, rtol=1e-5)


def _seconds(question: Any) -> float:
    begun = time.perf_counter()
    question()
    return time.perf_counter() - begun


def answer(task: Figures) -> Figures:
    """Does a step in this process."""
    return STEPS[task["what"]](Path(task["folder"]), task["qubits"])


def measure(folder: Path, qubits: int) -> Figures:
    """All steps, each in a process of its own."""
    large_state.archive(folder, qubits, 0, 0) if qubits < 20 else fresh_process.ask(
        large_state.__file__, what="archive", folder=str(folder), qubits=qubits, number=0, repetitions=0
    )
    figures: Figures = {"size, MiB": 16 * 2**qubits / MIB}
    task = {"folder": str(folder), "qubits": qubits}
    figures |= fresh_process.ask(__file__, what="explore", **task)
    figures |= fresh_process.ask(__file__, what="zoom", **task)
    if 24 * 2**qubits * 2 < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
        figures |= fresh_process.ask(__file__, what="whole", **task)
    figures["file of the pyramid, MiB"] = sum(file.stat().st_size for file in (folder / "views").iterdir()) / MIB
    return figures


def main() -> None:
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        print(json.dumps(answer(json.loads(sys.argv[1]))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qubits", type=int, default=22)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured; by default that of temporary files")
    given = parser.parse_args()
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, python3 tests/benchmarks/bench_pyramid.py", *sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="bench-pyramid-", dir=given.folder) as name:
        figures = measure(Path(name), given.qubits)
    for what, figure in figures.items():
        print(f"| {what} | {figure if isinstance(figure, str) else format(figure, '.3g')} |")


if __name__ == "__main__":
    main()
