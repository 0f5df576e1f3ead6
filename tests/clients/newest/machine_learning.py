"""qiskit-machine-learning: a network of an estimator, its gradient, and a sampler network, without torch."""

import numpy as np
from exact import tell
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.primitives import EstimatorV2, SamplerV2
from qiskit_machine_learning.gradients import ParamShiftEstimatorGradient
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN

x, w = Parameter("x"), Parameter("w")
circuit = QuantumCircuit(1)
circuit.ry(x, 0)
circuit.rx(w, 0)
estimator = EstimatorV2(options={"default_precision": 0.0})
network = EstimatorQNN(
    circuit=circuit,
    estimator=estimator,
    observables=SparsePauliOp("Z"),
    input_params=[x],
    weight_params=[w],
    gradient=ParamShiftEstimatorGradient(estimator),
    default_precision=0.0,
)
inputs = np.linspace(0, 1, 4).reshape(-1, 1)
values = network.forward(inputs, [0.3])
_, slopes = network.backward(inputs, [0.3])
measured = circuit.copy()
measured.measure_all()
sampled = SamplerQNN(circuit=measured, sampler=SamplerV2(seed=3), input_params=[x], weight_params=[w])
tell(values=values, slopes=slopes, samples=np.asarray(sampled.forward(inputs, [0.3])))
