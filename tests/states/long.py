"""A state of 28 qubits, 4 GiB, on a machine that need not have the memory for it: ``python3 tasks.py large``.

Two product states are archived from files that are mapped, not loaded. The project is verified. Then a fresh process
that may have no more than 1 GiB of address space (``RLIMIT_AS``: program, libraries, stacks and all) computes their
fidelity, which is known, and other things; the same process cannot load the state. Not part of the tests: it takes some
minutes and 13 GiB of disk.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import Statevector
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

import aerchive

LIMIT_BYTES = 2**30
LOW = 16
"""Qubits of the factor that is written at once."""

CHILD = """
    import resource, sys, time
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)

    import aerchive
    project = aerchive.open(sys.argv[1], "r")
    psi, phi = (project.latest(name=name).state() for name in ("psi", "phi"))  # imports what there is to import
    begun = time.monotonic()
    again = aerchive.open(sys.argv[1], "r").latest(name="psi").state()
    opened = time.monotonic()
    again.amplitude(12345)
    print(f"  one amplitude from a new handle: {1000 * (time.monotonic() - opened):.1f} ms,"
          f" the handle: {1000 * (opened - begun):.1f} ms")

    def timed(what, function):
        begun = time.monotonic()
        value = function()
        print(f"  {what}: {time.monotonic() - begun:.1f} s", flush=True)
        return value

    n = psi.num_qubits
    found = timed("fidelity with the other state", lambda: psi.fidelity(phi))
    assert abs(found / float(sys.argv[3]) - 1) < 1e-12, found
    timed("probabilities of four qubits", lambda: psi.probabilities([0, 9, n - 5, n - 1]))
    timed("a thousand shots", lambda: psi.sample_counts(1000, seed=1))
    timed("expectation value of XYZ on far qubits", lambda: psi.expectation_value("XYZ", [3, 17, n - 1]))
    if psi.nbytes >= int(sys.argv[2]):
        try:
            psi[...]
        except MemoryError:
            print("  loading the state: MemoryError, so the limit is one")
        else:
            raise AssertionError("the limit did not limit")
    with open("/proc/self/status") as file:
        sizes = dict(line.split(":", 1) for line in file)
    print(f"  address space at most {int(sizes['VmPeak'].split()[0]) // 1024} MiB,"
          f" memory at most {int(sizes['VmHWM'].split()[0]) // 1024} MiB")
"""


def factor(angles: NDArray[np.float64]) -> NDArray[np.complex128]:
    """A product state of some qubits, the lowest first."""
    values = np.ones(1, complex)
    for angle in angles:
        qubit = np.array([np.cos(angle), np.exp(3j * angle) * np.sin(angle)])
        values = np.kron(qubit, values)
    return values


def write_state(path: Path, angles: NDArray[np.float64]) -> NDArray[np.complex128]:
    """A product state in a mapped file."""
    low, high = factor(angles[:LOW]), factor(angles[LOW:])
    values = np.memmap(path, np.complex128, "w+", shape=(2 ** len(angles),))
    for number, amplitude in enumerate(high):
        values[number * len(low) : (number + 1) * len(low)] = amplitude * low
    values.flush()
    return values


def archive(project: aerchive.Project, folder: Path, name: str, angles: NDArray[np.float64]) -> None:
    """Archives a product state, and says how long it took."""
    values = write_state(folder / "amplitudes", angles)
    data = ExperimentResultData(statevector=Statevector(values))
    result = Result(job_id=name, success=True, results=[ExperimentResult(1, True, data)])
    begun = time.monotonic()
    project.save(result, name=name)
    seconds = time.monotonic() - begun
    size = values.nbytes / 2**30
    del values, data, result
    (folder / "amplitudes").unlink()
    print(f"archived {name}: {size:.2f} GiB in {seconds:.1f} s ({size / seconds:.2f} GiB/s)", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--qubits", type=int, default=28)
    parser.add_argument("--folder", type=Path, default=None, help="where there is room for it")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="aerchive-large-", dir=options.folder))
    try:
        rng = np.random.default_rng(1)
        one = rng.uniform(0.3, 1.2, options.qubits)
        other = one + rng.uniform(0.02, 0.1, options.qubits)
        overlaps = [np.vdot(factor(one[[q]]), factor(other[[q]])) for q in range(options.qubits)]
        expected = float(np.prod(np.abs(overlaps)) ** 2)
        project = aerchive.open(folder / "large.h5")
        archive(project, folder, "psi", one)
        archive(project, folder, "phi", other)
        print(f"the project has {project.path.stat().st_size / 2**30:.2f} GiB", flush=True)
        begun = time.monotonic()
        report = project.verify()
        assert report.ok, report
        print(f"verified in {time.monotonic() - begun:.1f} s", flush=True)
        with project.path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        print(f"a fresh process with {LIMIT_BYTES // 2**20} MiB of address space:", flush=True)
        arguments = [str(project.path), str(LIMIT_BYTES), repr(expected)]
        return subprocess.run([sys.executable, "-c", textwrap.dedent(CHILD), *arguments], check=False).returncode
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
