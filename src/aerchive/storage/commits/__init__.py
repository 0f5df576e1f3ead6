"""Atomic commits: a commit takes effect completely or not at all, whenever the process or the machine stops.

See decision 0003.
"""
