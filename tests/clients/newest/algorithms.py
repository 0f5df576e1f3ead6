"""qiskit-algorithms: VQE with Aer's estimator, Grover and phase estimation with Aer's sampler."""

from exact import tell
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import EstimatorV2, SamplerV2
from qiskit_algorithms import VQE, AmplificationProblem, Grover
from qiskit_algorithms.optimizers import SPSA
from qiskit_algorithms.utils import algorithm_globals

algorithm_globals.random_seed = 5
manager = generate_preset_pass_manager(1, AerSimulator(), seed_transpiler=1)
estimator = EstimatorV2(options={"backend_options": {"seed_simulator": 5}})
operator = SparsePauliOp.from_list([("ZZ", 1.0), ("XI", 0.5), ("IX", 0.5)])
ansatz = efficient_su2(2, reps=1)
found = VQE(estimator, ansatz, SPSA(maxiter=5), initial_point=[0.1] * ansatz.num_parameters)
energy = found.compute_minimum_eigenvalue(operator)

oracle = QuantumCircuit(2)
oracle.cz(0, 1)
grover = Grover(sampler=SamplerV2(seed=7), iterations=1, transpiler=manager)
amplified = grover.amplify(AmplificationProblem(oracle, is_good_state=["11"]))
tell(
    energy=complex(energy.eigenvalue),
    point=energy.optimal_point,
    top=amplified.top_measurement,
    probability=float(amplified.max_probability),
)
