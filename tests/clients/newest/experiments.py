"""qiskit-experiments: T1, readout error and state tomography with its own noisy backend and run options."""

from exact import tell
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, thermal_relaxation_error
from qiskit_experiments.library import T1, LocalReadoutError, StateTomography

noise = NoiseModel()
noise.add_all_qubit_quantum_error(thermal_relaxation_error(50e-6, 70e-6, 100e-9), ["sx", "x"])
noise.add_all_qubit_readout_error(ReadoutError([[0.98, 0.02], [0.05, 0.95]]))
backend = AerSimulator(noise_model=noise, seed_simulator=11)
bell = QuantumCircuit(2)
bell.h(0)
bell.cx(0, 1)
found = {}
for name, experiment in {
    "t1": T1([0], [1e-6 * n for n in range(1, 60, 10)], backend=backend),
    "readout": LocalReadoutError([0, 1], backend=backend),
    "tomography": StateTomography(bell, backend=backend),
}.items():
    data = experiment.run(backend, shots=500).block_for_results()
    found[name] = [one["counts"] for one in data.data()]
    results = data.analysis_results(dataframe=True)
    found[f"{name} names"] = list(results["name"])
tell(**found)
