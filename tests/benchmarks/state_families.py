"""The states that storage is measured on: one family for each way in which amplitudes repeat, vanish or look random.

Every one is made by Aer, from a circuit with a fixed seed, so that it carries Aer's own rounding; none is written down
from a formula, where exact zeros and equal amplitudes would compress better than what anybody has. Only the state of
`tests.benchmarks.large_state` is made without Aer, because it must not take hours.

Making a state takes longer than measuring it, so each is kept as ``FAMILY-QUBITS.npy`` in a folder. From the command
line: ``state_families.py FOLDER --qubits 24 --family ghz qaoa``.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

SEED = 20261127
VERSION = 1
"""Part of the file names; goes up when a family's circuit changes, so that an old cache is not taken for the new."""

Values = NDArray[np.complex128]


class Family(NamedTuple):
    """A family of states.

    Attributes:
        title: For tables.
        circuit: The circuit for so many qubits, without its save instruction.
        kind: What is saved: ``statevector``, ``density_matrix`` or ``unitary``. Matrices are of half as many qubits, so
            that they have as many elements as the statevectors.
        traits: What the figures to reach distinguish: ``dense`` (no two amplitudes alike), ``sparse`` (mostly zeros),
            ``conserving`` (the number of particles), ``clifford``.
        single: Whether Aer computes in single precision; the values arrive as complex128 all the same.
    """

    title: str
    circuit: Callable[[int], QuantumCircuit]
    kind: str = "statevector"
    traits: frozenset[str] = frozenset()
    single: bool = False


def random_circuit(qubits: int, layers: int = 12) -> QuantumCircuit:
    """Random one-qubit gates on all, then CX on random pairs, layer by layer."""
    from qiskit import QuantumCircuit

    random = np.random.default_rng(SEED)
    circuit = QuantumCircuit(qubits)
    for _ in range(layers):
        for qubit in range(qubits):
            circuit.u(*random.uniform(0, 2 * math.pi, 3), qubit)
        order = random.permutation(qubits)
        for control, target in zip(order[::2], order[1::2], strict=False):
            circuit.cx(int(control), int(target))
    return circuit


def ising(qubits: int, steps: int = 10) -> QuantumCircuit:
    """First-order Trotter steps of the chain with transverse and longitudinal field, from all qubits up."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(qubits)
    for _ in range(steps):
        for qubit in range(qubits - 1):
            circuit.rzz(-0.2, qubit, qubit + 1)
        for qubit in range(qubits):
            circuit.rz(-0.1, qubit)
            circuit.rx(-0.21, qubit)
    return circuit


def ansatz(qubits: int, layers: int = 4) -> QuantumCircuit:
    """RY on all and a chain of CX, layer by layer: a real state, every imaginary part zero."""
    from qiskit import QuantumCircuit

    random = np.random.default_rng(SEED)
    circuit = QuantumCircuit(qubits)
    for _ in range(layers):
        for qubit in range(qubits):
            circuit.ry(random.uniform(0, 2 * math.pi), qubit)
        for qubit in range(qubits - 1):
            circuit.cx(qubit, qubit + 1)
    return circuit


def ghz(qubits: int) -> QuantumCircuit:
    """Two amplitudes, all others exactly zero."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(qubits)
    circuit.h(0)
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    return circuit


def append_qft(circuit: QuantumCircuit) -> None:
    """Appends the quantum Fourier transform of all qubits."""
    qubits = circuit.num_qubits
    for target in reversed(range(qubits)):
        circuit.h(target)
        for control in reversed(range(target)):
            circuit.cp(math.pi / 2 ** (target - control), control, target)
    for qubit in range(qubits // 2):
        circuit.swap(qubit, qubits - 1 - qubit)


def qft_of_basis_state(qubits: int) -> QuantumCircuit:
    """Of the bit string 1010…: amplitudes of one modulus, whose sines and cosines come again and again."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(qubits)
    circuit.x(range(1, qubits, 2))
    append_qft(circuit)
    return circuit


def qft_of_product_state(qubits: int) -> QuantumCircuit:
    """Of a product of random one-qubit states."""
    from qiskit import QuantumCircuit

    random = np.random.default_rng(SEED)
    circuit = QuantumCircuit(qubits)
    for qubit in range(qubits):
        circuit.u(*random.uniform(0, 2 * math.pi, 3), qubit)
    append_qft(circuit)
    return circuit


def squares(qubits: int) -> list[tuple[int, int]]:
    """Edges of a ring of squares; the qubits that are left over hang on as a chain."""
    whole = qubits // 4 * 4
    edges = [(first + k, first + (k + 1) % 4) for first in range(0, whole, 4) for k in range(4)]
    edges += [(first, (first + 6) % whole) for first in range(0, whole, 4)]
    return edges + [(vertex - 1, vertex) for vertex in range(whole, qubits)]


def torus(qubits: int) -> list[tuple[int, int]]:
    """Edges of a square grid four wide, closed both ways; the qubits that are left over hang on as a chain."""
    whole = qubits // 4 * 4
    edges = [(first + k, first + (k + 1) % 4) for first in range(0, whole, 4) for k in range(4)]
    edges += [(vertex, (vertex + 4) % whole) for vertex in range(whole)]
    return edges + [(vertex - 1, vertex) for vertex in range(whole, qubits)]


def qaoa(qubits: int, edges: list[tuple[int, int]], layers: int = 3) -> QuantumCircuit:
    """MaxCut on a symmetric graph: bit strings that a symmetry maps to each other share an amplitude, but for rounding.

    On a random graph the state would be as dense as a random one.
    """
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(qubits)
    circuit.h(range(qubits))
    for layer in range(layers):
        for first, second in edges:
            circuit.rzz(0.4 + 0.15 * layer, first, second)
        circuit.rx(1.2 - 0.3 * layer, range(qubits))
    return circuit


def particles(qubits: int, number: int, layers: int, *, exact: bool) -> QuantumCircuit:
    """Particles that hop along a line, so that only bit strings of so many ones have an amplitude.

    Args:
        qubits: Sites.
        number: Of particles.
        layers: Of hops on every other bond.
        exact: Each hop is one matrix, which leaves zeros zero. Otherwise hops are gates, transpiled for Aer as users
            do, and rounding leaves dust of 1e-17 where zeros should be.
    """
    from qiskit import QuantumCircuit, transpile
    from qiskit.circuit.library import XXPlusYYGate
    from qiskit_aer import AerSimulator

    random = np.random.default_rng(SEED)
    circuit = QuantumCircuit(qubits)
    for particle in range(number):
        circuit.x(particle * qubits // number)
    for layer in range(layers):
        for qubit in range(layer % 2, qubits - 1, 2):
            hop = XXPlusYYGate(*random.uniform(0, math.pi, 2))
            if exact:
                circuit.unitary(hop.to_matrix(), [qubit, qubit + 1])
            else:
                circuit.append(hop, [qubit, qubit + 1])
    if not exact:
        circuit = transpile(circuit, AerSimulator(method="statevector"), optimization_level=1)
    return circuit


def clifford(qubits: int) -> QuantumCircuit:
    """A uniformly random Clifford circuit, simulated as a statevector."""
    from qiskit.quantum_info import random_clifford

    made: QuantumCircuit = random_clifford(qubits, seed=SEED).to_circuit()
    return made


def grover(qubits: int, iterations: int = 8) -> QuantumCircuit:
    """Search for one bit string, a few iterations: one amplitude, and all others alike but for rounding."""
    from qiskit import QuantumCircuit

    marked = np.random.default_rng(SEED).integers(2, size=qubits)
    zeros = [qubit for qubit in range(qubits) if not marked[qubit]]
    circuit = QuantumCircuit(qubits)
    circuit.h(range(qubits))
    for _ in range(iterations):
        for around in (zeros, range(qubits)):
            if around is not zeros:
                circuit.h(range(qubits))
            if around:
                circuit.x(around)
            circuit.mcp(math.pi, list(range(qubits - 1)), qubits - 1)
            if around:
                circuit.x(around)
            if around is not zeros:
                circuit.h(range(qubits))
    return circuit


DENSE = frozenset({"dense"})
CONSERVING = frozenset({"sparse", "conserving"})
FAMILIES: dict[str, Family] = {
    "random": Family("deep random circuit", random_circuit, traits=DENSE),
    "ising": Family("Trotterised Ising", ising, traits=DENSE),
    "ansatz": Family("RY+CX ansatz (real)", ansatz),
    "ghz": Family("GHZ", ghz, traits=frozenset({"sparse"})),
    "qft-basis": Family("QFT of a basis state", qft_of_basis_state),
    "qft-product": Family("QFT of a product state", qft_of_product_state, traits=DENSE),
    "qaoa-squares": Family("QAOA p=3, ring of squares", lambda n: qaoa(n, squares(n))),
    "qaoa-torus": Family("QAOA p=3, torus", lambda n: qaoa(n, torus(n))),
    "half-filling": Family(
        "number-conserving, half filling", lambda n: particles(n, n // 2, n, exact=True), traits=CONSERVING
    ),
    "low-weight": Family("number-conserving, low weight", lambda n: particles(n, 3, 6, exact=False), traits=CONSERVING),
    "clifford": Family("random Clifford", clifford, traits=frozenset({"clifford"})),
    "grover": Family("Grover", grover),
    "random-single": Family("deep random, single precision", random_circuit, single=True),
    "ising-single": Family("Ising, single precision", ising, single=True),
    "noisy": Family("noisy density matrix", lambda n: random_circuit(n // 2, 6), "density_matrix", traits=DENSE),
    "unitary": Family("unitary", lambda n: random_circuit(n // 2), "unitary", traits=DENSE),
}


def depolarising() -> Any:
    """A noise model of depolarising errors on all gates."""
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel(basis_gates=["u", "cx"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.002, 1), ["u"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.01, 2), ["cx"])
    return model


def make(name: str, qubits: int) -> Values:
    """Simulates a state.

    Returns:
        Amplitudes in Qiskit's order, shape ``(2**qubits,)`` and C-contiguous; of matrices the elements, shape
        ``(d, d)`` with ``d = 2**(qubits // 2)``, in Fortran order as Aer gives them.
    """
    from qiskit_aer import AerSimulator

    family = FAMILIES[name]
    circuit = family.circuit(qubits)
    getattr(circuit, f"save_{family.kind}")()
    simulator = AerSimulator(
        method=family.kind, precision="single" if family.single else "double", seed_simulator=SEED % 1000
    )
    noise = {"noise_model": depolarising()} if family.kind == "density_matrix" else {}
    result = simulator.run(circuit, shots=1, **noise).result()
    if not result.success:
        raise RuntimeError(f"Aer could not make {name} of {qubits} qubits: {result.status}")
    values: Values = result.data(0)[family.kind].data
    return values


def kept(folder: Path, name: str, qubits: int) -> Path:
    """The file of a state, which is simulated if it is not there yet; see `numpy.save` for its format."""
    path = folder / f"{name}-{qubits}-v{VERSION}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        begun = time.perf_counter()
        values = make(name, qubits)
        unfinished = path.with_suffix(f".{os.getpid()}.npy")
        np.save(unfinished, values)
        unfinished.replace(path)
        print(f"made {path.name} in {time.perf_counter() - begun:.1f} s", file=sys.stderr, flush=True)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--qubits", type=int, default=20)
    parser.add_argument("--family", nargs="*", choices=FAMILIES, default=list(FAMILIES))
    given = parser.parse_args()
    for name in given.family:
        kept(given.folder, name, given.qubits)


if __name__ == "__main__":
    main()
