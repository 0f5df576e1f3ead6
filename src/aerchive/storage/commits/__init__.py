"""A commit: all of it or nothing, whenever the process or the machine stops."""
