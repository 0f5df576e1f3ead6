"""Runs that are not in the project yet: kept in spools beside it, and moved into it."""
