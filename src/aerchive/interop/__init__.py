"""Converts columns to table objects of other libraries. This package does not use projects."""
