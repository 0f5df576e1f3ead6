"""qiskit-nature: the energy of hydrogen from its integrals, with VQE and Aer's estimator."""

import numpy as np
from exact import tell
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import EstimatorV2
from qiskit_algorithms import VQE
from qiskit_algorithms.optimizers import SPSA
from qiskit_algorithms.utils import algorithm_globals
from qiskit_nature.second_q.circuit.library import UCCSD, HartreeFock
from qiskit_nature.second_q.hamiltonians import ElectronicEnergy
from qiskit_nature.second_q.mappers import JordanWignerMapper

algorithm_globals.random_seed = 5
one_body = np.diag([-1.2563, -0.4719])
two_body = np.zeros((2, 2, 2, 2))
two_body[0, 0, 0, 0], two_body[1, 1, 1, 1] = 0.6757, 0.6986
two_body[0, 0, 1, 1] = two_body[1, 1, 0, 0] = 0.6646
for place in ((0, 1, 0, 1), (0, 1, 1, 0), (1, 0, 0, 1), (1, 0, 1, 0)):
    two_body[place] = 0.1809
mapper = JordanWignerMapper()
operator = mapper.map(ElectronicEnergy.from_raw_integrals(one_body, two_body).second_q_op())
state = HartreeFock(2, (1, 1), mapper)
ansatz = UCCSD(2, (1, 1), mapper, initial_state=state)
manager = generate_preset_pass_manager(1, AerSimulator(), seed_transpiler=1)
start = [0.0] * ansatz.num_parameters
vqe = VQE(
    EstimatorV2(options={"default_precision": 0.0}), ansatz, SPSA(maxiter=4), initial_point=start, transpiler=manager
)
found = vqe.compute_minimum_eigenvalue(operator)
tell(energy=complex(found.eigenvalue), point=found.optimal_point, evaluations=found.cost_function_evals)
