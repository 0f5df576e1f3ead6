"""Collecting data from live objects of Qiskit and Aer, so that they can be stored."""
