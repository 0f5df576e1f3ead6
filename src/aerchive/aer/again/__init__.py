"""Running a stored run again, and comparing what comes out."""
