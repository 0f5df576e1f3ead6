"""What storing a state costs, for every family of states and every way of storing one: one table.

Interleaved in one process, in one folder, on the same data, in another order each time; memory is touched beforehand.
Each repetition writes and makes durable, reads warm, has the system forget the file's pages
(``posix_fadvise(POSIX_FADV_DONTNEED)`` on the file alone; nobody else's cache is dropped) and reads cold. The first
repetition compares every bit and does not count. Disturbed measurements do not count either, by the rule in
`tests.benchmarks.disturbance`; they are repeated, up to as many times as there are repetitions, and a row that has
fewer than half of its repetitions undisturbed then counts all of them and is marked ``~``. Slow methods take part in
fewer repetitions, the first included. Medians; ratios are of measurements of the same round, with their 10th to 90th
percentile.

Of aerchive only the time of `Project.save` is known: the file is durable then, so there is no time without fsync. It
stores a whole Result into a new project. What the commit itself costs is measured with a tiny state.

First amplitude and extra memory are those of fresh processes (`tests.benchmarks.fresh_process`), for the families that
``--fresh`` names.

``--long`` is another task: one state of 28 qubits, 4 GiB (`tests.benchmarks.large_state`).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

import aerchive
from tests.benchmarks import fresh_process, large_state
from tests.benchmarks.disturbance import Observer, Timed
from tests.benchmarks.measuring import Figures, rotated, settle, spread, touch_memory
from tests.benchmarks.report_states import PHASES, is_lacking, print_report
from tests.benchmarks.state_families import FAMILIES, kept
from tests.benchmarks.storage_methods import (
    GZIP,
    METHODS,
    NPY,
    Method,
    Payload,
    drop_from_cache,
    make_durable,
    stored_bytes,
    tiny_payload,
)

BASES = (NPY, GZIP)
TINY_COMMITS = 20
FRESH_HANDLES = 3
"""Processes in which the first amplitude is read."""
PACKAGES = (
    "aerchive",
    "h5py",
    "hdf5plugin",
    "joblib",
    "lz4",
    "numpy",
    "qiskit",
    "qiskit-aer",
    "tables",
    "zarr",
)  # fmt: skip


def once(observer: Observer, folder: Path, method: Method, payload: Payload, *, check: bool) -> Figures:
    """One repetition of one method."""
    nbytes = payload.values.nbytes
    place = folder / "one"
    place.mkdir()
    path = place / "state"

    def write() -> float:
        begun = time.perf_counter()
        method.write(path, payload)
        written = time.perf_counter() - begun
        if not method.durable:
            make_durable(path)
        return written

    settle(folder)
    touch_memory(nbytes * 5 // 4)
    written, durable = observer.measure(write, lambda: stored_bytes(place))
    figures: Figures = {"stored bytes": stored_bytes(place), "durable": as_figures(durable)}
    if not method.durable:
        figures["write"] = written
    touch_memory(nbytes * 5 // 4)
    figures["read"] = as_figures(observer.measure(lambda: method.read(path))[1])
    if check:
        figures["infidelity"] = method.checked(path, payload)
    touch_memory(nbytes * 9 // 4)
    drop_from_cache(path)
    figures["cold"] = as_figures(observer.measure(lambda: method.read(path), lambda: stored_bytes(place))[1])
    shutil.rmtree(place)
    settle(folder)
    return figures


def as_figures(timed: Timed) -> Figures:
    return {"s": timed.seconds, "cpu s": timed.cpu_s, "disturbed": timed.disturbed}


def measure_family(
    observer: Observer, folder: Path, payload: Payload, methods: Mapping[str, Method], repetitions: int, slow: int
) -> Figures:
    """All repetitions of all methods on one state."""
    wanted = {name: slow if method.slow else repetitions for name, method in methods.items()}
    figures: dict[str, Figures] = {
        name: {"title": method.title, "wanted": wanted[name], "rounds": []} for name, method in methods.items()
    }
    for number in range(1 + 2 * repetitions):
        taking_part = {
            name: method
            for name, method in methods.items()
            if (number < slow if method.slow else number <= repetitions or is_lacking(figures[name]))
        }
        if number > repetitions and taking_part:  # a ratio needs the bases in the same round
            taking_part |= {name: methods[name] for name in BASES}
        if not taking_part:
            break
        for name, method in rotated(taking_part, number):
            one = once(observer, folder, method, payload, check=number == 0)
            figures[name]["stored bytes"] = one.pop("stored bytes")
            if "infidelity" in one:
                figures[name]["infidelity"] = one.pop("infidelity")
            figures[name]["rounds"].append({"round": number, "counts": method.slow or number > 0, **one})
    return figures


def measure_fresh(folder: Path, state: Path, payload: Payload, name: str, method: Method) -> Figures:
    """First amplitude and extra memory of one method, in fresh processes."""
    place = folder / "fresh"
    place.mkdir()
    script = fresh_process.__file__
    path, tiny = place / "state", place / "tiny"
    method.write(path, payload)
    method.write(tiny, tiny_payload(payload.kind))
    for one in (path, tiny):
        make_durable(one)
    at = payload.values.size * 2 // 3 + 1
    answers = [
        fresh_process.ask(script, what="amplitude", method=name, path=str(path), tiny=str(tiny), place=at)
        for _ in range(FRESH_HANDLES)
    ]
    for answer in answers:
        same = answer.pop("value") == fresh_process.expected(method, payload, at)
        assert same or not method.lossless, f"{method.title}: another amplitude came back"
    figures = {key: [answer[key] for answer in answers] for key in answers[0]}
    for one in (path, tiny):
        shutil.rmtree(one) if one.is_dir() else one.unlink()
    task = {"what": "memory", "method": name, "state": str(state), "kind": payload.kind, "folder": str(place)}
    figures |= fresh_process.ask(script, **task)
    shutil.rmtree(place)
    settle(folder)
    return figures


def tiny_commits(folder: Path) -> Figures:
    """Milliseconds of `Project.save` for a state of a few qubits: what does not depend on the size."""
    place = folder / "tiny"
    place.mkdir()
    payload = tiny_payload("statevector")
    payload.result.job_id = "warm-up"
    project = aerchive.open(place / "one.h5")
    project.save(payload.result)
    times: dict[str, list[float]] = {"into a new project": [], "into a project": []}
    for number in range(TINY_COMMITS):
        payload.result.job_id = f"tiny-{number}"
        actions = {
            "into a new project": aerchive.open(place / f"new-{number}.h5", "x"),
            "into a project": project,
        }
        for name, target in rotated(actions, number):
            begun = time.perf_counter()
            target.save(payload.result)
            times[name].append(1000 * (time.perf_counter() - begun))
    shutil.rmtree(place)
    settle(folder)
    return {name: spread(values) for name, values in times.items()}


def machine(folder: Path) -> Figures:
    """What it was measured on, in words."""
    processors = Path("/proc/cpuinfo").read_text()
    names = [line.partition(":")[2].strip() for line in processors.splitlines() if line.startswith("model name")]
    total = int(Path("/proc/meminfo").read_text().split()[1]) / 1024**2
    return {
        "processor": f"{os.cpu_count()} × {names[0] if names else platform.machine()}",
        "virtual": "hypervisor" in processors,
        "memory GiB": round(total, 1),
        "system": f"{platform.system()} {platform.release()}",
        "file system": file_system(folder),
        "python": platform.python_version(),
        "hdf5": h5py_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def h5py_version() -> str:
    import h5py

    return str(h5py.version.hdf5_version)


def version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def file_system(folder: Path) -> str:
    """Type of the file system of a folder."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    here = folder.resolve()
    under = [(len(mount[1]), mount[2]) for mount in mounts if here.is_relative_to(mount[1])]
    return max(under)[1] if under else "unknown"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--qubits", type=int, help="of the states: 20, or 28 with --long")
    add("--repetitions", type=int, default=3)
    add("--slow-repetitions", type=int, default=1, help="of slow methods, such as gzip other than the base")
    add("--family", nargs="*", choices=FAMILIES, default=list(FAMILIES))
    add("--method", nargs="*", choices=METHODS, default=list(METHODS), help="the bases are always there")
    add(
        "--fresh", nargs="*", choices=[*FAMILIES, "all"], metavar="FAMILY", help="by default the first that is measured"
    )
    add("--folder", type=Path, help="on the disk to be measured; by default that of temporary files")
    add("--cache", type=Path, default=Path(tempfile.gettempdir()) / "aerchive-states", help="where states are kept")
    add("--json", type=Path, metavar="FILE", help="all raw numbers; report_states.py makes tables of them again")
    add(
        "--long", action="store_true", help="the large state instead: 16 GiB of disk, 10 GiB of memory to repeat writes"
    )
    given = parser.parse_args()
    if given.fresh is None:
        given.fresh = given.family[:1]
    return given


def main() -> None:
    given = arguments()
    folder_of_all = given.folder or Path(tempfile.gettempdir())
    data: Figures = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "command": " ".join(["python3 tests/benchmarks/bench_states.py", *sys.argv[1:]]),
        "machine": machine(folder_of_all),
        "repetitions": given.repetitions,
    }
    with tempfile.TemporaryDirectory(prefix="bench-states-", dir=given.folder) as name:
        folder = Path(name)
        if given.long:
            data["long"] = large_state.measure(folder, given.qubits or 28, given.repetitions)
        else:
            measure_states(data, given, folder)
    keep(data, given.json)
    print_report(data)


def keep(data: Figures, file: Path | None) -> None:
    """Writes all raw numbers, if they are to be written."""
    if file is not None:
        file.write_text(json.dumps(data, indent=1) + "\n")


def measure_states(data: Figures, given: argparse.Namespace, folder: Path) -> None:
    """Measures all families, into ``data``."""
    qubits = given.qubits or 20
    chosen = {name: method for name, method in METHODS.items() if name in {*given.method, *BASES}}
    reasons = {name: method.missing() for name, method in chosen.items()}
    data["missing"] = {chosen[name].title: reason for name, reason in reasons.items() if reason}
    methods = {name: method for name, method in chosen.items() if not reasons[name]}
    for title, reason in data["missing"].items():
        print(f"not measured: {title}: {reason}", file=sys.stderr, flush=True)
    data["qubits"] = qubits
    data["tiny commits ms"] = tiny_commits(folder)
    observer = Observer(folder)
    data["families"] = {}
    for name in given.family:
        begun = time.perf_counter()
        family = FAMILIES[name]
        state = kept(given.cache, name, qubits)
        payload = Payload(np.load(state), family.kind)
        figures = measure_family(
            observer, folder, payload, methods, given.repetitions, min(given.slow_repetitions, given.repetitions)
        )
        if {name, "all"} & set(given.fresh):
            for key, method in methods.items():
                figures[key]["fresh"] = measure_fresh(folder, state, payload, key, method)
        data["families"][name] = {
            "title": family.title,
            "traits": sorted(family.traits),
            "raw bytes": payload.values.nbytes,
            "methods": figures,
        }
        lost = sum(bool(one[phase]["disturbed"]) for m in figures.values() for one in m["rounds"] for phase in PHASES)
        seconds = time.perf_counter() - begun
        print(f"{family.title}: {seconds:.0f} s, {lost} measurements disturbed", file=sys.stderr, flush=True)
        data["memcpy GB/s"] = round(observer.reference, 2)
        keep(data, given.json)  # what there is, should the rest never come


if __name__ == "__main__":
    main()
