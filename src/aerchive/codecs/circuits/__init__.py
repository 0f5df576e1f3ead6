"""Circuits, such that they come back and run again bit for bit in Aer."""
