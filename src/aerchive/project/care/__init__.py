"""Maintenance of a project: verify, compact, space, delete and restore, rebuild."""
