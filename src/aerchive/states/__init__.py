"""Mathematics on stored states, piece by piece: nothing of Qiskit, nothing of HDF5, never the whole state in memory."""
