"""Pictures of runs and of the whole project, which HDFView shows on a double click."""
