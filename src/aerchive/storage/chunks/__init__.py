"""Arrays as chunks of bytes, to be written or read, in plain Python and NumPy. No module here uses HDF5."""
