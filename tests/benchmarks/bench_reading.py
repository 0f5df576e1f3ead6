"""What reading many small things costs: circuits of one job, a few of many runs, and a state of each of many runs.

A job of many circuits is read in the ways in which people do it, beside unpickling the same Result; and a catalogue of
many rows is asked for its first ten jobs, beside ten in the middle and the first run of a search. States of many runs
are stacked, beside one file of numpy for each run. Rounds take the ways in turn. Printed are medians of processor time,
and the medians of the ratios to the first way of a group in the same round, with their tenth and
ninetieth percentile. ``--json`` keeps the medians, and ``--before`` prints those of an earlier run beside the new ones.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import gc
import json
import pickle
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from qiskit.quantum_info import Statevector
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

import aerchive
from aerchive import layout
from aerchive.models import catalogue
from aerchive.times import now
from tests.benchmarks.bench_catalogue import made
from tests.benchmarks.measuring import Figures, ratios, rotated, spread

Ways = Mapping[str, Callable[[], Any]]


def job(circuits: int, *, has_states: bool) -> Result:
    """The result of many small circuits."""
    experiments = []
    for number in range(circuits):
        data: dict[str, Any] = {"counts": {"0x0": 50 - number % 7, "0x3": 50 + number % 7}}
        if has_states:
            data["statevector"] = Statevector(np.exp(1j * np.arange(8) * number) / np.sqrt(8))
        header = {"name": f"c{number}", "memory_slots": 2, "creg_sizes": [["c", 2]]}
        metadata = {"method": "statevector"}
        experiments.append(
            ExperimentResult(
                100, True, ExperimentResultData(**data), header=header, seed_simulator=number, metadata=metadata
            )
        )
    job_id = f"{1 + has_states:08x}-0000-4000-8000-000000000000"
    return Result(
        backend_name="aer_simulator", backend_version="0.17", job_id=job_id, success=True, results=experiments
    )


def many_rows(path: Path, number: int) -> None:
    """A project with one run, and as many rows as if it had more: listing them opens none."""
    project = aerchive.open(path)
    result, circuit = made(0)
    project.save(result, circuits=circuit, tags=["vqe", "t0"], params={"x": 0.0})
    rows = np.repeat(project.catalogue(), number)
    for row in range(number):
        rows["job_id"][row] = f"{row:08x}-0000-4000-8000-000000000000".encode()
        rows["created_us"][row] += row * 1_000_000
        catalogue.seal_row(rows[row : row + 1], row)
    with project.file.write(now()) as session:
        session.append_rows(layout.CATALOGUE, rows[1:])


def archived(path: Path, job_id: str) -> aerchive.Run:
    """The run of a job, from its project opened anew."""
    return aerchive.open(path, "r").find(job_id=job_id)[0]


def of_counts(path: Path, circuits: int) -> Ways:
    """The counts of a job."""
    result = job(circuits, has_states=False)
    aerchive.open(path).save(result)
    pickled, every = pickle.dumps(result), range(circuits)

    run = functools.partial(archived, path, result.job_id)

    def counts(one: aerchive.Run) -> Any:
        return [one.counts(i) for i in every]

    return {
        "pickle.loads(...).get_counts()": lambda: pickle.loads(pickled).get_counts(),
        "get_counts() of a result": Prepared(lambda: run().result(), lambda result: result.get_counts()),
        "open the project, result().get_counts()": lambda: run().result().get_counts(),
        "open the project, counts(i) of each": lambda: counts(run()),
        "open the project, table(y='counts.00')": lambda: aerchive.open(path, "r").table(y="counts.00"),
    }


def of_states(path: Path, circuits: int) -> Ways:
    """The states of a job."""
    result = job(circuits, has_states=True)
    aerchive.open(path).save(result)
    pickled, every = pickle.dumps(result), range(circuits)

    run = functools.partial(archived, path, result.job_id)

    def states(result: Any) -> Any:
        return [result.get_statevector(i) for i in every]

    def arrays(one: aerchive.Run) -> Any:
        return [np.asarray(one.array("statevector", i)) for i in every]

    return {
        "pickle.loads(...), get_statevector(i) of each": lambda: states(pickle.loads(pickled)),
        "open the project, get_statevector(i) of each": lambda: states(run().result()),
        "open the project, array(label, i)[...] of each": lambda: arrays(run()),
    }


def of_catalogue(path: Path, rows: int) -> Ways:
    """A few of many runs."""
    many_rows(path, rows)
    project = aerchive.open(path, "r")
    return {
        "jobs(limit=10)": lambda: project.jobs(limit=10),
        f"jobs(limit=10, skip={rows // 2})": lambda: project.jobs(limit=10, skip=rows // 2),
        "next(iter(project))": lambda: next(iter(project)),
        "latest()": project.latest,
        "find()[0]": lambda: project.find()[0],
        "find(tags='vqe')[0]": lambda: project.find(tags="vqe")[0],
    }


def of_runs(path: Path, runs: int) -> Ways:
    """A state of each of many runs."""
    project, folder = aerchive.open(path), path.with_suffix("")
    folder.mkdir()
    with project.transaction():
        for number in range(runs):
            state = np.exp(1j * np.arange(16) * number) / 4
            np.savez(folder / f"{number}.npz", t=number, psi=state)
            experiment = ExperimentResult(1, True, ExperimentResultData(psi=Statevector(state)))
            result = Result(job_id=f"{number:08x}-0000-4000-8000-000000000000", success=True, results=[experiment])
            project.save(result, params={"t": number})

    def files() -> Any:
        found = []
        for one in folder.iterdir():
            with np.load(one) as saved:
                found.append((int(saved["t"]), saved["psi"]))
        return np.array([state for _, state in sorted(found, key=lambda pair: pair[0])])

    def stack() -> Any:
        return aerchive.open(path, "r").stack("psi", x="t")

    def used() -> Any:
        known = stack()
        known[:, 0]
        return known

    return {
        "numpy.load(...) of each run": files,
        "open the project, stack('psi', x='t')": stack,
        "stack[:, 0], the first slice": Prepared(stack, lambda known: known[:, 0]),
        "stack[:, 0] again": Prepared(used, lambda known: known[:, 0]),
        "stack[...] again": Prepared(used, lambda known: known[...]),
        "stack[-1] again": Prepared(used, lambda known: known[-1]),
    }


class Prepared:
    """What is measured, after something that is not."""

    def __init__(self, before: Callable[[], Any], action: Callable[[Any], Any]) -> None:
        self.before = before
        self.action = action

    def __call__(self) -> Any:
        return self.action(self.before())


def cost(way: Callable[[], Any]) -> float:
    """Milliseconds of processor time."""
    action, arguments = (way.action, (way.before(),)) if isinstance(way, Prepared) else (way, ())
    gc.collect()
    begun = time.process_time()
    action(*arguments)
    return 1000 * (time.process_time() - begun)


def measured(ways: Ways, rounds: int) -> dict[str, Figures]:
    """The figures of each way."""
    costs: dict[str, list[float]] = {name: [] for name in ways}
    next(iter(ways.values()))()  # what a process does once
    for number in range(rounds):
        for name, way in rotated(ways, number):
            costs[name].append(cost(way))
    base = next(iter(costs.values()))
    return {name: spread(values) | {"ratio": ratios(values, base)} for name, values in costs.items()}


def line(name: str, figures: Figures, before: Figures | None) -> str:
    ratio = figures["ratio"]
    old = "" if before is None else f"{before['median']:.1f} ({before['ratio']['median']:.2f})"
    new = f"{figures['median']:.1f} | {ratio['median']:.2f} ({ratio['p10']:.2f} to {ratio['p90']:.2f})"
    return f"| `{name}` | {old} | {new} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--circuits", type=int, default=10_000, help="of the job (default 10000)")
    parser.add_argument("--rows", type=int, default=100_000, help="of the catalogue (default 100000)")
    parser.add_argument("--runs", type=int, default=1000, help="with a state each (default 1000)")
    parser.add_argument("--rounds", type=int, default=7, help="in which all ways are taken (default 7)")
    parser.add_argument("--folder", type=Path, help="where projects are made; by default a temporary folder")
    parser.add_argument("--json", type=Path, help="where the figures are kept")
    parser.add_argument("--before", type=Path, help="figures of an earlier version, kept with --json")
    options = parser.parse_args()
    before = json.loads(options.before.read_text("utf-8")) if options.before else {}
    found: dict[str, Figures] = {}
    print(
        f"{options.circuits} circuits, {options.rows} rows, {options.runs} runs with states, {options.rounds} rounds; "
        f"{datetime.datetime.now():%Y-%m-%d}"
    )
    print("| | before: ms (ratio) | ms | ratio (p10 to p90) |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        for make, number in (
            (of_counts, options.circuits),
            (of_states, options.circuits),
            (of_catalogue, options.rows),
            (of_runs, options.runs),
        ):
            figures = measured(make(Path(name) / f"{make.__name__}.h5", number), options.rounds)
            found |= figures
            for way, one in figures.items():
                print(line(way, one, before.get(way)), flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main()
