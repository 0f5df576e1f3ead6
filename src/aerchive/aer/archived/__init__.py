"""Jobs and results of Qiskit that are made from stored runs."""
