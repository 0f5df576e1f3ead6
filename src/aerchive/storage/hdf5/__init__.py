"""Nodes of an HDF5 file, read and written through h5py."""
