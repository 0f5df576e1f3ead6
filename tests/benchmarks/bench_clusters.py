"""What a cluster costs and gains: a sweep beside Dask alone, and expectation values over many states.

``--points`` jobs, which wait for half a second each and simulate two qubits, are run by Dask alone, which returns the
counts, and by ``run_sweep`` with ``gather``, in turn. Then the expectation values of five operators in ``--states``
states of ``--qubits`` qubits are computed by two workers of one thread, by one such worker, and by the threads of one
process, in turn. Prints JSON.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client, LocalCluster
from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator
from aerchive.dask import expectation_values, fidelities, run_sweep
from tests.benchmarks.measuring import Figures, spread
from tests.dask.jobs import rotation

ROOT = Path(__file__).resolve().parents[2]


def built(point: dict[str, Any], seconds: float) -> QuantumCircuit:
    time.sleep(seconds)
    return rotation(point["x"])


def plain(point: dict[str, Any], seconds: float) -> dict[str, int]:
    """The same job without archiving."""
    import qiskit_aer

    result: Any = qiskit_aer.AerSimulator().run(built(point, seconds), shots=100).result()
    return dict(result.get_counts())


@contextmanager
def cluster(workers: int) -> Iterator[Client]:
    """A client of a new cluster of processes with one thread each, which have imported everything."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0") as made,
        Client(made) as client,
    ):
        client.run(plain, {"x": 0.1}, 0)
        yield client


def timed(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def sweeps(folder: Path, points: int, seconds: float, repetitions: int) -> Figures:
    """Seconds of a sweep by Dask alone and with archiving."""
    given = [{"x": number / 10} for number in range(points)]
    alone, archived = [], []
    with cluster(2) as client:
        run_sweep(client, given[:2], rotation, project=folder / "warm.h5").gather()
        for number in range(repetitions):
            job = functools.partial(plain, seconds=seconds)
            alone.append(timed(lambda job=job: client.gather(client.map(job, given, pure=False))))
            build = functools.partial(built, seconds=seconds)
            project = folder / f"sweep-{number}.h5"
            archived.append(
                timed(
                    lambda build=build, project=project: run_sweep(
                        client, given, build, project=project, shots=100
                    ).gather()
                )
            )
    return {
        "dask alone s": spread(alone),
        "run_sweep s": spread(archived),
        "ratio": spread([one / other for one, other in zip(archived, alone, strict=True)]),
    }


def peak_mib() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def make_states(path: Path, number: int, qubits: int) -> None:
    simulator = AerSimulator(project=path, method="statevector")
    for one in range(number):
        circuit = QuantumCircuit(qubits)
        for qubit in range(qubits):
            circuit.ry(0.1 + 0.01 * one + 0.3 * qubit, qubit)
        for qubit in range(qubits - 1):
            circuit.cx(qubit, qubit + 1)
        circuit.save_statevector()
        simulator.run(circuit, params={"x": one}).result()


def states(path: Path, number: int, qubits: int, repetitions: int) -> Figures:
    """Seconds of expectation values on two workers, on one, and by the threads of one process."""
    if not path.exists():
        make_states(path, number, qubits)
    stack = aerchive.open(path).stack("statevector", x="x")
    operators = [
        "Z" * qubits,
        "X" + "I" * (qubits - 1),
        "I" * (qubits - 1) + "Y",
        "XX" + "I" * (qubits - 2),
        "I" * qubits,
    ]
    times: dict[str, list[float]] = {"two workers": [], "one worker": [], "threads of one process": []}
    with cluster(2) as two, cluster(1) as one:
        before = max(two.run(peak_mib).values())
        expected = stack.expectation_values(operators)
        for client in (two, one):  # also reads the file into the memory of the system
            assert np.allclose(expectation_values(client, stack, operators), expected)
        for _ in range(repetitions):
            times["two workers"].append(timed(lambda: expectation_values(two, stack, operators)))
            times["one worker"].append(timed(lambda: expectation_values(one, stack, operators)))
            times["threads of one process"].append(timed(lambda: stack.expectation_values(operators)))
        after = max(two.run(peak_mib).values())
        times["fidelity matrix, two workers"] = [timed(lambda: fidelities(two, stack))]
        fidelity = max(two.run(peak_mib).values())
    two_s = times["two workers"]
    return {
        **{f"{name} s": spread(values) for name, values in times.items()},
        **{
            f"{name} / two workers": spread([a / b for a, b in zip(times[name], two_s, strict=True)])
            for name in ("one worker", "threads of one process")
        },
        "MiB at the peak of a worker: before, expectation values, fidelities": [before, after, fidelity],
        "MiB": stack.nbytes / 2**20,
        "file MiB": path.stat().st_size / 2**20,
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--states", type=int, default=64)
    parser.add_argument("--qubits", type=int, default=22)
    parser.add_argument("--project", type=Path, help="the states of an earlier call, or where they are kept for later")
    parser.add_argument("--repetitions", type=int, default=3)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found: Figures = {"load": os.getloadavg()[0]}
        if asked.points:
            found["sweep"] = sweeps(folder, asked.points, asked.seconds, asked.repetitions)
        if asked.states:
            found["states"] = states(
                asked.project or folder / "states.h5", asked.states, asked.qubits, asked.repetitions
            )
    json.dump(found, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
