"""The transactional project file: besides the filters, the only package that uses HDF5."""
