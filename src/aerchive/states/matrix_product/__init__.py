"""States of many qubits as products of small matrices: how they are found, proven, expanded and asked."""
