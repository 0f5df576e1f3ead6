"""The group of a run: what is to be written, and what is read of it."""
