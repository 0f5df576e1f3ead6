"""What archiving adds to each point of a sweep, in processor time of this process, beside what else one could do.

Every case is written as a physicist would write it, once for each way of keeping the results. The ways take turns in
one process, in another order each round, and each round has fresh points. Aer's threads wait actively, which counts as
processor time: ``OMP_NUM_THREADS=1`` is set unless the environment says otherwise. Prints a table, or with ``--json``
the figures of `tests.benchmarks.measuring`.
"""

from __future__ import annotations

import os

if __name__ == "__main__":  # before Aer is imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import contextlib
import json
import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import h5py
import numpy as np
import qiskit_aer
import qiskit_aer.primitives
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp

import aerchive
from aerchive.aer import AerSimulator, EstimatorV2
from tests.benchmarks.measuring import Figures, ratios, rotated, spread

Points = NDArray[np.float64]
Keep = Callable[[str, Any], None]
"""Keeps the result of a job by hand, under a name."""


def ansatz(qubits: int, layers: int = 2) -> QuantumCircuit:
    """Rotations about two axes and a chain of CNOTs in each layer."""
    angles = iter(ParameterVector("t", 2 * qubits * layers))
    circuit = QuantumCircuit(qubits)
    for _ in range(layers):
        for qubit in range(qubits):
            circuit.ry(next(angles), qubit)
            circuit.rz(next(angles), qubit)
        for qubit in range(qubits - 1):
            circuit.cx(qubit, qubit + 1)
    return circuit


def ising(qubits: int) -> SparsePauliOp:
    terms = [("ZZ", [i, i + 1], 1.0) for i in range(qubits - 1)] + [("X", [i], 0.5) for i in range(qubits)]
    return SparsePauliOp.from_sparse_list(terms, num_qubits=qubits)


# -- the cases: what is run for the points, with a simulator and a way to keep each result


def assigned(simulator: Any, circuit: QuantumCircuit, points: Points, keep: Keep) -> None:
    for number, point in enumerate(points):
        result = simulator.run(circuit.assign_parameters(point), shots=1000).result()
        keep(f"{number}", result.get_counts())


def with_binds(simulator: Any, circuit: QuantumCircuit, points: Points, keep: Keep) -> None:
    for number, point in enumerate(points):
        binds = [{name: [value] for name, value in zip(circuit.parameters, point, strict=True)}]
        keep(f"{number}", simulator.run(circuit, parameter_binds=binds, shots=1000).result().get_counts())


def one_job(simulator: Any, circuit: QuantumCircuit, points: Points, keep: Keep) -> None:
    binds = [{name: points[:, index].tolist() for index, name in enumerate(circuit.parameters)}]
    result = simulator.run(circuit, parameter_binds=binds, shots=1000).result()
    for number, counts in enumerate(result.get_counts()):
        keep(f"{number}", counts)


def estimated(estimator: Any, circuit: QuantumCircuit, points: Points, keep: Keep) -> None:
    bare = circuit.remove_final_measurements(inplace=False)
    operator = ising(circuit.num_qubits)
    for number, point in enumerate(points):
        keep(f"{number}", float(estimator.run([(bare, operator, point)]).result()[0].data.evs))


CASES: dict[str, Callable[[Any, QuantumCircuit, Points, Keep], None]] = {
    "assign": assigned,
    "binds": with_binds,
    "one job": one_job,
    "estimator": estimated,
}


# -- the ways to keep results


def nothing(_name: str, _value: Any) -> None:
    pass


@contextlib.contextmanager
def bare(_folder: Path) -> Iterator[Keep]:
    yield nothing


@contextlib.contextmanager
def pickles(folder: Path) -> Iterator[Keep]:
    def keep(name: str, value: Any) -> None:
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(value))

    yield keep


def as_array(value: Any) -> NDArray[Any]:
    if not isinstance(value, dict):
        return np.array(value)
    return np.array([(int(key, 2), count) for key, count in value.items()])


@contextlib.contextmanager
def archives_of_numpy(folder: Path) -> Iterator[Keep]:
    yield lambda name, value: np.savez(folder / f"{name}.npz", value=as_array(value))


@contextlib.contextmanager
def plain_h5py(folder: Path) -> Iterator[Keep]:
    with h5py.File(folder / "plain.h5", "w") as file:
        yield lambda name, value: file.create_dataset(name, data=as_array(value))


WAYS: dict[str, Callable[[Path], contextlib.AbstractContextManager[Keep]]] = {
    "Aer alone": bare,
    "pickle a point": pickles,
    "npz a point": archives_of_numpy,
    "h5py a point": plain_h5py,
    "aerchive, batch": bare,
}
BASE, OURS = "Aer alone", "aerchive, batch"


def runner(case: str, way: str, folder: Path) -> Any:
    """The simulator or estimator of a case."""
    project = aerchive.open(folder / "sweep.h5", durability="batch")
    if case == "estimator":
        return EstimatorV2(project=project) if way == OURS else qiskit_aer.primitives.EstimatorV2()
    if way == OURS:
        return AerSimulator(seed_simulator=1, project=project)
    return qiskit_aer.AerSimulator(seed_simulator=1)


def measure(case: str, qubits: int, number: int, rounds: int) -> dict[str, tuple[list[float], list[float]]]:
    """Microseconds a point of each way: processor time, and time on the clock, of each round."""
    circuit, rng = ansatz(qubits), np.random.default_rng(1)
    circuit.measure_all()
    times: dict[str, tuple[list[float], list[float]]] = {way: ([], []) for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        places = {way: Path(name) / str(index) for index, way in enumerate(WAYS)}
        for place in places.values():
            place.mkdir()
        runners = {way: runner(case, way, place) for way, place in places.items()}
        for turn in range(rounds + 1):
            points = rng.random((number if turn else 20, circuit.num_parameters))
            for way, keeping in rotated(WAYS, turn):
                begun = time.process_time(), time.perf_counter()
                with keeping(places[way]) as keep:
                    CASES[case](runners[way], circuit, points, keep)
                if way == OURS:
                    aerchive.open(places[way] / "sweep.h5").flush()
                if turn:
                    times[way][0].append(1e6 * (time.process_time() - begun[0]) / number)
                    times[way][1].append(1e6 * (time.perf_counter() - begun[1]) / number)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=400, help="points a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--qubits", type=int, default=6)
    parser.add_argument("--case", choices=CASES, action="append", help="only this case")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    figures: dict[str, dict[str, Figures]] = {}
    if not asked.json:
        print(f"{asked.qubits} qubits, {asked.points} points, {asked.rounds} rounds; microseconds of a point")
    for case in asked.case or CASES:
        times = measure(case, asked.qubits, asked.points, asked.rounds)
        base = times[BASE][0]
        figures[case] = {way: {"us": spread(own, 0), "ratio": ratios(own, base)} for way, (own, _) in times.items()}
        if asked.json:
            continue
        print(f"\n{case:28} {'processor':>9} {'10-90 %':>13} {'clock':>7} {'of Aer':>7} {'10-90 %':>11}")
        for way, (_, clock) in times.items():
            used, ratio = figures[case][way]["us"], figures[case][way]["ratio"]
            print(
                f"{way:28} {used['median']:9.0f} {used['p10']:6.0f}-{used['p90']:<6.0f} "
                f"{statistics.median(clock):7.0f} {ratio['median']:7.2f} {ratio['p10']:5.2f}-{ratio['p90']:.2f}"
            )
    if asked.json:
        print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
