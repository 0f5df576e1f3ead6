"""Files beside a project with what is not in it yet: jobs that run, and finished runs. Nothing here knows HDF5."""
