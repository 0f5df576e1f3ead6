"""pennylane-qiskit: counts, an expectation value and its gradient from PennyLane's device over Aer."""

import numpy as np
import pennylane as qml
from exact import tell

shots = qml.device("qiskit.aer", wires=2, seed_simulator=42)


def circuit(angle: float) -> None:
    """A rotation and an entangling gate."""
    qml.RX(angle, wires=0)
    qml.CNOT(wires=[0, 1])


@qml.set_shots(300)
@qml.qnode(shots)
def counts(angle: float) -> object:
    """Counts of all wires."""
    circuit(angle)
    return qml.counts()


@qml.set_shots(300)
@qml.qnode(shots, diff_method="parameter-shift")
def value(angle: float) -> object:
    """The expectation value of an observable."""
    circuit(angle)
    return qml.expval(qml.PauliZ(0))


tell(
    counts={str(key): int(number) for key, number in counts(0.4).items()},
    value=np.asarray(value(qml.numpy.array(0.4, requires_grad=True)), float),
    slope=np.asarray(qml.grad(value)(qml.numpy.array(0.4, requires_grad=True)), float),
)
