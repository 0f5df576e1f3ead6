"""mthree: readout calibration of a noisy simulator, and counts corrected with it."""

import mthree
from exact import tell
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError

noise = NoiseModel()
noise.add_all_qubit_readout_error(ReadoutError([[0.97, 0.03], [0.08, 0.92]]))
backend = AerSimulator(noise_model=noise, n_qubits=3, seed_simulator=21)
circuit = QuantumCircuit(3)
circuit.h(0)
circuit.cx(0, 1)
circuit.cx(1, 2)
circuit.measure_all()
counts = backend.run(circuit, shots=2000).result().get_counts()
mitigation = mthree.M3Mitigation(backend)
mitigation.cals_from_system(range(3), shots=2000)
corrected = mitigation.apply_correction(counts, range(3))
tell(counts=counts, corrected=dict(corrected), calibration=list(mitigation.single_qubit_cals))
