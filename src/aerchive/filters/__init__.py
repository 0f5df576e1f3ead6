"""Bytes to bytes: the filters a chunk goes through, outside HDF5 and readable by it."""
