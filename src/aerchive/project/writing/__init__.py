"""Writing of runs and of rows of the catalogue inside a commit."""
