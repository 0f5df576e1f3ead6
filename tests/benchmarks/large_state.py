"""The long task: a state larger than the memory of whoever reads it, archived, verified and compared with another.

The state is made without Aer, block by block, and is dense and incompressible: a product of two random factors of half
the qubits, each amplitude with a random phase of its own,

    psi_b[j, k] = a[j] exp(i b c[j]) f_b[k] exp(i phi[j, k]),    b = 0, 1,

where ``a`` and ``f_0`` are Gaussian and of norm 1, ``f_1`` is ``f_0`` with a tenth of another vector, and ``c`` and
``phi`` are random. Both have norm 1, and their inner product is known without the large vectors,

    <psi_0|psi_1> = (sum_j |a[j]|^2 exp(i c[j])) <f_0|f_1>,

so the streamed fidelity is compared with the true one. Every step is a process of its own. The questions are asked
under ``RLIMIT_AS``, which bounds all address space (program, libraries, heap, arrays, stacks of threads, mapped files);
the same process cannot load the state. Without repetitions (``python3 tasks.py large``) the states are archived from
mapped files, so that no step needs the memory for a state.
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
FRESH_HANDLES = 5
"""Processes in which the first amplitude is read."""
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

    def whole(self, path: Path | None = None) -> NDArray[np.complex128]:
        """All amplitudes, shape ``(2**qubits,)``, in memory or in a file that is mapped."""
        shape = (self.rows, self.columns)
        values = np.empty(shape, np.complex128) if path is None else np.memmap(path, np.complex128, "w+", shape=shape)
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
    mapped = folder / "amplitudes"  # not where times are compared: its pages may have to be read again
    payload = Payload(LargeState(qubits, number).whole(None if repetitions else mapped), "statevector")
    payload.result  # noqa: B018  (what the user holds anyway)
    tiny = tiny_payload("statevector")
    METHODS[PORTABLE].write(folder / "warm-up.h5", tiny)
    (folder / "warm-up.h5").unlink()
    before = fresh_process.start_of_peak()
    begun = time.perf_counter()
    METHODS[PORTABLE].write(folder / NAMES[number], payload)
    seconds = time.perf_counter() - begun
    extra = fresh_process.memory("VmHWM") - before
    stored = (folder / NAMES[number]).stat().st_size
    figures: Figures = {"stored bytes": stored, "extra bytes": extra, "first seconds": seconds}
    mapped.unlink(missing_ok=True)
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


def questions(folder: Path, qubits: int) -> Figures:
    """What is asked of the two archived states, under the limit of address space."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    import aerchive

    psi, phi = (aerchive.open(folder / name, "r").latest().state() for name in NAMES)
    for name in NAMES:
        drop_from_cache(folder / name)
    figures: Figures = {}

    def ask(what: str, question: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        value = question()
        figures[f"{what}, s"] = round(time.perf_counter() - begun, 2)
        return value

    value = ask("fidelity of two archived states, cold", lambda: psi.fidelity(phi))
    error = abs(value - LargeState(qubits, 0).fidelity)
    ask("probabilities of four qubits", lambda: psi.probabilities([0, qubits // 3, qubits - 5, qubits - 1]))
    ask("a thousand shots", lambda: psi.sample_counts(1000, seed=1))
    ask("expectation value of XYZ on far qubits", lambda: psi.expectation_value("XYZ", [1, qubits // 2, qubits - 1]))
    is_refused = False
    try:
        psi[...]
    except MemoryError:
        is_refused = True
    return {
        "figures": figures,
        "error": error,
        "loading is refused": is_refused,
        "address space": fresh_process.memory("VmPeak"),
        "resident": fresh_process.memory("VmHWM"),
    }


STEPS: dict[str, Callable[..., Figures]] = {
    "archive": archive,
    "verify": verify,
    "compare": compare,
    "questions": questions,
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
    figures["archived for the first time, s"] = round(done["first seconds"], 2)
    for name, series in done["seconds"].items() if repetitions else ():
        figures[f"{METHODS[name].title}: write + fsync, s"] = round(statistics.median(series), 2)
        paired = [other / own for other, own in zip(done["seconds"][NPY], series, strict=True)]
        figures[f"{METHODS[name].title}: speed against np.save"] = _spread(paired)
    if repetitions:
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
    done = step("questions", qubits=qubits)
    assert done["error"] < 1e-10, done
    assert done["loading is refused"] == (raw >= LIMIT_BYTES), "the limit did not limit"
    limit = f"at most {LIMIT_BYTES / GIB:g} GiB of address space"
    figures |= {f"{limit}: {what}": seconds for what, seconds in done["figures"].items()}
    figures["error of the fidelity"] = f"{done['error']:.1e}"
    if done["loading is refused"]:
        figures[f"{limit}: loading the state"] = "MemoryError"
    figures["address space of this process at the peak, MiB"] = round(done["address space"] / MIB)
    figures["resident memory of this process at the peak, MiB"] = round(done["resident"] / MIB)
    return figures


def _first_amplitude(folder: Path, qubits: int) -> Figures:
    tiny = folder / "tiny.h5"
    METHODS[PORTABLE].write(tiny, tiny_payload("statevector"))
    row, column = 2 ** (qubits // 2) * 2 // 3, 1
    state = LargeState(qubits, 0)
    place = row * state.columns + column
    task = {"what": "amplitude", "method": PORTABLE, "path": str(folder / NAMES[0]), "tiny": str(tiny), "place": place}
    answers = [fresh_process.ask(fresh_process.__file__, **task) for _ in range(FRESH_HANDLES)]
    assert {answer["value"] for answer in answers} == {state.row(row)[column].tobytes().hex()}
    return {
        f"first amplitude, {key.replace(' ', ', ')}": round(statistics.median(a[key] for a in answers), 2)
        for key in ("cold ms", "warm ms", "handle cold ms")
    }


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def answer(task: Figures) -> Figures:
    """Does a step in this process."""
    step = STEPS[task.pop("what")]
    return step(Path(task.pop("folder")), **task)


def main() -> None:
    print(json.dumps(answer(json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
