"""The catalogue: one row for each run, and the conditions that select rows."""
