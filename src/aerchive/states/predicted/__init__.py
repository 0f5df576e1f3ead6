"""Exact storage of states with structure: a prediction of each number, and the difference in units of the last place."""
