"""Looking after a project: verify, compact, space, delete and restore, rebuild."""
