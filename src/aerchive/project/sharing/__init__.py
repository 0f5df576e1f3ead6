"""Sharing of projects: merging two, extracting a part of one, and what differs between two."""
