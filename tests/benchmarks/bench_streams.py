"""What a question about an archived state costs when it is streamed, beside loading the state and asking Qiskit.

Each measurement is a process of its own, which has answered the same question about a tiny state before, so that
nothing is imported while the clock runs. It opens the file, asks, and takes the time: with nothing of the file in the
page cache, then again with all of it there, that also in processor time of all threads; and the peak of the resident
memory minus what was resident before. The two ways take turns; medians. The answers are compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from tests.benchmarks import fresh_process
from tests.benchmarks.fresh_process import memory, start_of_peak
from tests.benchmarks.measuring import Figures, rotated, touch_memory
from tests.benchmarks.state_families import kept
from tests.benchmarks.storage_methods import METHODS, NPY, PORTABLE, Method, Payload, drop_from_cache, tiny_payload

MIB = 1024 * 1024
TERMS = 20
DIAGONAL_TERMS = 100
SHOTS = 1000
FAMILIES = ("random", "ising")
"""The state that is asked about, and another one."""
WAYS = {"streamed": "aerchive", "loaded": "np.load + Qiskit"}


def observable(qubits: int) -> Any:
    """Random Pauli strings with real coefficients, each acting on few qubits."""
    from qiskit.quantum_info import SparsePauliOp

    random = np.random.default_rng(TERMS)
    terms = []
    for _ in range(TERMS):
        places = random.choice(qubits, size=min(4, qubits), replace=False)
        terms.append(("".join(random.choice(list("XYZ"), len(places))), [int(p) for p in places], random.normal()))
    return SparsePauliOp.from_sparse_list(terms, qubits)


def ising(qubits: int) -> Any:
    """X on each qubit, and ZZ on neighbours in a ring."""
    from qiskit.quantum_info import SparsePauliOp

    terms = [("X", [qubit], 1.0) for qubit in range(qubits)]
    terms += [("ZZ", [qubit, (qubit + 1) % qubits], 0.5) for qubit in range(qubits)]
    return SparsePauliOp.from_sparse_list(terms, qubits)


def flip(qubits: int) -> Any:
    """X on every qubit."""
    from qiskit.quantum_info import Pauli

    return Pauli("X" * qubits)


def diagonal(qubits: int) -> Any:
    """Random strings of I and Z."""
    from qiskit.quantum_info import SparsePauliOp

    random = np.random.default_rng(DIAGONAL_TERMS)
    return SparsePauliOp(["".join(random.choice(list("IZ"), qubits)) for _ in range(DIAGONAL_TERMS)])


def without(state: Any, kept_qubits: list[int]) -> Any:
    """Qiskit's density matrix of some qubits."""
    from qiskit.quantum_info import partial_trace

    return partial_trace(state, [qubit for qubit in range(state.num_qubits) if qubit not in kept_qubits])


def four_of(qubits: int) -> list[int]:
    """The first two and the last two qubits."""
    return [0, 1, qubits - 2, qubits - 1]


def three_of(qubits: int) -> list[int]:
    """The first, a middle and the last qubit."""
    return [0, qubits // 2, qubits - 1]


def same(ask_either: Callable[[Any, int], Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A question that is put to a stored state and to Qiskit's in the same words."""

    def either(state: Any, qubits: int, _other: Callable[[], Any]) -> Any:
        return ask_either(state, qubits)

    return either, either


Question = Callable[[Any, int, Callable[[], Any]], Any]
QUESTIONS: dict[str, tuple[Question, Question]] = {
    "norm": (lambda s, n, other: s.norm(), lambda s, n, other: np.linalg.norm(s.data)),
    "probabilities of 3 qubits": same(lambda s, n: s.probabilities(three_of(n))),
    f"expectation of {TERMS} Pauli strings": same(lambda s, n: s.expectation_value(observable(n))),
    "X on every qubit": same(lambda s, n: s.expectation_value(flip(n))),
    "expectation of the Ising model": same(lambda s, n: s.expectation_value(ising(n))),
    f"expectation of {DIAGONAL_TERMS} diagonal strings": same(lambda s, n: s.expectation_value(diagonal(n))),
    "density matrix of 4 qubits": (
        lambda s, n, other: s.reduced_density_matrix(four_of(n)).data,
        lambda s, n, other: without(s, four_of(n)).data,
    ),
    "ten largest amplitudes": (
        lambda s, n, other: list(s.top(10).values()),
        lambda s, n, other: s.data[np.argsort(-np.abs(s.data))[:10]],
    ),
    f"{SHOTS:,} shots": same(lambda s, n: sum(s.sample_counts(SHOTS).values())),
    "one amplitude": (lambda s, n, other: s[2**n // 3], lambda s, n, other: s.data[2**n // 3]),
    "fidelity with another": (lambda s, n, other: s.fidelity(other()), lambda s, n, other: abs(s.inner(other())) ** 2),
}
"""How a stored state is asked, and how Qiskit is asked; given the state, its qubits, and the way to another state."""


def streamed(path: Path) -> Any:
    import aerchive

    return aerchive.open(path, "r").latest().state()


def loaded(path: Path) -> Any:
    from qiskit.quantum_info import Statevector

    return Statevector(np.load(path))


OPEN = {"streamed": streamed, "loaded": loaded}


def answer(way: str, question: str, paths: list[Path], qubits: int) -> Any:
    """Opens the state and asks."""
    state, other = paths
    value = QUESTIONS[question][list(WAYS).index(way)](OPEN[way](state), qubits, lambda: OPEN[way](other))
    return np.ravel(value)


def one(way: str, question: str, paths: list[Path], tiny: Path, tiny_qubits: int, qubits: int) -> Figures:
    """One measurement, in this process."""
    answer(way, question, [tiny, tiny], tiny_qubits)
    touch_memory(sum(path.stat().st_size for path in paths))
    for path in paths:
        drop_from_cache(path)
    figures: Figures = {}
    before = start_of_peak()
    for name in ("cold s", "warm s"):
        begun, used = time.perf_counter(), time.process_time()
        value = answer(way, question, paths, qubits)
        figures[name], figures["CPU s"] = time.perf_counter() - begun, time.process_time() - used
    figures["extra bytes"] = memory("VmHWM") - before
    return {**figures, "real": value.real.tolist(), "imaginary": value.imag.tolist()}


def compare(answers: dict[str, Figures], question: str) -> None:
    """Sees whether both ways gave the same answer.

    Raises:
        AssertionError: They did not.
    """
    values = [np.asarray(one["real"]) + 1j * np.asarray(one["imaginary"]) for one in answers.values()]
    assert np.allclose(values[0], values[-1], rtol=1e-7, atol=1e-12), f"{question}: {values}"


def measure(folder: Path, cache: Path, qubits: int, repetitions: int) -> Figures:
    """All questions, both ways."""
    files: dict[str, list[Path]] = {}
    tinies: dict[str, Path] = {}
    for way, method in {"streamed": METHODS[PORTABLE], "loaded": METHODS[NPY]}.items():
        files[way] = [store(folder / f"{way}-{family}", method, kept(cache, family, qubits)) for family in FAMILIES]
        tinies[way] = folder / f"{way}-tiny"
        method.write(tinies[way], tiny_payload("statevector"))
    tiny_qubits = int(np.log2(tiny_payload("statevector").values.size))
    series: dict[str, dict[str, list[Figures]]] = {question: {way: [] for way in WAYS} for question in QUESTIONS}
    for number in range(repetitions):
        for question, of_ways in series.items():
            answers = {}
            for way, done in rotated(of_ways, number):
                task = {"paths": list(map(str, files[way])), "tiny": str(tinies[way]), "tiny_qubits": tiny_qubits}
                answers[way] = fresh_process.ask(__file__, way=way, question=question, qubits=qubits, **task)
                done.append(answers[way])
            compare(answers, question)
    return {
        question: {
            way: {
                key: statistics.median(one[key] for one in done) for key in ("cold s", "warm s", "CPU s", "extra bytes")
            }
            for way, done in of_ways.items()
        }
        for question, of_ways in series.items()
    }


def store(path: Path, method: Method, state: Path) -> Path:
    method.write(path, Payload(np.load(state), "statevector"))
    return path


def print_table(figures: Figures, qubits: int) -> None:
    print(f"\n{qubits} qubits, {16 * 2**qubits / MIB:,.4g} MiB; extra memory includes what Qiskit loads\n")
    print("| question | way | cold, s | warm, s | CPU of that, s | extra memory, MiB |\n|---|---|---|---|---|---|")
    for question, of_ways in figures.items():
        for way, one in of_ways.items():
            print(
                f"| {question} | {WAYS[way]} | {one['cold s']:.3f} | {one['warm s']:.3f} "
                f"| {one['CPU s']:.3f} | {one['extra bytes'] / MIB:.0f} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qubits", type=int, default=20)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured; by default that of temporary files")
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "aerchive-states", help="where states are kept"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-streams-", dir=given.folder) as name:
        figures = measure(Path(name), given.cache, given.qubits, given.repetitions)
    if given.json:
        given.json.write_text(json.dumps({"qubits": given.qubits, "streams": figures}, indent=1) + "\n")
    print_table(figures, given.qubits)


def child(task: dict[str, Any]) -> Figures:
    """Carries out a task in this process."""
    paths = [Path(path) for path in task.pop("paths")]
    return one(paths=paths, tiny=Path(task.pop("tiny")), **task)


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        print(json.dumps(child(json.loads(sys.argv[1]))))
    else:
        main()
