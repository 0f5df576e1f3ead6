"""Running a stored run again, and comparing the results."""
