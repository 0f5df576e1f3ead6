"""What the sweeps of the tests run; a module of its own, so that workers import it."""

from __future__ import annotations

import os
import time
from typing import Any

from qiskit import QuantumCircuit


def rotation(x: float) -> QuantumCircuit:
    """A small circuit of an angle."""
    circuit = QuantumCircuit(2)
    circuit.ry(x, 0)
    circuit.cx(0, 1)
    circuit.save_statevector()
    circuit.measure_all()
    return circuit


def noted(point: dict[str, Any]) -> tuple[QuantumCircuit, dict[str, Any]]:
    """The circuit of a point, after some time; each call is one line in a file."""
    fd = os.open(point["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, f"{point['x']}\n".encode())
    os.close(fd)
    time.sleep(point["seconds"])
    return rotation(point["x"]), {"shots": 100, "seed_simulator": 1}
