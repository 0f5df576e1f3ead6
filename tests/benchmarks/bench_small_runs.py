"""What archiving a tiny job costs, beside what else one could do with it.

Interleaved in one process on the same jobs; medians, and the 10th to 90th percentile. Prints a table.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import qiskit_aer
from qiskit import QuantumCircuit, qpy

import aerchive
from aerchive.aer import AerSimulator


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2, name="bell")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def with_plain_h5py(path: Path, job: Any) -> None:
    """What a user would write: a group, an attribute a value, counts and circuit as datasets, and an fsync."""
    result = job.result()
    with h5py.File(path, "a") as file:
        group = file.create_group(job.job_id())
        for name, value in result.results[0].metadata.items():
            group.attrs[name] = json.dumps(value)
        group.attrs["date"] = result.date
        counts = result.results[0].data.counts
        group.create_dataset("outcomes", data=[int(key, 16) for key in counts])
        group.create_dataset("counts", data=list(counts.values()))
        with tempfile.TemporaryFile() as stream:
            qpy.dump(job.circuits(), stream)
            stream.seek(0)
            group.create_dataset("circuit", data=bytearray(stream.read()))
    fd = os.open(path, os.O_RDWR)
    os.fsync(fd)
    os.close(fd)


def with_pickle(folder: Path, job: Any) -> None:
    path = folder / job.job_id()
    with path.open("wb") as file:
        pickle.dump((job.circuits(), job.result()), file)
        file.flush()
        os.fsync(file.fileno())


def timed(action: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    circuit = bell()
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = qiskit_aer.AerSimulator(seed_simulator=1)
        kept = AerSimulator(seed_simulator=1, project=folder / "each.h5")
        project = aerchive.open(folder / "saved.h5")
        together = aerchive.open(folder / "together.h5")
        plain.run(circuit).result(), kept.run(circuit).result()
        jobs = []
        for number in range(runs):
            job = plain.run(circuit, shots=100)
            job.result()
            jobs.append(job)
            for what, action in {
                "Aer alone (run + result)": lambda: plain.run(circuit, shots=100).result(),
                "aerchive.aer.AerSimulator (run + result, durable)": lambda: kept.run(circuit, shots=100).result(),
                "project.save, one commit each": lambda job=job: project.save(job),
                "plain h5py, append + fsync": lambda job=job: with_plain_h5py(folder / "plain.h5", job),
                "pickle, a file each + fsync": lambda job=job: with_pickle(folder, job),
            }.items():
                if number > 2:
                    times.setdefault(what, []).append(timed(action))

        def all_at_once() -> None:
            with together.transaction():
                for job in jobs:
                    together.save(job)

        times["project.save, all in one transaction (per job)"] = [timed(all_at_once) / runs]
        sizes = {
            "aerchive": (folder / "saved.h5").stat().st_size / runs,
            "plain h5py": (folder / "plain.h5").stat().st_size / runs,
        }
    base = statistics.median(times["plain h5py, append + fsync"])
    print(f"{'':52} {'median ms':>9} {'10-90 %':>15} {'of h5py':>8}")
    for what, values in times.items():
        tens = statistics.quantiles(values, n=10) if len(values) > 1 else values * 9
        middle = statistics.median(values)
        print(f"{what:52} {middle:9.2f} {tens[0]:7.2f}-{tens[8]:.2f} {middle / base:8.2f}")
    for what, size in sizes.items():
        print(f"bytes a run, {what}: {size:,.0f}")


if __name__ == "__main__":
    main()
