"""Projects and the runs in them; Qiskit is imported only when one of its objects is requested."""
