"""What the three studies of ``examples/`` cost, beside Aer alone and what a user would store them in otherwise.

All ways of a section take turns in one process on the same data, and must give the same numbers. Printed are medians of
processor time, with the tenth and ninetieth percentile, and the median on the clock. Before a "cold" question the file
is copied, and the pages of the copy are dropped from the page cache, so that neither the process nor the system knows
it; "again" asks the same once more. Set ``OMP_NUM_THREADS=1``: threads of Aer that wait for work count as work.

The long task, half an hour: ``OMP_NUM_THREADS=1 python3 tests/benchmarks/bench_studies.py``.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import gc
import importlib.util
import io
import itertools
import json
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
import qiskit_aer
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp, Statevector, entropy, partial_trace

import aerchive
from aerchive.aer import AerSimulator
from tests.benchmarks import fresh_process
from tests.benchmarks.bench_catalogue import BATCH, Cost, made, timed
from tests.benchmarks.measuring import ratios, rotated, settle, spread
from tests.benchmarks.storage_methods import drop_from_cache
from tests.benchmarks.study_tables import TABLES, TableWay, records

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MIB = 1024 * 1024
SHOTS = 1000
Way = Callable[[Path], Mapping[str, Cost]]
"""Takes an empty folder; returns what each part of the work cost."""
Jobs = Iterable[tuple[dict[str, Any], Any]]
"""Points of study 3, each with its Result."""


@functools.cache
def example(name: str) -> ModuleType:
    """A study, as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def section(title: str, ways: Mapping[str, Way], rounds: int, folder: Path) -> None:
    """Measures the ways in turn, and prints a table; ratios are to the first way."""
    costs: dict[str, dict[str, list[Cost]]] = {}
    for number in range(rounds):
        for name, way in rotated(ways, number):
            with tempfile.TemporaryDirectory(dir=folder) as empty:
                settle(folder)
                gc.collect()
                for part, cost in way(Path(empty)).items():
                    costs.setdefault(name, {}).setdefault(part, []).append(cost)
    parts = list(next(iter(costs.values())))
    head = "".join(f" {part}, processor ms | clock ms |" for part in parts) + " of the first way |"
    print(f"\n### {title}\n\n| way |{head}\n|{'---|' * (2 * len(parts) + 2)}")
    first = next(iter(ways))
    for name in ways:
        cells = []
        for part in parts:
            work = spread([cost.work for cost in costs[name][part]], 1)
            wall = spread([cost.wall for cost in costs[name][part]], 1)
            cells.append(f"{work['median']:,} ({work['p10']:,}–{work['p90']:,}) | {wall['median']:,}")
        wholes = [
            [sum(cost.work for cost in one) for one in zip(*costs[each].values(), strict=True)]
            for each in (name, first)
        ]
        ratio = ratios(*wholes)["median"]
        print(f"| {name} | {' | '.join(cells)} | {ratio} |", flush=True)


class Checked:
    """Compares what the ways of a section give with what the first one of them gave."""

    def __init__(self) -> None:
        self.expected: Any = None

    def __call__(self, found: Any) -> None:
        found = np.asarray(found, float)
        if self.expected is None:
            self.expected = found
        assert found.shape == self.expected.shape, f"{found.shape} instead of {self.expected.shape}"
        np.testing.assert_allclose(found, self.expected, atol=1e-9)


# -- study 1: an energy at each point of a grid


def grid_of(gammas: int, betas: int) -> dict[str, Any]:
    return {"gamma": np.linspace(0, np.pi, gammas), "beta": np.linspace(0, np.pi / 2, betas)}


def points_of(grid: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All combinations, as numbers of Python."""
    axes = (np.asarray(values).tolist() for values in grid.values())
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*axes)]


def archive_landscape(path: Path, grid: Mapping[str, Any]) -> aerchive.Project:
    """The loop of ``examples/variational_landscape.py``."""
    project = aerchive.open(path, durability="batch")
    simulator = AerSimulator(project=project, method="statevector")
    for point in project.missing(grid).to_dict("records"):
        simulator.run(example("variational_landscape").qaoa(**point), params=point).result()
    project.flush()
    return project


def bound(grid: Mapping[str, Any]) -> tuple[Any, list[dict[Any, list[float]]]]:
    """The same points as one circuit and its binds."""
    gamma, beta = Parameter("gamma"), Parameter("beta")
    points = points_of(grid)
    binds = {gamma: [point["gamma"] for point in points], beta: [point["beta"] for point in points]}
    return example("variational_landscape").qaoa(gamma, beta), [binds]


def of_simulating(grid: Mapping[str, Any]) -> dict[str, Way]:
    qaoa = example("variational_landscape").qaoa
    stock = functools.partial(qiskit_aer.AerSimulator, method="statevector")

    def each(folder: Path, keep: Callable[[Path, Any], Any]) -> None:
        simulator = stock()
        for number, point in enumerate(points_of(grid)):
            keep(folder / str(number), (point, simulator.run(qaoa(**point)).result()))

    def npz(path: Path, kept: Any) -> None:
        point, result = kept
        with path.open("wb") as file:
            np.savez(file, energy=result.data()["energy"], **point)

    def together(folder: Path) -> None:
        circuit, binds = bound(grid)
        simulator = AerSimulator(project=folder / "binds.h5", method="statevector", durability="batch")
        simulator.run(circuit, parameter_binds=binds).result()
        simulator.project.flush()

    def alone_together() -> None:
        circuit, binds = bound(grid)
        stock().run(circuit, parameter_binds=binds).result()

    return {
        "Aer alone": lambda folder: {"whole": timed(lambda: each(folder, lambda path, kept: None))},
        "**aerchive**, batch": lambda folder: {"whole": timed(lambda: archive_landscape(folder / "p.h5", grid))},
        "pickle of the Result, a file a run": lambda folder: {
            "whole": timed(lambda: each(folder, lambda path, kept: path.write_bytes(pickle.dumps(kept))))
        },
        "npz of the energy, a file a run": lambda folder: {"whole": timed(lambda: each(folder, npz))},
        "Aer alone, one job of binds": lambda folder: {"whole": timed(alone_together)},
        "**aerchive**, one job of binds": lambda folder: {"whole": timed(lambda: together(folder))},
    }


def cold_and_again(stored: Path, opened: Callable[[Path], Callable[[], Any]], check: Callable[[Any], None]) -> Way:
    """Asks a copy of a file twice: opened for it, and again. At first the file itself, for what a process does once."""
    known: list[Any] = []

    def way(folder: Path) -> dict[str, Cost]:
        if not known:
            known.append(opened(stored)())
        copy = folder / stored.name
        (shutil.copytree if stored.is_dir() else shutil.copy)(stored, copy)
        if stored.suffix == ".h5":
            aerchive.trust(copy)  # as the user's own file, which needs no look before
        drop_from_cache(copy)
        kept: list[Any] = []
        cold = timed(lambda: kept.extend([ask := opened(copy), ask()]))
        check(kept[1])
        return {"cold": cold, "again": timed(kept[0])}

    return way


def of_frame(
    folder: Path, frame: pd.DataFrame, answer: Callable[[pd.DataFrame], Any], check: Callable[[Any], None]
) -> dict[str, Way]:
    """Asks the same of a table in each way of storing it; what is not installed is said."""
    ways = {}
    for number, (name, way) in enumerate(TABLES.items()):
        if way.missing:
            print(f"Not measured: {name}: {' and '.join(way.missing)} not installed.")
            continue
        path = folder / f"table{number}"
        way.write(path, frame)

        def opened(path: Path, way: TableWay = way) -> Callable[[], Any]:
            return lambda: answer(way.read(path))

        ways[name] = cold_and_again(path, opened, check)
    return ways


def of_energy_table(folder: Path, project: Path) -> dict[str, Way]:
    def sorted_energies(frame: pd.DataFrame) -> Any:
        return frame.sort_values(["gamma", "beta"])["energy"]

    check = Checked()

    def opened(path: Path) -> Callable[[], Any]:
        project = aerchive.open(path)
        return lambda: project.table(["gamma", "beta"], "energy")["energy"]

    frame = aerchive.open(project).table(["gamma", "beta"], "energy")
    return {
        "**aerchive**": cold_and_again(project, opened, check),
        **of_frame(folder, frame, sorted_energies, check),
    }


def plotted(frame: pd.DataFrame) -> int:
    """Draws the energies of a table; returns how many there are."""
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot(frame["gamma"], frame["energy"], ".")
    figure.savefig(io.BytesIO(), format="png")
    return len(frame)


def of_plot(folder: Path, project: Path) -> dict[str, Way]:
    frame = aerchive.open(project).table(["gamma", "beta"], "energy")
    most = frame["gamma"].median()
    check = Checked()

    def opened(path: Path) -> Callable[[], Any]:
        project = aerchive.open(path)
        return lambda: plotted(project.table("gamma", "energy", where=f"params.gamma < {most}"))

    return {
        "**aerchive**": cold_and_again(project, opened, check),
        **of_frame(folder, frame, lambda frame: plotted(frame[frame["gamma"] < most]), check),
    }


def of_resuming(folder: Path, number: int) -> dict[str, Way]:
    """Points of three parameters, of which nine in ten are done."""
    rng = np.random.default_rng(1)
    points = pd.DataFrame({"gamma": rng.uniform(size=number), "beta": rng.uniform(size=number)})
    points["step"] = np.arange(number)
    done = points[points["step"] % 10 != 0]
    project = aerchive.open(folder / "resume.h5")
    rows = iter(records(done))
    while some := list(itertools.islice(rows, BATCH)):
        with project.transaction():
            for point in some:
                result, circuit = made(int(point["step"]))
                result.success = result.results[0].success = True
                project.save(result, circuits=circuit, params=point)
    check = Checked()

    def left(frame: pd.DataFrame) -> Any:
        merged = points.merge(frame, how="left", on=list(points.columns), indicator=True)
        return merged.loc[merged["_merge"] == "left_only", "step"]

    def opened(path: Path) -> Callable[[], Any]:
        project = aerchive.open(path)
        return lambda: project.missing(points)["step"]

    return {
        "**aerchive**": cold_and_again(project.path, opened, check),
        **of_frame(folder, done, left, check),
    }


# -- study 2: the states of an evolution


def magnetisation_and_entropy(states: Iterator[Any], sites: int) -> Any:
    """The same by numpy: <Z> of each site, and the entropy of one half in bits; shape ``(times, sites + 1)``."""
    found = []
    for state in states:
        p = np.abs(np.asarray(state)) ** 2
        z = [np.subtract(*p.reshape(-1, 2, 2**site).sum(axis=(0, 2))) for site in range(sites)]
        half = np.asarray(state).reshape(-1, 2 ** (sites // 2))
        values = np.linalg.eigvalsh(half.T @ half.conj())
        values = values[values > 1e-15]
        found.append([*z, -np.sum(values * np.log2(values))])
    return np.array(found)


def z_of(sites: int) -> list[Any]:
    return [SparsePauliOp.from_sparse_list([("Z", [site], 1)], num_qubits=sites) for site in range(sites)]


def by_qiskit(states: Iterator[Any], sites: int) -> Any:
    """The same by the functions of Qiskit, as most would write it first."""
    z, rest, found = z_of(sites), range(sites // 2, sites), []
    for state in map(Statevector, states):
        values = [state.expectation_value(one).real for one in z]
        found.append([*values, entropy(partial_trace(state, rest))])
    return np.array(found)


def evolved(sites: int, steps: int) -> dict[str, Any]:
    """The states by label, from Aer alone."""
    circuit = example("trotter_evolution").ising_chain(sites, steps)
    data: dict[str, Any] = qiskit_aer.AerSimulator(method="statevector").run(circuit).result().data()
    return data


def write_quench(path: Path, sites: int, steps: int) -> None:
    circuit = example("trotter_evolution").ising_chain(sites, steps)
    AerSimulator(project=path, method="statevector").run(circuit).result()


def read_quench(path: Path, sites: int, steps: int) -> Any:
    """The lines of ``examples/trotter_evolution.py``."""
    states = aerchive.open(path).latest().stack("t*")
    return np.column_stack([states.expectation_values(z_of(sites)), states.entropy(range(sites // 2))])


def write_quench_npz(path: Path, sites: int, steps: int) -> None:
    with path.open("wb") as file:
        np.savez(file, **evolved(sites, steps))


def read_quench_npz(path: Path, sites: int, steps: int, compute: Any = magnetisation_and_entropy) -> Any:
    with np.load(path) as file:
        return compute((file[f"t{step}"] for step in range(steps + 1)), sites)


def write_quench_zarr(path: Path, sites: int, steps: int) -> None:
    import zarr

    states = evolved(sites, steps)
    array = zarr.create_array(store=path, shape=(steps + 1, 2**sites), chunks=(1, 2**sites), dtype=complex)
    for step in range(steps + 1):
        array[step] = np.asarray(states[f"t{step}"])


def read_quench_zarr(path: Path, sites: int, steps: int) -> Any:
    import zarr

    array = zarr.open_array(store=path, mode="r")
    return magnetisation_and_entropy((array[step] for step in range(steps + 1)), sites)


def write_quench_h5py(path: Path, sites: int, steps: int) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for label, state in evolved(sites, steps).items():
            file[label] = np.asarray(state)


def read_quench_h5py(path: Path, sites: int, steps: int) -> Any:
    import h5py

    with h5py.File(path, "r") as file:
        return magnetisation_and_entropy((file[f"t{step}"][...] for step in range(steps + 1)), sites)


def write_quench_pickle(path: Path, sites: int, steps: int) -> None:
    with path.open("wb") as file:
        pickle.dump(evolved(sites, steps), file)


def read_quench_pickle(path: Path, sites: int, steps: int) -> Any:
    with path.open("rb") as file:
        states = pickle.load(file)
    return magnetisation_and_entropy((states[f"t{step}"] for step in range(steps + 1)), sites)


QUENCH = {
    "**aerchive**": (write_quench, read_quench),
    "npz, by numpy": (write_quench_npz, read_quench_npz),
    "npz, by Qiskit": (write_quench_npz, functools.partial(read_quench_npz, compute=by_qiskit)),
    "zarr, by numpy": (write_quench_zarr, read_quench_zarr),
    "h5py, a dataset a time, by numpy": (write_quench_h5py, read_quench_h5py),
    "pickle of the data, by numpy": (write_quench_pickle, read_quench_pickle),
}


def of_quench(sites: int, steps: int) -> dict[str, Way]:
    check = Checked()

    def whole(write: Callable[..., None], read: Callable[..., Any], folder: Path) -> dict[str, Cost]:
        path, found = folder / "quench.h5", []
        written = timed(lambda: write(path, sites, steps))
        asked = timed(lambda: found.append(read(path, sites, steps)))
        check(found[0])
        return {"simulate and write": written, "read and compute": asked}

    ways: dict[str, Way] = {name: functools.partial(whole, *both) for name, both in QUENCH.items()}
    nothing = Cost(0, 0)
    ways["Aer alone"] = lambda folder: {
        "simulate and write": timed(lambda: evolved(sites, steps)),
        "read and compute": nothing,
    }
    return ways


def answer(task: dict[str, Any]) -> dict[str, float]:
    """The peak of the resident memory beyond what the same on few sites has left, in MiB; for a process of its own."""
    (write, read), sites, steps = QUENCH[task["method"]], task["sites"], task["steps"]
    with tempfile.TemporaryDirectory() as folder:
        for name, size in (("small.h5", (4, 2)), ("large.h5", (sites, steps))):
            before = fresh_process.start_of_peak()
            write(Path(folder) / name, *size)
            written = fresh_process.memory("VmHWM")
            read(Path(folder) / name, *size)
    return {"write": (written - before) / MIB, "whole": (fresh_process.memory("VmHWM") - before) / MIB}


# -- study 3: counts of noisy circuits


def noise_grid(strengths: int, depths: int, seeds: int) -> dict[str, Any]:
    return {
        "strength": np.linspace(0.001, 0.01, strengths),
        "depth": range(1, depths + 1),
        "seed": range(seeds),
    }


def write_noise(folder: Path, grid: Mapping[str, Any]) -> None:
    """The loop of ``examples/noise_study.py``."""
    study = example("noise_study")
    project = aerchive.open(folder / "noise.h5", durability="batch")
    simulator = AerSimulator(project=project)
    for strength, depth, seed in project.missing(grid).itertuples(index=False):
        simulator.run(
            study.there_and_back(depth),
            noise_model=study.noise(strength),
            seed_simulator=seed,
            shots=SHOTS,
            params={"strength": strength, "depth": depth},
        ).result()
    project.flush()


def read_noise(folder: Path, grid: Mapping[str, Any]) -> Any:
    """The lines of ``examples/noise_study.py``."""
    table = aerchive.open(folder / "noise.h5").table(["strength", "depth", "seed"], ["counts.0000", "shots"])
    return error_bars(table.assign(success=table["counts.0000"] / table["shots"]))


def error_bars(frame: pd.DataFrame) -> Any:
    return frame.groupby(["strength", "depth"])["success"].agg(["mean", "sem"])


def noisy(grid: Mapping[str, Any]) -> Jobs:
    """Each point and its Result, from Aer alone."""
    study = example("noise_study")
    simulator = qiskit_aer.AerSimulator()
    for point in points_of(grid):
        circuit, noise = study.there_and_back(point["depth"]), study.noise(point["strength"])
        yield point, simulator.run(circuit, noise_model=noise, seed_simulator=point["seed"], shots=SHOTS).result()


def of_points(success: Callable[[int, dict[str, Any]], float], grid: Mapping[str, Any]) -> Any:
    frame = pd.DataFrame(points_of(grid))
    frame["success"] = [success(number, point) for number, point in enumerate(points_of(grid))]
    return error_bars(frame)


def write_noise_npz(folder: Path, jobs: Jobs) -> None:
    for number, (point, result) in enumerate(jobs):
        counts = result.get_counts()
        np.savez(folder / f"{number}.npz", outcomes=list(counts), counts=list(counts.values()), **point)


def read_noise_npz(folder: Path, grid: Mapping[str, Any]) -> Any:
    def success(number: int, point: dict[str, Any]) -> float:
        with np.load(folder / f"{number}.npz") as file:
            return float(file["counts"][file["outcomes"] == "0000"].sum() / SHOTS)

    return of_points(success, grid)


def write_noise_zarr(folder: Path, jobs: Jobs, number: int) -> None:
    import zarr

    array = zarr.create_array(store=folder / "noise.zarr", shape=(number, 16), chunks=(1, 16), dtype=np.int64)
    for place, (_, result) in enumerate(jobs):
        counts = result.get_counts()
        array[place] = np.array([counts.get(f"{outcome:04b}", 0) for outcome in range(16)])


def read_noise_zarr(folder: Path, grid: Mapping[str, Any]) -> Any:
    import zarr

    zeros = zarr.open_array(store=folder / "noise.zarr", mode="r")[:, 0]
    return of_points(lambda number, point: zeros[number] / SHOTS, grid)


def write_noise_pickle(folder: Path, jobs: Jobs) -> None:
    for number, kept in enumerate(jobs):
        (folder / f"{number}.pkl").write_bytes(pickle.dumps(kept))


def read_noise_pickle(folder: Path, grid: Mapping[str, Any]) -> Any:
    def success(number: int, point: dict[str, Any]) -> float:
        _, result = pickle.loads((folder / f"{number}.pkl").read_bytes())
        return float(result.get_counts().get("0000", 0) / SHOTS)

    return of_points(success, grid)


def write_noise_h5py(folder: Path, jobs: Jobs) -> None:
    import h5py

    for number, (point, result) in enumerate(jobs):
        with h5py.File(folder / "noise.h5", "a") as file:
            group = file.create_group(str(number))
            group.attrs.update(point)
            counts = result.get_counts()
            group["outcomes"] = [int(outcome, 2) for outcome in counts]
            group["counts"] = list(counts.values())


def read_noise_h5py(folder: Path, grid: Mapping[str, Any]) -> Any:
    import h5py

    with h5py.File(folder / "noise.h5", "r") as file:

        def success(number: int, point: dict[str, Any]) -> float:
            group = file[str(number)]
            return float(group["counts"][group["outcomes"][...] == 0].sum() / SHOTS)

        return of_points(success, grid)


def of_noise(grid: Mapping[str, Any]) -> dict[str, Way]:
    number, check = len(points_of(grid)), Checked()

    def whole(write: Callable[[Path], Any], read: Callable[..., Any] | None = None) -> Way:
        def way(folder: Path) -> dict[str, Cost]:
            found: list[Any] = []
            written = timed(lambda: write(folder))
            asked = Cost(0, 0) if read is None else timed(lambda: found.append(read(folder, grid)))
            for one in found:
                check(one)
            return {"simulate and write": written, "read and compute": asked}

        return way

    return {
        "**aerchive**, batch": whole(lambda folder: write_noise(folder, grid), read_noise),
        "npz, a file a run": whole(lambda folder: write_noise_npz(folder, noisy(grid)), read_noise_npz),
        "zarr, one array": whole(lambda folder: write_noise_zarr(folder, noisy(grid), number), read_noise_zarr),
        "h5py, a group a run": whole(lambda folder: write_noise_h5py(folder, noisy(grid)), read_noise_h5py),
        "pickle of the Result, a file a run": whole(
            lambda folder: write_noise_pickle(folder, noisy(grid)), read_noise_pickle
        ),
        "Aer alone": whole(lambda folder: list(noisy(grid))),
    }


def of_counts(folder: Path, grid: Mapping[str, Any]) -> dict[str, Way]:
    """The counts of all runs, as dictionaries where that is not said otherwise, and of each the largest."""
    write_noise(folder, grid)
    jobs = list(noisy(grid))
    results = [result for _, result in jobs]
    for name, kept in (("counts.pkl", [result.get_counts() for result in results]), ("results.pkl", results)):
        (folder / name).write_bytes(pickle.dumps(kept))
    for name, write in (("npz", write_noise_npz), ("h5py", write_noise_h5py), ("pickle", write_noise_pickle)):
        (folder / name).mkdir()
        write(folder / name, jobs)
    expected = Checked()

    def check(most: Any) -> None:
        expected(sorted(most))

    def unpickled(path: Path) -> Any:
        return [max(counts.values()) for counts in pickle.loads(path.read_bytes())]

    def of_each(most: Callable[[aerchive.Run], int]) -> Callable[[Path], Callable[[], Any]]:
        def opened(path: Path) -> Callable[[], Any]:
            project = aerchive.open(path)
            return lambda: [most(run) for run in project]

        return opened

    def table(path: Path) -> Callable[[], Any]:
        project = aerchive.open(path)
        return lambda: project.table(["strength", "depth", "seed"], "counts.*").filter(like="counts.").max(axis=1)

    def npz(path: Path) -> Any:
        return [max(dict(zip(f["outcomes"], f["counts"], strict=True)).values()) for f in map(np.load, path.iterdir())]

    def h5py(path: Path) -> Any:
        import h5py

        with h5py.File(path / "noise.h5", "r") as file:
            groups = file.values()
            return [max(dict(zip(g["outcomes"][...], g["counts"][...], strict=True)).values()) for g in groups]

    def reading(read: Callable[[Path], Any]) -> Callable[[Path], Callable[[], Any]]:
        return lambda path: functools.partial(read, path)

    project = folder / "noise.h5"
    ways: dict[str, tuple[Path, Callable[[Path], Callable[[], Any]]]] = {
        "unpickling the counts": (folder / "counts.pkl", reading(unpickled)),
        "**aerchive**, counts() of each run": (project, of_each(lambda run: max(run.counts().values()))),
        "**aerchive**, counts_array() of each run": (project, of_each(lambda run: int(run.counts_array()[1].max()))),
        "**aerchive**, table(y='counts.*')": (project, table),
        "unpickling the Results": (
            folder / "results.pkl",
            reading(lambda path: [max(r.get_counts().values()) for r in pickle.loads(path.read_bytes())]),
        ),
        "unpickling the Results, a file a run": (
            folder / "pickle",
            reading(lambda path: [max(pickle.loads(f.read_bytes())[1].get_counts().values()) for f in path.iterdir()]),
        ),
        "npz, a file a run": (folder / "npz", reading(npz)),
        "h5py, a group a run": (folder / "h5py", reading(h5py)),
    }
    return {name: cold_and_again(stored, opened, check) for name, (stored, opened) in ways.items()}


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1].startswith("{"):
        print(json.dumps(answer(json.loads(sys.argv[1]))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", type=int, nargs=2, default=[50, 40], help="of study 1 (default 50 40)")
    parser.add_argument("--points", type=int, default=10_000, help="of the question what is missing (default 10000)")
    parser.add_argument("--chain", type=int, nargs=2, default=[16, 100], help="of study 2: sites, steps (16 100)")
    parser.add_argument("--noise", type=int, nargs=3, default=[10, 10, 20], help="of study 3 (default 10 10 20)")
    parser.add_argument("--rounds", type=int, default=5, help="in which all ways are taken (default 5)")
    parser.add_argument("--only", nargs="*", help="beginnings of the titles of sections")
    parser.add_argument("--folder", type=Path, help="where files are made; by default a temporary folder")
    options = parser.parse_args()
    grid, noise = grid_of(*options.grid), noise_grid(*options.noise)
    print(f"{datetime.datetime.now():%Y-%m-%d}, {options.rounds} rounds: {' '.join(sys.argv[1:])}")
    runs, counted = len(points_of(grid)), len(points_of(noise))
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        landscape = functools.cache(lambda: archive_landscape(folder / "landscape.h5", grid).path)
        sections: dict[str, Callable[[Path], Mapping[str, Way]]] = {
            f"{runs:,} points through the simulator": lambda inner: of_simulating(grid),
            f"Energy table of {runs:,} runs": lambda inner: of_energy_table(inner, landscape()),
            f"What is missing of {options.points:,} points": lambda inner: of_resuming(inner, options.points),
            f"Plot of {runs // 2:,} runs": lambda inner: of_plot(inner, landscape()),
            f"Counts of {counted:,} runs": lambda inner: of_counts(inner, noise),
            "Study 2 as a whole": lambda inner: of_quench(*options.chain),
            "Study 3 as a whole": lambda inner: of_noise(noise),
        }
        for number, (title, ways) in enumerate(sections.items()):
            if not options.only or title.lower().startswith(tuple(one.lower() for one in options.only)):
                inner = folder / str(number)
                inner.mkdir()
                section(title, ways(inner), options.rounds, folder)
    if not options.only or "memory" in options.only:
        sites, steps = options.chain
        print("\n### Peak memory of study 2\n\n| way | writing, MiB | whole, MiB |\n|---|---|---|")
        for way in QUENCH:
            found = fresh_process.ask(__file__, what="memory", method=way, sites=sites, steps=steps)
            print(f"| {way} | {found['write']:.0f} | {found['whole']:.0f} |", flush=True)


if __name__ == "__main__":
    main()
