"""qiskit-addon-cutting: a circuit cut in two, its parts sampled by Aer, and the expectation value put together."""

import numpy as np
from exact import tell
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from qiskit_addon_cutting import (
    generate_cutting_experiments,
    partition_problem,
    reconstruct_expectation_values,
)
from qiskit_aer.primitives import SamplerV2

circuit = efficient_su2(4, entanglement="linear", reps=1)
circuit = circuit.assign_parameters([0.4] * circuit.num_parameters)
observable = SparsePauliOp(["ZZII", "IZZI", "XIXI"])
problem = partition_problem(circuit, partition_labels="AABB", observables=observable.paulis)
np.random.seed(1)
experiments, coefficients = generate_cutting_experiments(
    circuits=problem.subcircuits, observables=problem.subobservables, num_samples=np.inf
)
sampler = SamplerV2(seed=9)
results = {label: sampler.run(parts, shots=256).result() for label, parts in experiments.items()}
terms = reconstruct_expectation_values(results, coefficients, problem.subobservables)
tell(value=float(np.dot(terms, np.ones(3))), circuits=[len(parts) for parts in experiments.values()])
