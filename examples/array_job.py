"""One task of an array job, with a project of its own: python examples/array_job.py [folder] [task] [tasks].

The batch system starts the tasks at the same time, on any number of machines. In the end one command makes one project
of all files: aerchive merge study.h5 task-*.h5
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator

ANGLES = np.linspace(0, np.pi, 12)


def main(folder: Path, task: int, tasks: int) -> None:
    project = aerchive.open(folder / f"task-{task}.h5")  # no other task writes to it
    done = project.done("angle") if len(project) else set()  # not empty if the task is started again
    simulator = AerSimulator(project=project)

    for angle in map(float, ANGLES[task::tasks]):
        if angle in done:
            continue
        circuit = QuantumCircuit(2, name="rotation")
        circuit.ry(angle, 0)
        circuit.cx(0, 1)
        circuit.save_statevector()
        circuit.measure_all()
        simulator.run(circuit, shots=500, params={"angle": angle}, tags=["array"]).result()
    print(f"task {task} of {tasks}: {len(project.done('angle'))} points are in {project.path.name}")


if __name__ == "__main__":
    given = sys.argv[1:]
    task = int(given[1] if len(given) > 1 else os.environ.get("SLURM_ARRAY_TASK_ID", "0"))
    tasks = int(given[2] if len(given) > 2 else os.environ.get("SLURM_ARRAY_TASK_COUNT", "1"))
    if given:
        main(Path(given[0]), task, tasks)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary), task, tasks)
