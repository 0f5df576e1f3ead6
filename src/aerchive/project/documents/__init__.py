"""The documents of a run: the draft that is to be written, and what is read from its group."""
