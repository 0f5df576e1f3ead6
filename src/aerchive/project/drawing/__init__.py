"""Drawing a run with matplotlib: for pictures in the project, and on axes of the user."""
