"""Projects whose runs are computed again in this process, at once; one test uses the child that does it for users."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from qiskit import QuantumCircuit

from aerchive.aer import AerSimulator
from aerchive.aer.again.recompute import archive_again
from aerchive.aer.opening import QiskitBridge, open_path
from aerchive.project.documents.draft import RunDraft
from aerchive.project.project import Project, open_project
from aerchive.storage.chunks.drafts import DatasetDraft

Spoil = Callable[[Path], None]


class HereBridge(QiskitBridge):
    """Computes runs again in this process.

    Args:
        spoil: What another build of Aer does to the project of the new run.
    """

    def __init__(self, spoil: Spoil | None = None) -> None:
        self.calls = 0
        self.spoil = spoil

    def compute_again(self, path: Path, job_id: str, target: Path, **options: Any) -> list[str]:
        """Runs the run again."""
        self.calls += 1
        run = open_path(path, "r")[job_id]
        left_out = archive_again(run, str(target), options["max_infidelity"], take_resources=True)
        if self.spoil is not None:
            self.spoil(target)
        return left_out


def circuit(qubits: int = 13, label: str = "psi", *, is_measured: bool = True) -> QuantumCircuit:
    """A state of which no byte codec makes much."""
    made = QuantumCircuit(qubits, name=f"{label} of {qubits}")
    for qubit in range(qubits):
        made.ry(0.1 + 0.3 * qubit, qubit)
    for qubit in range(qubits - 1):
        made.cx(qubit, qubit + 1)
        made.rx(0.2 * qubit, qubit)
    made.save_statevector(label=label)
    if is_measured:
        made.measure_all()
    return made


def archive(path: Path, circuits: Any = None, *, name: str = "first", **options: Any) -> None:
    """Archives a run with a state of 128 KiB."""
    simulator = AerSimulator(project=str(path), **{"method": "statevector", "seed_simulator": 5, **options})
    simulator.run(circuit() if circuits is None else circuits, shots=20, name=name, tags=["scan"]).result()


def opened(path: Path, bridge: HereBridge, mode: Any = "a") -> Project:
    """The project, whose runs are computed again by this bridge."""
    return open_project(path, mode, bridge, 5.0)


def other_values(target: Path) -> None:
    """Archives the run anew with one amplitude in eight moved in its last bits, as another build may give them."""
    run = open_path(target, "r").latest()
    with run.opened() as group:
        draft = RunDraft.of_group(group, run.nbytes)
        part = np.array(draft.datasets["statevector"].parts[0][...])
        part[::8] += 1e-15
        old = draft.datasets["statevector"]
        kept = {**draft.datasets, "statevector": DatasetDraft([part], attributes=old.attributes)}
        fresh = target.with_name("fresh.h5")
        open_path(fresh, "x").archive(dataclasses.replace(draft, datasets=kept), "each")
    fresh.replace(target)
