"""Runs and rows of the catalogue, written inside a commit."""
