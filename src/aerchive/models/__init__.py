"""The documents of the format: what is written about runs, and how values become JSON."""
