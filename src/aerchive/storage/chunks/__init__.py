"""Arrays as chunks of bytes: what is to be written or read, in plain Python and NumPy. Nothing here knows HDF5."""
