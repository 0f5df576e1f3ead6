"""Projects and the runs in them, without Qiskit until somebody asks for its objects."""
