"""The long task: a state larger than the memory of whoever reads it, archived, verified and compared with another.

The state is made without Aer, block by block, and is dense and incompressible: a product of two random factors of half
the qubits, each amplitude with a random phase of its own,

    psi_b[j, k] = a[j] exp(i b c[j]) f_b[k] exp(i phi[j, k]),    b = 0, 1,

where ``a`` and ``f_0`` are Gaussian and of norm 1, ``f_1`` is ``f_0`` with a tenth of another vector, and ``c`` and
``phi`` are random. Both have norm 1, and their inner product is known without the large vectors,

    <psi_0|psi_1> = (sum_j |a[j]|^2 exp(i c[j])) <f_0|f_1>,

so the streamed fidelity is compared with the true one. Every step is a process of its own. The fidelity is computed
under ``RLIMIT_DATA``, which bounds all private memory that can be written (heap, arrays, stacks of threads), and the
peak of the resident memory, which has mapped files in it, is reported beside it.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks import fresh_process
from tests.benchmarks.disturbance import Observer
from tests.benchmarks.measuring import Figures, rotated, settle, touch_memory
from tests.benchmarks.storage_methods import (
    METHODS,
    NONE,
    NPY,
    PORTABLE,
    Payload,
    drop_from_cache,
    make_durable,
    tiny_payload,
)

GIB = 1024**3
MIB = 1024**2
LIMIT_BYTES = GIB
SEED = 28
NAMES = ("psi-0.h5", "psi-1.h5")


class LargeState:
    """One of the two states.

    Args:
        qubits: How many.
        number: 0 or 1.
    """

    def __init__(self, qubits: int, number: int) -> None:
        self.qubits = qubits
        self.rows = 2 ** (qubits // 2)
        self.columns = 2 ** (qubits - qubits // 2)
        random = np.random.default_rng(SEED)
        first, second, other = (_gaussian(random, size) for size in (self.rows, self.columns, self.columns))
        turned = second + 0.1 * other
        self._plain, self._angles = first, random.uniform(0, 1, self.rows)
        self.first = first * np.exp(1j * number * self._angles)
        self._second = (second, turned / np.linalg.norm(turned))
        self.second = self._second[number]

    def row(self, number: int) -> NDArray[np.complex128]:
        """The amplitudes from ``number * columns`` on, shape ``(columns,)``."""
        phases = np.random.default_rng([SEED, number]).uniform(0, 2 * np.pi, self.columns)
        return self.first[number] * self.second * np.exp(1j * phases)

    def whole(self) -> NDArray[np.complex128]:
        """All amplitudes, shape ``(2**qubits,)``."""
        values = np.empty((self.rows, self.columns), np.complex128)
        for number in range(self.rows):
            values[number] = self.row(number)
        return values.reshape(-1)

    @property
    def fidelity(self) -> float:
        """``|<psi_0|psi_1>|²``."""
        rows = np.sum(np.abs(self._plain) ** 2 * np.exp(1j * self._angles))
        return float(abs(rows * np.vdot(*self._second)) ** 2)


def _gaussian(random: np.random.Generator, size: int) -> NDArray[np.complex128]:
    values: NDArray[np.complex128] = random.standard_normal(2 * size).view(np.complex128)
    return values / np.linalg.norm(values)


# -- steps, each in a process of its own


def archive(folder: Path, qubits: int, number: int, repetitions: int) -> Figures:
    """Archives a state, beside what else can be done with it, if there are repetitions of that."""
    payload = Payload(LargeState(qubits, number).whole(), "statevector")
    payload.result  # noqa: B018  (what the user holds anyway)
    tiny = tiny_payload("statevector")
    METHODS[PORTABLE].write(folder / "warm-up.h5", tiny)
    (folder / "warm-up.h5").unlink()
    before = fresh_process.start_of_peak()
    METHODS[PORTABLE].write(folder / NAMES[number], payload)
    extra = fresh_process.memory("VmHWM") - before
    figures: Figures = {"stored bytes": (folder / NAMES[number]).stat().st_size, "extra bytes": extra}
    observer = Observer(folder)
    methods = {name: METHODS[name] for name in (PORTABLE, NONE, NPY) if not METHODS[name].missing()}
    series: dict[str, list[float]] = {name: [] for name in methods}
    disturbed = 0
    path = folder / "again"
    for repetition in range(repetitions):
        for name, method in rotated(methods, repetition):
            settle(folder)
            touch_memory(payload.values.nbytes * 9 // 8)

            def write(method: Any = method) -> None:
                method.write(path, payload)
                if not method.durable:
                    make_durable(path)

            _, timed = observer.measure(write, lambda: path.stat().st_size)
            series[name].append(timed.seconds)
            disturbed += bool(timed.disturbed)
            path.unlink()
    return {**figures, "seconds": series, "disturbed": disturbed}


def verify(folder: Path) -> Figures:
    """Verifies the first project, nothing of it being in the page cache."""
    import aerchive

    path = folder / NAMES[0]
    project = aerchive.open(path, "r")
    drop_from_cache(path)
    before = fresh_process.start_of_peak()
    begun = time.perf_counter()
    report = project.verify()
    seconds = time.perf_counter() - begun
    return {
        "seconds": seconds,
        "ok": report.ok,
        "problems": [str(problem) for problem in report.problems],
        "extra bytes": fresh_process.memory("VmHWM") - before,
    }


def compare(folder: Path, qubits: int) -> Figures:
    """Reads the first state in slices and compares every bit."""
    import aerchive

    state = LargeState(qubits, 0)
    rows = max(1, min(state.rows, 16 * MIB // (16 * state.columns)))
    path = folder / NAMES[0]
    drop_from_cache(path)
    array = aerchive.open(path, "r").latest().array()
    seconds, same = 0.0, True
    for first in range(0, state.rows, rows):
        begun = time.perf_counter()
        part = array[first * state.columns : (first + rows) * state.columns]
        seconds += time.perf_counter() - begun
        wanted = np.concatenate([state.row(number) for number in range(first, min(first + rows, state.rows))])
        same = same and np.array_equal(part.view(np.uint64), wanted.view(np.uint64))
    return {"seconds": seconds, "same": bool(same)}


def fidelity(folder: Path, qubits: int) -> Figures:
    """The fidelity of the two archived states, under the limit of memory."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT_BYTES, LIMIT_BYTES))
    import aerchive

    runs = [aerchive.open(folder / name, "r").latest() for name in NAMES]
    if not hasattr(runs[0], "state"):
        return {"skipped": "this version has no Run.state"}
    for name in NAMES:
        drop_from_cache(folder / name)
    begun = time.perf_counter()
    value = runs[0].state().fidelity(runs[1].state())
    seconds = time.perf_counter() - begun
    error = abs(value - LargeState(qubits, 0).fidelity)
    return {"seconds": seconds, "fidelity": value, "error": error, "peak bytes": fresh_process.memory("VmHWM")}


STEPS: dict[str, Callable[..., Figures]] = {
    "archive": archive,
    "verify": verify,
    "compare": compare,
    "fidelity": fidelity,
}  # fmt: skip


def measure(folder: Path, qubits: int, repetitions: int) -> Figures:
    """All steps.

    Returns:
        Figures by what they are, in words.

    Raises:
        AssertionError: Something came back wrong.
    """
    raw = 16 * 2**qubits
    figures: Figures = {"qubits": qubits, "size": f"{raw / GIB:.3g} GiB"}

    def step(what: str, **task: Any) -> Figures:
        print(f"large state: {what}", file=sys.stderr, flush=True)
        return fresh_process.ask(__file__, what=what, folder=str(folder), **task)

    done = step("archive", qubits=qubits, number=0, repetitions=repetitions)
    figures["ratio"] = round(raw / done["stored bytes"], 4)
    figures["extra memory while it is archived, MiB"] = round(done["extra bytes"] / MIB)
    for name, series in done["seconds"].items():
        figures[f"{METHODS[name].title}: write + fsync, s"] = round(statistics.median(series), 2)
        paired = [other / own for other, own in zip(done["seconds"][NPY], series, strict=True)]
        figures[f"{METHODS[name].title}: speed against np.save"] = _spread(paired)
    figures["disturbed measurements of these"] = f"{done['disturbed']} of {sum(map(len, done['seconds'].values()))}"
    step("archive", qubits=qubits, number=1, repetitions=0)
    done = step("verify")
    assert done["ok"], done["problems"]
    figures["verify, cold, s"] = round(done["seconds"], 2)
    figures["extra memory while it is verified, MiB"] = round(done["extra bytes"] / MIB)
    done = step("compare", qubits=qubits)
    assert done["same"], "other values came back"
    figures["read in slices of 16 MiB, cold, every bit compared, s"] = round(done["seconds"], 2)
    figures |= _first_amplitude(folder, qubits)
    try:
        done = step("fidelity", qubits=qubits)
    except RuntimeError as error:
        done = {"skipped": str(error)}
    limit = f"fidelity of two archived states, at most {LIMIT_BYTES / GIB:g} GiB of memory"
    if "skipped" in done:
        return {**figures, limit: f"not measured: {done['skipped']}"}
    assert done["error"] < 1e-10, done
    figures[f"{limit}, cold, s"] = round(done["seconds"], 2)
    figures["its error"] = f"{done['error']:.1e}"
    figures["resident memory of its process at the peak, MiB"] = round(done["peak bytes"] / MIB)
    return figures


def _first_amplitude(folder: Path, qubits: int) -> Figures:
    tiny = folder / "tiny.h5"
    METHODS[PORTABLE].write(tiny, tiny_payload("statevector"))
    row, column = 2 ** (qubits // 2) * 2 // 3, 1
    state = LargeState(qubits, 0)
    place = row * state.columns + column
    task = {"what": "amplitude", "method": PORTABLE, "path": str(folder / NAMES[0]), "tiny": str(tiny), "place": place}
    answers = [fresh_process.ask(fresh_process.__file__, **task) for _ in range(5)]
    assert {answer["value"] for answer in answers} == {state.row(row)[column].tobytes().hex()}
    return {
        f"first amplitude, {key.replace(' ', ', ')}": round(statistics.median(a[key] for a in answers), 2)
        for key in ("cold ms", "warm ms")
    }


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def main() -> None:
    task = json.loads(sys.argv[1])
    what = task.pop("what")
    print(json.dumps(STEPS[what](Path(task.pop("folder")), **task)))


if __name__ == "__main__":
    main()
