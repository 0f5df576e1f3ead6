"""Cards of unusual objects: each part between two marks is a cell of a notebook that `screenshots` executes."""

# ruff: noqa: B018
# %%
import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

import aerchive
from aerchive.aer import AerSimulator

project = aerchive.open("gallery.h5")
simulator = AerSimulator(project=project, method="statevector")
bell = QuantumCircuit(2, 2, name="bell")
bell.h(0)
bell.cx(0, 1)
bell.save_unitary(label="before")
bell.measure([0, 1], [0, 1])
wide = QuantumCircuit(20, name="wide")
for qubit in range(20):
    wide.ry(0.1 * qubit, qubit)
wide.save_statevector(label="psi")
wide.measure_all()
project
# %%
evil = "<script>alert(1)</script>\x1b[31m\u202e" + "x" * 10_000
AerSimulator(project=project, method="unitary").run(bell.remove_final_measurements(inplace=False)).result()
job = simulator.run(
    wide, shots=2000, name=evil, tags=[evil, "</div>"], notes=evil * 3, params={evil: evil, "p": [1, 2]}
)
job.result()
hostile = project.latest()
hostile
# %%
hostile.state()
# %%
project
# %%
circuits = []
for number in range(3):
    mixed = QuantumCircuit(3, 3, name=f"step-{number}")
    mixed.ry(0.3 * number, 0)
    mixed.cx(0, 1)
    mixed.save_density_matrix(label="rho")
    mixed.save_expectation_value(SparsePauliOp("ZZI"), [0, 1, 2], label="zz")
    mixed.measure(range(3), range(3))
    circuits.append(mixed)
AerSimulator(project=project, method="density_matrix").run(circuits, shots=100, tags="steps").result()
steps = project.latest()
steps
# %%
steps.state("rho")
# %%
steps.stack("rho", experiment=None)
# %%
steps.result()
# %%
steps.attach("fit", np.arange(12.0).reshape(3, 4))
steps.attachments
# %%
steps.attachments["fit"]
# %%
broken = QuantumCircuit(40)
broken.h(range(40))
broken.measure_all()
simulator.run(broken, tags="too large").result()
project.latest()
# %%
project.find()
# %%
project.jobs(job_tags=["nothing"])
# %%
project.space()
# %%
project.verify()
# %%
project.clean(keep=1, dry_run=True)
# %%
steps.reproduce()
# %%
project.latest(tags="steps").job()
