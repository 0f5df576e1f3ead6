"""The filters of chunks. They convert bytes to bytes outside HDF5, and HDF5 can read the result."""
