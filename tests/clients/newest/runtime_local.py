"""qiskit-ibm-runtime: its primitives in local mode, over Aer and over a fake device, in a batch."""

import warnings

import numpy as np
from exact import tell
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import Batch, EstimatorV2, SamplerV2
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

warnings.simplefilter("ignore")
circuit = QuantumCircuit(2)
circuit.h(0)
circuit.cx(0, 1)
measured = circuit.copy()
measured.measure_all()
found = {}
for name, backend in {"aer": AerSimulator(seed_simulator=3), "fake": FakeManilaV2()}.items():
    manager = generate_preset_pass_manager(optimization_level=1, backend=backend, seed_transpiler=1)
    options = {"simulator": {"seed_simulator": 17}}
    with Batch(backend=backend) as batch:
        sampler = SamplerV2(mode=batch, options=options)
        counts = sampler.run([manager.run(measured)], shots=400).result()[0].data.meas.get_counts()
        estimator = EstimatorV2(mode=batch, options=options)
        isa = manager.run(circuit)
        observable = SparsePauliOp(["ZZ", "XX"]).apply_layout(isa.layout)
        evs = estimator.run([(isa, observable)]).result()[0].data.evs
    found |= {f"{name} counts": counts, f"{name} evs": np.asarray(evs)}
tell(**found)
