"""Mathematics on stored states. They are read in pieces, so that only a part is in memory. Qiskit is not used.

See decision 0010.
"""
