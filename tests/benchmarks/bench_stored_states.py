"""Operations on a stored state, streamed, beside loading the state and asking Qiskit.

Each in a process of its own, file in the page cache, imports not counted; medians, and peak memory beyond that before
the operation. Prints a table.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
from qiskit.quantum_info import Statevector
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

import aerchive

OPERATIONS = {
    "norm": ("a.norm()", "np.linalg.norm(a.data)"),
    "fidelity of two": ("a.fidelity(b)", "state_fidelity(a, b)"),
    "ten largest amplitudes": ("a.top(10)", "np.argsort(-np.abs(a.data))[:10]"),
    "probabilities of 3 qubits": ("a.probabilities([0, n // 2, n - 1])",) * 2,
    "1000 shots": ("a.sample_counts(1000)", "np.random.default_rng().choice(2**n, 1000, p=a.probabilities())"),
    "X on every qubit": ("a.expectation_value(Pauli('X' * n))",) * 2,
    "Ising, 2n terms": ("a.expectation_value(ising)",) * 2,
    "100 diagonal terms": ("a.expectation_value(diagonal)",) * 2,
    "4 qubits' density matrix": ("a.reduced_density_matrix([1, 8, n - 3, n - 1])", "partial_trace(a, others)"),
    "one amplitude": ("a.amplitude(5)", "a[5]"),
}
CHILD = """
    import sys, time
    import numpy as np
    from qiskit.quantum_info import Pauli, SparsePauliOp, Statevector, partial_trace, random_pauli_list, state_fidelity
    import aerchive

    def peak_mib():
        with open("/proc/self/status") as file:
            return int(next(line for line in file if line.startswith("VmHWM")).split()[1]) / 1024

    run = aerchive.open(sys.argv[1], "r").latest()
    one, other = run.state("psi"), run.state("phi")
    n = one.num_qubits
    one[:10], one.to_qiskit.__name__
    from aerchive.codecs import registry
    registry.codecs()
    ising = SparsePauliOp.from_sparse_list(
        [("X", [q], 1.0) for q in range(n)] + [("ZZ", [q, (q + 1) % n], 0.5) for q in range(n)], n)
    diagonal = SparsePauliOp(["".join(np.random.default_rng(q).choice(list("IZ"), n)) for q in range(100)])
    others = [q for q in range(n) if q not in (1, 8, n - 3, n - 1)]
    before, begun, used = peak_mib(), time.monotonic(), time.process_time()
    if sys.argv[2] == "qiskit":
        a = one.to_qiskit()
        b = other.to_qiskit() if "fidelity" in sys.argv[3] else None
    else:
        a, b = one, other
    loaded = time.monotonic()
    eval(sys.argv[3])
    print(loaded - begun, time.monotonic() - loaded, time.process_time() - used, peak_mib() - before)
"""


def measured(path: Path, way: str, what: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD), str(path), way, what],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    return [float(number) for number in done.stdout.split()]


def make(path: Path, qubits: int) -> None:
    rng = np.random.default_rng(1)

    def state() -> Statevector:
        values = rng.normal(size=2 * 2**qubits).view(complex)
        values /= np.linalg.norm(values)
        return Statevector(values)

    data = ExperimentResultData(psi=state(), phi=state())
    aerchive.open(path).save(Result(job_id="states", success=True, results=[ExperimentResult(1, True, data)]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--qubits", type=int, nargs="+", default=[22])
    parser.add_argument("--repeat", type=int, default=3)
    options, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        for qubits in options.qubits:
            path = Path(folder) / f"{qubits}.h5"
            make(path, qubits)
            print(f"{qubits} qubits, {2**qubits * 16 / 2**20:.0f} MiB a state; seconds")
            print("| operation | streamed | CPU | extra MiB | loading | then Qiskit | CPU of both | extra MiB |")
            print("|---|---|---|---|---|---|---|---|")
            for name, (streamed, in_memory) in OPERATIONS.items():
                pairs = [
                    (measured(path, "stream", streamed), measured(path, "qiskit", in_memory))
                    for _ in range(options.repeat)
                ]
                first, second = (
                    [statistics.median(column) for column in zip(*rows, strict=True)]
                    for rows in zip(*pairs, strict=True)
                )
                print(
                    f"| {name} | {first[1]:.3f} | {first[2]:.3f} | {first[3]:.0f} | "
                    f"{second[0]:.3f} | {second[1]:.3f} | {second[2]:.3f} | {second[3]:.0f} |",
                    flush=True,
                )
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
