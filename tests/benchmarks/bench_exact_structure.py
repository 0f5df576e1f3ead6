"""What exact structure saves and costs: states as a prediction and a residual, against the usual compression.

Each state of `tests.benchmarks.state_families` is encoded in memory (`aerchive.states.predicted`), and decoded chunk by
chunk and compared. Sizes are those of the chunks as they would be stored, factors and tables included. Times are of the
processor, of user and system, in milliseconds for each MiB of the state, the least of the repetitions; the time to
encode includes the verification of each chunk. *Looking* is the time until a state without structure is left alone.
Matrices are taken as one long vector.
"""

from __future__ import annotations

import argparse
import datetime
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from aerchive.states.predicted.decode import decode
from aerchive.states.predicted.encode import encode
from aerchive.states.predicted.encoded import PIECE, Encoded
from aerchive.states.predicted.plain import Plain
from aerchive.states.predicted.sizes import default_size
from tests.benchmarks.state_families import FAMILIES, Values, kept

STRUCTURED = ("ising", "ansatz", "qft-product", "qft-basis", "grover", "qaoa-squares")
MIB = 2**20


def least_ms(work: Callable[[], Any], nbytes: int, repetitions: int) -> float:
    """The least time of the processor in milliseconds for each MiB."""
    times = []
    for _ in range(repetitions):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return 1000 * min(times) * MIB / nbytes


def pieces_of(encoded: Encoded) -> list[tuple[dict[str, Any], Any, int]]:
    """What decoding each chunk takes."""
    size = encoded.aligned["residual"].shape[-1]
    pieces = []
    for start in range(0, size, PIECE):
        columns = {name: array.read(start, start + PIECE) for name, array in encoded.aligned.items()}
        residual = columns.pop("residual")
        pieces.append(({**encoded.arrays, **columns}, residual, start))
    return pieces


def row(name: str, state: Values, repetitions: int) -> tuple[str, float]:
    """A row of the table, and the gain."""
    found = encode(state)
    encoding = least_ms(lambda: encode(state), state.nbytes, repetitions)
    title = FAMILIES[name].title
    if found is None:
        usual = default_size(Plain.examined(state))
        return f"| {title} | {state.nbytes / usual:,.2f} | | 1.00 | | {encoding:.1f} | | |", 1.0
    pieces = pieces_of(found)
    for factors, residual, start in pieces:
        values = decode(found.form, found.attributes, factors, residual, start)
        assert values.tobytes() == state[start : start + PIECE].tobytes(), f"{name} is not restored bit for bit"
    decoding = least_ms(
        lambda: [decode(found.form, found.attributes, *piece) for piece in pieces], state.nbytes, repetitions
    )
    key = "table" if "table" in found.arrays else "left_real"
    number = found.arrays[key].shape[1 if key == "table" else 0]
    what = f"table of {number:,}" if key == "table" else f"rank {number}"
    gain = found.default_nbytes / found.nbytes
    figures = f"{state.nbytes / found.default_nbytes:,.2f} | {state.nbytes / found.nbytes:,.2f} | {gain:.2f}"
    bits = 8 * found.nbytes / state.size
    return f"| {title} | {figures} | {what} | {encoding:.1f} | {decoding:.1f} | {bits:.1f} |", gain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where states are kept")
    parser.add_argument("--qubits", type=int, nargs="*", default=[20, 22])
    parser.add_argument("--family", nargs="*", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {Path(__file__).name}", *sys.argv[1:])
    for qubits in given.qubits:
        print(f"\n{qubits} qubits\n")
        print("| state | usual ratio | ratio | gain | predicted by | encode or look, ms/MiB | decode, ms/MiB | bits |")
        print("|---|---|---|---|---|---|---|---|")
        gains = {}
        for name in given.family:
            values = np.load(kept(given.folder, name, qubits))
            text, gains[name] = row(name, values.reshape(-1, order="A"), given.repetitions)
            print(text, flush=True)
        for title, names in (("these families", list(gains)), ("those with structure", STRUCTURED)):
            some = [gains[name] for name in names if name in gains]
            if some:
                mean = math.exp(sum(map(math.log, some)) / len(some))
                print(f"\nGeometric mean of the gain, {title} ({len(some)}): {mean:.2f}")


if __name__ == "__main__":
    main()
