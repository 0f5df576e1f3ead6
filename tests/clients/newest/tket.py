"""pytket-qiskit: counts, a state and a unitary from tket's backends over Aer."""

from exact import tell
from pytket.circuit import Circuit
from pytket.extensions.qiskit import AerBackend, AerStateBackend, AerUnitaryBackend

circuit = Circuit(2).H(0).CX(0, 1)
measured = circuit.copy().measure_all()
backend = AerBackend()
compiled = backend.get_compiled_circuit(measured)
handles = backend.process_circuits([compiled, compiled], n_shots=300, seed=8)
counts = [{str(key): value for key, value in sorted(one.get_counts().items())} for one in backend.get_results(handles)]
states, unitaries = AerStateBackend(), AerUnitaryBackend()
tell(
    counts=counts,
    state=states.run_circuit(states.get_compiled_circuit(circuit)).get_state(),
    unitary=unitaries.run_circuit(unitaries.get_compiled_circuit(circuit)).get_unitary(),
)
