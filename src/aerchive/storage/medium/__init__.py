"""Access to the operating system: files and their names, locks, signals, file systems. No module here uses HDF5."""
