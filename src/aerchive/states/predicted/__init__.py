"""Exact storage of states with structure: a prediction of each number, and the difference from it."""
