"""Values of a stored run that read only what is asked for. Nothing here knows a project."""
