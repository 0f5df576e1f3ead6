"""Single amplitudes of a large state, by a list of random indices: 1,000 of a dense state of 28 qubits.

Every way gives the same amplitudes of the same state and takes its turn in each round: the list of indices; the chunks
expanded whole, as they are when much of each is read; and `numpy.load` with a mapped file, which verifies nothing. Warm
figures find the files in the page cache, cold ones do not. Processor time is of all threads, and says what a machine
without other work would need; the ratio is to the chunks expanded whole, in processor time.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from numpy.typing import NDArray

import aerchive
from aerchive.states.workers import Workers
from tests.benchmarks.measuring import ratios, rotated, spread
from tests.benchmarks.storage_methods import METHODS, PORTABLE, Payload, drop_from_cache

Picked = NDArray[np.complex128]
_PIECE = 2**22


def make(folder: Path, qubits: int, seed: int) -> tuple[Path, Path]:
    """Makes a project with a dense random state, and a file of numpy with the same state."""
    path, plain = folder / "state.h5", folder / "state.npy"
    values = np.lib.format.open_memmap(plain, "w+", np.complex128, (2**qubits,))
    random = np.random.Generator(np.random.SFC64(seed))
    for start in range(0, values.size, _PIECE):
        part = values[start : start + _PIECE]
        part[...] = random.standard_normal(2 * part.size).view(np.complex128) / np.sqrt(2.0 ** (qubits + 1))
    METHODS[PORTABLE].write(path, Payload(np.asarray(values), "statevector"))
    return path, plain


def by_list(path: Path, indices: NDArray[np.int64]) -> Picked:
    """The list as it is."""
    return np.asarray(aerchive.open(path, "r").latest().array()[indices])


def by_whole_chunks(path: Path, indices: NDArray[np.int64]) -> Picked:
    """The chunks with these amplitudes, each expanded whole."""
    found = np.empty(len(indices), np.complex128)
    with aerchive.open(path, "r").latest().array().opened() as source, Workers() as workers:
        (length,) = source.chunk
        order = indices // length

        def read(number: int) -> None:
            values = source.read(slice(number * length, min((number + 1) * length, source.shape[0])))
            assert values is not None
            found[order == number] = values[indices[order == number] - number * length]

        for _ in workers.map(read, sorted(set(order.tolist()))):
            pass
    return found


def by_mapping(path: Path, indices: NDArray[np.int64]) -> Picked:
    """A file of numpy that is mapped."""
    return np.asarray(np.load(path, mmap_mode="r")[indices])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qubits", type=int, default=28)
    parser.add_argument("--number", type=int, default=1000, help="of amplitudes (default 1000)")
    parser.add_argument("--repetitions", type=int, default=7, help="warm and cold each (default 7)")
    parser.add_argument("--folder", type=Path, help="for the state; by default a temporary folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        path, plain = make(Path(name), asked.qubits, seed=1)
        ways: dict[str, Callable[[], Any]] = {
            "chunks expanded whole": lambda: by_whole_chunks(path, indices),
            "list of indices": lambda: by_list(path, indices),
            "numpy.load, mapped": lambda: by_mapping(plain, indices),
        }
        size = path.stat().st_size / 2**30
        print(f"{asked.number} amplitudes of {asked.qubits} qubits, {size:.2f} GiB; {datetime.datetime.now():%Y-%m-%d}")
        print("| | | s | least | processor, s | ratio of processor time |\n|---|---|---|---|---|---|")
        for state in ("warm", "cold"):
            walls: dict[str, list[float]] = {way: [] for way in ways}
            costs: dict[str, list[float]] = {way: [] for way in ways}
            for number in range(asked.repetitions):
                indices = np.random.default_rng(number).integers(0, 2**asked.qubits, asked.number)
                values: list[Picked] = []
                for way, pick in rotated(ways, number):
                    if state == "warm":
                        pick()
                    else:
                        drop_from_cache(plain if pick is ways["numpy.load, mapped"] else path)
                    begun, cost = time.perf_counter(), time.process_time()
                    values.append(pick())
                    walls[way].append(time.perf_counter() - begun)
                    costs[way].append(time.process_time() - cost)
                if not all(np.array_equal(values[0], other) for other in values):
                    raise RuntimeError("the ways gave different amplitudes")
            for way in ways:
                wall, cost = spread(walls[way]), spread(costs[way])
                ratio = ratios(costs[way], costs["chunks expanded whole"])
                print(
                    f"| {way} | {state} | {wall['median']:.3f} ({wall['p10']:.3f} to {wall['p90']:.3f}) "
                    f"| {min(walls[way]):.3f} | {cost['median']:.3f} "
                    f"| {ratio['median']:.2f} ({ratio['p10']:.2f} to {ratio['p90']:.2f}) |",
                    flush=True,
                )
        print(f"load of the machine at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
