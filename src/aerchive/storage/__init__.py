"""The transactional file: the only floor, with the filters, that speaks HDF5."""
