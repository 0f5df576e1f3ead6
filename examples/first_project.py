"""Archives a run and reads it back: python examples/first_project.py [folder]."""

import sys
import tempfile
from pathlib import Path

from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator


def main(folder: Path) -> None:
    path = folder / "first.h5"

    circuit = QuantumCircuit(2, name="bell")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.save_statevector()
    circuit.measure_all()

    simulator = AerSimulator(project=path, method="statevector", seed_simulator=7)
    live = simulator.run(circuit, shots=1000, name="bell", tags=["example"])
    live.result()  # the run is archived when this returns, and also if nobody asks

    job = aerchive.open(path).job(live.job_id())
    print(f"{job.status()}, counts {job.result().get_counts()}")
    print(job.result().get_statevector())
    print(aerchive.open(path).jobs())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
