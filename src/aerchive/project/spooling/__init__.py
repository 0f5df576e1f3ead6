"""Runs that are not in the project yet: they are kept in spools beside it, and moved into it."""
