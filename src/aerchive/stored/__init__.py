"""Values of a stored run that read only the requested parts. This package does not depend on the project."""
