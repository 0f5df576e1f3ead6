"""Archives what the stock simulator of Aer computed: python examples/plain_aer.py [folder]."""

import sys
import tempfile
from pathlib import Path

import qiskit_aer
from qiskit import QuantumCircuit

import aerchive


def main(folder: Path) -> None:
    circuit = QuantumCircuit(3, name="ghz")
    circuit.h(0)
    circuit.cx([0, 1], [1, 2])
    circuit.measure_all()
    simulator = qiskit_aer.AerSimulator(seed_simulator=3)
    project = aerchive.open(folder / "plain.h5")

    # A job knows its circuits and options.
    job = simulator.run(circuit, shots=300)
    run = project.save(job, name="a stock job", tags=["plain"])
    print(run, run.counts(), run.record.config.options)

    # A Result does not, so they are given; what is not given is not archived.
    result = simulator.run(circuit, shots=300).result()
    print(project.save(result, circuits=circuit, options={"shots": 300}, name="a bare Result"))

    # Saved twice is archived once, with the labels of both.
    again = project.save(job, tags=["twice"])
    print(again.tags, len(project))

    # Many saves in one commit, or none of them.
    with project.transaction():
        for shots in (10, 100, 1000):
            project.save(simulator.run(circuit, shots=shots), tags=["batch"])
    print([run.counts() for run in project.find(tags="batch")])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
