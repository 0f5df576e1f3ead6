"""What is asked of live objects of Qiskit and Aer, so that it can be stored."""
