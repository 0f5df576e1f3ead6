"""What the operating system gives: files and their names, locks, signals, file systems. Nothing here knows HDF5."""
