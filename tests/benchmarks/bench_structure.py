"""Certified matrix products of the families that storage is measured on: size, infidelity, and the time of each step.

From the command line: ``bench_structure.py FOLDER --qubits 20 --family ising ansatz``. The states are kept in the
folder (`tests.benchmarks.state_families`). Matrices are measured twice: as a vector of the elements in the order of the
rows, and with the bits of row and column of each qubit side by side, which is a matrix product operator.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from aerchive.states.inner import square_norm
from aerchive.states.matrix_product.expand import Expansion, amplitudes
from aerchive.states.matrix_product.factorise import factorise
from aerchive.states.matrix_product.pauli_values import pauli_expectations
from aerchive.states.matrix_product.promising import middle_rank
from aerchive.states.matrix_product.sampling import sample
from aerchive.states.matrix_product.tensors import MatrixProduct
from aerchive.states.matrix_product.top import largest
from aerchive.states.pauli import PauliSum
from aerchive.states.workers import Workers
from tests.benchmarks.state_families import FAMILIES, Values, kept


def timed(work: Callable[[], Any]) -> tuple[Any, str]:
    """Returns a result, and the time and the processor time that it took."""
    begun, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, f"{time.perf_counter() - begun:.2f} s (cpu {time.process_time() - cpu:.2f})"


def packed(product: MatrixProduct) -> int:
    """The bytes of the tensors after the bytes of equal rank stand together and are deflated, as HDF5 filters do."""
    size = 0
    for tensor in product.tensors:
        planes = np.frombuffer(np.ascontiguousarray(tensor).tobytes(), np.uint8).reshape(-1, 8).T
        size += min(tensor.nbytes, len(zlib.compress(planes.tobytes(), 6)))
    return size


def interleaved(matrix: Values) -> Values:
    """The elements with the bits of row and column of each qubit side by side."""
    qubits = len(matrix).bit_length() - 1
    axes = [axis for qubit in range(qubits) for axis in (qubit, qubits + qubit)]
    return np.ascontiguousarray(matrix.reshape((2,) * (2 * qubits)).transpose(axes).reshape(-1))


def ising_energy(qubits: int) -> PauliSum:
    """The chain with a transverse field: ``2 n - 1`` terms."""
    bonds = [3 << qubit for qubit in range(qubits - 1)]
    fields = [1 << qubit for qubit in range(qubits)]
    return PauliSum(
        np.array([0] * len(bonds) + fields),
        np.array(bonds + [0] * len(fields)),
        np.ones(len(bonds) + len(fields), complex),
        False,
    )


def saved_and_synced(values: Values, folder: Path) -> None:
    """Writes a state as a file of numpy that is on the disk afterwards."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        np.save(file, values)
        file.flush()
        os.fsync(file.fileno())


def measure(title: str, state: Values, limit: float, folder: Path, *, is_large: bool) -> None:
    """Prints what is measured of a state."""
    rank, asked = timed(lambda: middle_rank(state, limit))
    print(f"{title}: sampled rank {rank} in {asked}", flush=True)
    if rank is None and is_large:
        return
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found, encoded = timed(lambda: factorise(state, limit, expected_rank=rank or 0))
    extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if found is None:
        print(f"  no product, after {encoded}", flush=True)
        return
    product = found.product
    _, written = timed(lambda: saved_and_synced(state, folder))
    with Workers() as workers:
        _, decoded = timed(lambda: square_norm(Expansion(product), workers))
        _, searched = timed(lambda: largest(product, 100, workers))
    _, valued = timed(lambda: pauli_expectations(product, ising_energy(product.num_qubits)))
    _, drawn = timed(lambda: sample(product, 10000, np.random.default_rng(1)))
    _, picked = timed(lambda: amplitudes(product, np.random.default_rng(1).integers(state.size, size=1000)))
    size = packed(product)
    print(
        f"  ratio {state.nbytes / product.nbytes:,.0f}, packed {state.nbytes / size:,.0f} ({size} B), "
        f"1-F {found.infidelity:.1e} <= {found.bound:.1e}, bonds {list(found.bonds)}\n"
        f"  encode and certify {encoded}, extra memory {extra:.0f} MiB, np.save and fsync {written}, "
        f"whole state {decoded}\n"
        f"  energy {valued}, 10,000 shots {drawn}, 100 largest {searched}, 1,000 amplitudes {picked}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--qubits", type=int, default=20)
    parser.add_argument("--family", nargs="*", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--limit", type=float, default=1e-12, help="the greatest allowed 1-F")
    given = parser.parse_args()
    for name in given.family:
        values = np.load(kept(given.folder, name, given.qubits))
        title = f"{FAMILIES[name].title}, {given.qubits} qubits"
        is_large = given.qubits > 20
        measure(title, values.reshape(-1, order="A"), given.limit, given.folder, is_large=is_large)
        if values.ndim == 2:
            measure(f"{title}, as an operator", interleaved(values), given.limit, given.folder, is_large=is_large)


if __name__ == "__main__":
    main()
